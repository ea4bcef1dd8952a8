"""`ekpay billers deposits`, `deposit` and `approve-deposit`: what we keep at prefunded utilities."""

from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.billers.profiles import profiles_of
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import passphrase, taka
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.ledger.deposits import DepositLine, Deposits, read_deposits
from ekpay_switch.persistence.parties.staff import Role, Staff
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.settings import read_settings

ASKER_VARIABLE = "EKPAY_STAFF_PASSPHRASE"
APPROVER_VARIABLE = "EKPAY_APPROVER_PASSPHRASE"


_APPROVED_BY = typer.Option("--by", help="Who approves; not who asked.")


def register(app: typer.Typer) -> None:
    """Add the three commands to those about billers."""
    app.command("deposits")(list_deposits)
    app.command("deposit")(deposit)
    app.command("approve-deposit")(approve_deposit)


def _alarm_days() -> dict[str, float]:
    """The prefunded utilities of this installation, and the days of vending that each should have left."""
    profiles = profiles_of(read_settings())
    return {profile.id: profile.deposit_alarm_days for profile in profiles if profile.pays_from_deposit}


@prints_list
def list_deposits() -> PrintedList:
    """What we keep at each prefunded utility, by our own books, and where that is too little."""
    alarms = _alarm_days()
    lines = open_session().run(lambda engine: read_deposits(engine, alarms))
    headings = ("biller", ">left", ">vended lately", "alarm")
    return PrintedList(
        "Deposits at utilities",
        headings,
        (_for_people(line) for line in lines),
        (_for_programs(line) for line in lines),
    )


def deposit(
    biller_id: Annotated[str, typer.Argument(help="The utility.")],
    amount: Annotated[Money, typer.Argument(parser=typed_taka, metavar="TAKA", help="What was transferred.")],
    reference: Annotated[str, typer.Option(help="The bank statement's own reference of the transfer.")],
    asked_by: Annotated[str, typer.Option("--by", help="Who asks, of the staff.")],
    approved_by: Annotated[str | None, typer.Option(help="Who approves, if here already.")] = None,
) -> None:
    """Book a transfer from our bank account to a prefunded utility; it takes two persons of finance."""
    if biller_id not in _alarm_days():
        raise typer.BadParameter(f"we keep no deposit at {biller_id}")
    if approved_by == asked_by:
        raise OnePersonError
    asking = passphrase(ASKER_VARIABLE, f"Passphrase of {asked_by}")
    approving = passphrase(APPROVER_VARIABLE, f"Passphrase of {approved_by}") if approved_by else ""
    session = open_session()

    async def _carry_out(engine: AsyncEngine) -> UUID:
        # Both persons first: a request that cannot be approved here would only wait and block its reference.
        await Staff(engine).verify(asked_by, asking, Role.FINANCE)
        if approved_by:
            await Staff(engine).verify(approved_by, approving, Role.FINANCE)
        deposits = Deposits(session.database.connect)
        transfer_id = await deposits.request(biller_id, amount, reference, asked_by)
        if approved_by:
            await deposits.approve(transfer_id, approved_by)
        return transfer_id

    transfer_id = session.run(_carry_out)
    if approved_by:
        typer.echo(f"Added {amount} to what we keep at {biller_id}.")
    else:
        typer.echo(f"It waits: ekpay billers approve-deposit {transfer_id} --by NAME")


def approve_deposit(
    transfer_id: Annotated[UUID, typer.Argument(help="The transfer that waits.")],
    approved_by: Annotated[str, _APPROVED_BY],
) -> None:
    """Approve a transfer that somebody else has asked for, which posts it."""
    approving = passphrase(APPROVER_VARIABLE, f"Passphrase of {approved_by}")
    session = open_session()

    async def _carry_out(engine: AsyncEngine) -> tuple[str, Money]:
        await Staff(engine).verify(approved_by, approving, Role.FINANCE)
        return await Deposits(session.database.connect).approve(transfer_id, approved_by)

    biller_id, amount = session.run(_carry_out)
    typer.echo(f"Added {amount} to what we keep at {biller_id}.")


def _for_people(line: DepositLine) -> tuple[str, ...]:
    alarm = "low" if line.is_low else ""
    return line.biller_id, taka(line.balance.minor), taka(line.vended.minor), alarm


def _for_programs(line: DepositLine) -> dict[str, object]:
    return {
        "biller_id": line.biller_id,
        "balance_paisa": line.balance.minor,
        "vended_lately_paisa": line.vended.minor,
        "is_low": line.is_low,
    }
