"""`ekpay merchants payees`: who may have a share of a merchant's payments."""

from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.merchants.finance_persons import By, PartnerId, carry_out, of_merchant
from ekpay_switch.cli.merchants.imports import import_payees
from ekpay_switch.cli.merchants.terms import read_payee
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, show_json
from ekpay_switch.domain.merchants.merchant import PayeeKind
from ekpay_switch.persistence.merchants.payees import MerchantPayees, PayeeLine
from ekpay_switch.persistence.merchants.staff_actions import ClashError

app = typer.Typer(help="Who may have a share of a merchant's payments.", no_args_is_help=True)
app.command("import")(import_payees)

_Code = Annotated[str, typer.Argument(metavar="CODE", help="What the merchant's orders call it, for good.")]


@app.command()
def add(
    partner_id: PartnerId,
    code: _Code,
    kind: Annotated[PayeeKind, typer.Option(help="What it is, for good.")],
    name: Annotated[str, typer.Option(help="What people call it.")],
    by: By,
    *,
    as_json: AsJson = False,
) -> None:
    """Register a payee; one that stands so already is left alone."""
    payee, wrong = read_payee(code, kind.value, name)
    if payee is None:
        raise typer.BadParameter("; ".join(f"{column}: {fault}" for column, fault in wrong.items()))

    async def _add(engine: AsyncEngine, merchant: str) -> bool:
        return bool(await MerchantPayees(engine).add_all(merchant, [payee], by))

    try:
        is_new = carry_out(by, of_merchant(partner_id, _add))
    except ClashError as problem:
        raise typer.BadParameter(f"{code} stands already with another kind or name") from problem
    if as_json:
        show_json({"code": code, "is_new": is_new})
        return
    typer.echo(f"{code} {'is registered' if is_new else 'stands already'}.")


@app.command("list")
@prints_list
def list_(partner_id: PartnerId) -> PrintedList:
    """List a merchant's payees."""
    reading = of_merchant(partner_id, lambda engine, merchant: MerchantPayees(engine).list(merchant))
    lines = open_session().run(reading)
    headings = ("code", "kind", "name", "active", "since (Dhaka)")
    return PrintedList(
        f"Payees of {partner_id}",
        headings,
        (_for_people(line) for line in lines),
        (_for_programs(line) for line in lines),
    )


@app.command()
def activate(partner_id: PartnerId, code: _Code, by: By, *, as_json: AsJson = False) -> None:
    """Let a payee have shares of new payments again."""
    _set_active(partner_id, code, by, is_active=True, as_json=as_json)


@app.command()
def deactivate(partner_id: PartnerId, code: _Code, by: By, *, as_json: AsJson = False) -> None:
    """Let a payee have no share of new payments; what it is owed stays."""
    _set_active(partner_id, code, by, is_active=False, as_json=as_json)


def _set_active(partner_id: str, code: str, by: str, *, is_active: bool, as_json: bool) -> None:
    async def _set(engine: AsyncEngine, merchant: str) -> None:
        await MerchantPayees(engine).set_active(merchant, code, by, is_active=is_active)

    carry_out(by, of_merchant(partner_id, _set))
    if as_json:
        show_json({"code": code, "is_active": is_active})
        return
    typer.echo(f"{code} is {'active' if is_active else 'not active any more'}.")


def _for_people(line: PayeeLine) -> tuple[str, ...]:
    payee = line.payee
    return payee.code, payee.kind.value, payee.name, "yes" if line.is_active else "no", dhaka(line.created_at)


def _for_programs(line: PayeeLine) -> dict[str, object]:
    return {
        "code": line.payee.code,
        "kind": line.payee.kind.value,
        "name": line.payee.name,
        "is_active": line.is_active,
        "created_at": line.created_at,
    }
