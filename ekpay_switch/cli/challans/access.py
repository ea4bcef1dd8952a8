"""`ekpay merchants challan-access`: which merchants may pay the treasury from what they are owed."""

import re
from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.merchants.finance_persons import (
    By,
    PartnerId,
    carry_out,
    id_of_merchant,
    of_merchant,
)
from ekpay_switch.cli.parties.access import ApprovedBy, AskedBy, ask_for
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka
from ekpay_switch.persistence.access.client_access import challan_access_order, challan_key_order
from ekpay_switch.persistence.challans.users import ChallanAccess, ChallanGrant, ChallanUserLine

app = typer.Typer(help="Merchants that may raise treasury challans, and their keys.", no_args_is_help=True)

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{2,63}")
_BIN = re.compile(r"[0-9]{9}-?[0-9]{4}")


def _username(text: str) -> str:
    if not _USERNAME.fullmatch(text):
        raise typer.BadParameter("a user name is 3 to 64 of A-Z, a-z, 0-9, _, ., @ and -")
    return text


def _bin(text: str) -> str:
    if not _BIN.fullmatch(text):
        raise typer.BadParameter("a BIN is 13 digits, perhaps with a hyphen before the last four")
    return text


@app.command()
def give(
    merchant: PartnerId,
    username: Annotated[
        str, typer.Option(callback=_username, help="Its name there; in the sandbox it ends in _challan_test.")
    ],
    bin_: Annotated[
        str, typer.Option("--bin", callback=_bin, help="The business number that the treasury knows it by.")
    ],
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask that a merchant may raise treasury challans; the approval prints its key, once."""
    order = challan_access_order(ChallanGrant(id_of_merchant(merchant), username, bin_))
    ask_for(order, asked_by, approved_by, as_json=as_json)


@app.command("rotate-key")
def rotate_key(
    merchant: PartnerId, asked_by: AskedBy, approved_by: ApprovedBy = None, *, as_json: AsJson = False
) -> None:
    """Ask for a new key; with the approval, which prints it once, the one before is dead at once."""
    ask_for(challan_key_order(id_of_merchant(merchant)), asked_by, approved_by, as_json=as_json)


@app.command()
def on(merchant: PartnerId, by: By) -> None:
    """Switch the access on again."""
    _set_active(merchant, by, is_active=True)
    typer.echo(f"{merchant} may raise challans.")


@app.command()
def off(merchant: PartnerId, by: By) -> None:
    """Switch the access off; what was taken on already is seen through."""
    _set_active(merchant, by, is_active=False)
    typer.echo(f"{merchant} may raise no challans.")


def _set_active(merchant: str, by: str, *, is_active: bool) -> None:
    async def _set(engine: AsyncEngine, partner_id: str) -> None:
        await ChallanAccess(engine).set_active(partner_id, by, is_active=is_active)

    carry_out(by, of_merchant(merchant, _set))


@app.command("list")
@prints_list
def list_() -> PrintedList:
    """List who may raise challans; the keys themselves are not kept."""
    lines: Sequence[ChallanUserLine] = open_session().run(lambda engine: ChallanAccess(engine).list())
    headings = ("merchant", "user name", "BIN", "active", "since (Dhaka)")
    return PrintedList(
        "Challan access",
        headings,
        (_for_people(line) for line in lines),
        (_for_programs(line) for line in lines),
    )


def _for_people(line: ChallanUserLine) -> tuple[str, ...]:
    return line.partner_id, line.username, line.bin, "yes" if line.is_active else "no", dhaka(line.created_at)


def _for_programs(line: ChallanUserLine) -> dict[str, object]:
    return {
        "partner_id": line.partner_id,
        "username": line.username,
        "bin": line.bin,
        "generation": line.generation,
        "is_active": line.is_active,
        "created_at": line.created_at,
    }
