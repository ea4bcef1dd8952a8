"""`ekpay partners`: who may call us, their secrets, their API keys and their prefunds."""

import re
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.parties import api_keys, limits, partner_statements
from ekpay_switch.cli.parties.access import ApprovedBy, AskedBy, ask_for
from ekpay_switch.cli.parties.corrections import TOP_UP_CORRECTIONS
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, passphrase, taka
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.partner_limits import FetchTerms, MessageWindow
from ekpay_switch.persistence.access.client_access import partner_order, secret_order
from ekpay_switch.persistence.parties.partners import NewPartner, PartnerLine, Partners
from ekpay_switch.persistence.parties.staff import Role, Staff
from ekpay_switch.persistence.parties.top_ups import OnePersonError, TopUp, TopUps

app = typer.Typer(help="Partners, their secrets, API keys and prefunds.", no_args_is_help=True)
api_keys.register(app)
partner_statements.register(app)
TOP_UP_CORRECTIONS.register(app)
app.add_typer(limits.app, name="limits")

_ID = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ASKER = "EKPAY_STAFF_PASSPHRASE"
_APPROVER = "EKPAY_APPROVER_PASSPHRASE"


class Bucket(StrEnum):
    """The two prefunds of a partner."""

    POSTPAID = "postpaid"
    PREPAID = "prepaid"


def _partner_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise typer.BadParameter("an id is a small letter, then up to 31 of a-z, 0-9 and -")
    return text


def _nd_id(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"NS[0-9]{1,15}", text):
        raise typer.BadParameter("an nd_id is NS and digits")
    return text


def _syndct_id(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"s[0-9]{1,15}", text):
        raise typer.BadParameter("a syndct_id is s and digits")
    return text


PartnerId = Annotated[str, typer.Argument(help="The partner's id.")]


@app.command()
def add(
    partner_id: Annotated[str, typer.Argument(callback=_partner_id, help="Our id of it, for good.")],
    name: Annotated[str, typer.Option(help="What people call it.")],
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    *,
    user_id: Annotated[str | None, typer.Option(help="Its name at get-token; the id by default.")] = None,
    nd_id: Annotated[
        str | None, typer.Option(callback=_nd_id, help="NS and digits; given if left out.")
    ] = None,
    syndct_id: Annotated[
        str | None, typer.Option(callback=_syndct_id, help="s and digits; given if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a partner with two empty prefunds; the approval prints its secrets, once."""
    new = NewPartner(partner_id, name, user_id or partner_id, nd_id, syndct_id)
    ask_for(partner_order(new), asked_by, approved_by, as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(
    partner_id: PartnerId,
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=24 * 90, help="How long messages under the old secret still open.")
    ] = 24,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask for a new shared secret of a partner; with the approval its security tokens are dead at once."""
    order = secret_order(partner_id, timedelta(hours=overlap_hours))
    ask_for(order, asked_by, approved_by, as_json=as_json)


@app.command("set-token-rate")
def set_token_rate(
    partner_id: PartnerId,
    tokens_per_second: Annotated[int, typer.Argument(min=1, max=100_000, help="By its agreement.")],
) -> None:
    """Let a partner take so many tokens a second at get-token, in each process that serves it."""
    session = open_session()
    keys = session.keys()
    session.run(lambda engine: Partners(engine, keys).set_token_rate(partner_id, tokens_per_second))
    typer.echo(f"{partner_id} may take {tokens_per_second} tokens a second.")


@app.command("set-fetch-limits")
def set_fetch_limits(
    partner_id: PartnerId,
    in_flight: Annotated[int, typer.Option(min=1, max=10_000, help="At the same time, in each process.")],
    per_second: Annotated[int, typer.Option(min=1, max=100_000, help="A second, in all processes together.")],
) -> None:
    """Let a partner fetch so many bills by its agreement; payments are not counted."""
    session = open_session()
    keys, terms = session.keys(), FetchTerms(in_flight, per_second)
    session.run(lambda engine: Partners(engine, keys).set_fetch_terms(partner_id, terms))
    typer.echo(f"{partner_id} may fetch {in_flight} bills at the same time and {per_second} a second.")


@app.command("set-message-window")
def set_message_window(
    partner_id: PartnerId,
    age_seconds: Annotated[
        int | None, typer.Option(min=60, max=31_622_400, help="How old; any age if left out.")
    ] = None,
    ahead_seconds: Annotated[
        int | None, typer.Option(min=60, max=31_622_400, help="How far ahead of our clock; any if left out.")
    ] = None,
) -> None:
    """Take fetches and payments of a partner whose hdrs.tms lies within this window, by its agreement."""
    session = open_session()
    keys, window = session.keys(), MessageWindow(age_seconds, ahead_seconds)
    session.run(lambda engine: Partners(engine, keys).set_message_window(partner_id, window))
    age, ahead = ("any" if bound is None else f"{bound} s" for bound in (age_seconds, ahead_seconds))
    typer.echo(f"{partner_id} may send messages of {age} ago and {ahead} ahead.")


@app.command("list")
@prints_list
def list_() -> PrintedList:
    """List partners and what stands in their prefunds."""
    session = open_session()
    keys = session.keys()
    lines: Sequence[PartnerLine] = session.run(lambda engine: Partners(engine, keys).list())
    headings = (
        "partner",
        "name",
        "nd_id",
        "syndct_id",
        "user_id",
        ">postpaid",
        ">prepaid",
        "active",
        "since (Dhaka)",
    )
    return PrintedList(
        "Partners", headings, (_for_people(line) for line in lines), (_for_programs(line) for line in lines)
    )


@app.command("top-up")
def top_up(
    partner_id: PartnerId,
    bucket: Annotated[Bucket, typer.Argument(help="Which prefund.")],
    amount: Annotated[Money, typer.Argument(parser=typed_taka, metavar="TAKA", help="At most two decimals.")],
    reference: Annotated[str, typer.Option(help="The bank statement's own reference of the transfer.")],
    asked_by: Annotated[str, typer.Option("--by", help="Who asks, of the staff.")],
    approved_by: Annotated[
        str | None, typer.Option(help="Who approves, if here already; else see `approve`.")
    ] = None,
) -> None:
    """Put a partner's transfer into a prefund; it takes two persons of finance."""
    if approved_by == asked_by:
        raise OnePersonError
    asking = passphrase(_ASKER, f"Passphrase of {asked_by}")
    approving = passphrase(_APPROVER, f"Passphrase of {approved_by}") if approved_by else ""
    session, order = open_session(), TopUp(partner_id, bucket.value, amount, reference)

    async def _carry_out(engine: AsyncEngine) -> tuple[UUID, Money | None]:
        # Both persons first: a request that cannot be approved here would only wait and block its reference.
        await Staff(engine).verify(asked_by, asking, Role.FINANCE)
        if approved_by:
            await Staff(engine).verify(approved_by, approving, Role.FINANCE)
        top_ups = TopUps(session.database.connect)
        top_up_id = await top_ups.request(order, asked_by)
        return top_up_id, await top_ups.approve(top_up_id, approved_by) if approved_by else None

    top_up_id, added = session.run(_carry_out)
    if added is None:
        typer.echo(f"Top-up {top_up_id} waits: ekpay partners approve {top_up_id} --by NAME")
    else:
        typer.echo(f"Added {added} to the {bucket.value} prefund of {partner_id}.")


@app.command()
def approve(
    top_up_id: Annotated[UUID, typer.Argument(help="The top-up that waits.")],
    approved_by: Annotated[str, typer.Option("--by", help="Who approves; not who asked.")],
) -> None:
    """Approve a top-up that somebody else has asked for, which posts it."""
    approving = passphrase(_APPROVER, f"Passphrase of {approved_by}")
    session = open_session()

    async def _carry_out(engine: AsyncEngine) -> Money:
        await Staff(engine).verify(approved_by, approving, Role.FINANCE)
        return await TopUps(session.database.connect).approve(top_up_id, approved_by)

    typer.echo(f"Added {session.run(_carry_out)}.")


def _for_people(line: PartnerLine) -> tuple[str, ...]:
    prefunds = (taka(line.prefunds[bucket].minor) if bucket in line.prefunds else "" for bucket in Bucket)
    active = "yes" if line.is_active else "no"
    return (
        line.id,
        line.name,
        line.nd_id or "",
        line.syndct_id or "",
        line.user_id or "",
        *prefunds,
        active,
        dhaka(line.created_at),
    )


def _for_programs(line: PartnerLine) -> dict[str, object]:
    return {
        "id": line.id,
        "name": line.name,
        "nd_id": line.nd_id,
        "syndct_id": line.syndct_id,
        "user_id": line.user_id,
        "tokens_per_second": line.tokens_per_second,
        "fetches_in_flight": line.fetches.in_flight,
        "fetches_per_second": line.fetches.per_second,
        "message_age_seconds": line.messages.age_seconds,
        "message_ahead_seconds": line.messages.ahead_seconds,
        "generation": line.generation,
        "is_active": line.is_active,
        "created_at": line.created_at,
        "prefunds": {bucket: money.minor for bucket, money in line.prefunds.items()},
    }
