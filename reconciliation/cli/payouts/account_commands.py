"""`ekpay settle accounts`: the bank accounts of payees, changed by two persons with a cooling time."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.terminal import dhaka
from ekpay_switch.ports.finance import Finance
from ekpay_switch.security.masking import mask_account
from reconciliation.cli.refusals import refusals
from reconciliation.cli.settle_session import (
    APPROVER,
    ASKER,
    act_alone,
    visible_text,
)

if TYPE_CHECKING:
    from reconciliation.settlement.store.account_changes import AccountChange

app = typer.Typer(no_args_is_help=True, help="Bank accounts of payees: ask for a change, approve, stop.")

_HEADINGS: Final = (
    "no.", "payee", "account", "bank", "name", "rail", "state", "valid from (Dhaka)", "asked by",
    "approved by", "why",
)  # fmt: skip
Number = Annotated[int, typer.Argument(metavar="NO", min=1, help="The number that the list shows.")]
Reason = Annotated[str, typer.Option(callback=visible_text, help="Why; it is kept for good.")]


@app.command("list")
@prints_list
def list_(context: typer.Context) -> PrintedList:
    """List every change of an account; of account numbers the last four characters are shown."""
    from reconciliation.settlement.store.account_changes import read_changes  # noqa: PLC0415 - heavy

    async def _read(finance: Finance) -> tuple["AccountChange", ...]:
        connection = await finance.connect()
        try:
            return await read_changes(connection)
        finally:
            await connection.close()

    with refusals():
        changes = asyncio.run(_read(context.obj))
    return PrintedList(
        "Changes of accounts",
        _HEADINGS,
        (_for_people(change) for change in changes),
        (_for_programs(change) for change in changes),
    )


@app.command()
def ask(
    context: typer.Context,
    payee: Annotated[
        str, typer.Argument(metavar="ROLE:NAME", help="`merchant:ekshop`, as positions name it.")
    ],
    *,
    name: Annotated[str, typer.Option(help="The name on the account.")],
    bic: Annotated[str, typer.Option(help="The bank's BIC.")],
    routing_number: Annotated[str, typer.Option(help="Nine digits of the branch.")],
    account: Annotated[str, typer.Option(help="The account number.")],
    holds: Annotated[str, typer.Option(metavar="current|savings", help="The kind of account.")],
    rail: Annotated[str, typer.Option(metavar="rtgs|beftn", help="How it is paid.")],
    reason: Reason,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who asks, of finance.")],
) -> None:
    """Ask that a payee be paid into another account; nothing changes until another person approves."""
    from reconciliation.settlement.account_changes import NewAccount, ask_for_change  # noqa: PLC0415 - heavy
    from reconciliation.settlement.instructions.account_registry import read_registry  # noqa: PLC0415 - heavy

    role, colon, party = payee.partition(":")
    if not colon:
        raise typer.BadParameter("role and name, as `merchant:ekshop`", param_hint="ROLE:NAME")
    new = NewAccount(role, party, name, bic, routing_number, account, holds, rail)

    async def _ask(finance: Finance) -> int:
        registry = read_registry(finance.config / "settlement.toml")
        return await ask_for_change(finance, registry, new, reason, by)

    number = act_alone(context, by, ASKER, _ask)
    typer.echo(f"Change {number} waits: ekpay settle accounts approve {number} --by NAME")


@app.command()
def approve(
    context: typer.Context,
    number: Number,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves; not who has asked.")],
) -> None:
    """Approve a change of an account; it is paid into once the cooling time is over."""
    from reconciliation.settlement.account_changes import approve_change  # noqa: PLC0415 - heavy

    change, valid_from = act_alone(context, by, APPROVER, lambda finance: approve_change(finance, number, by))
    payee = change.account.creditor
    typer.echo(
        f"{payee} is paid into {mask_account(change.account.account)} from {dhaka(valid_from)} Dhaka time; "
        f"until then `ekpay settle accounts stop {number}` stops it."
    )


@app.command()
def stop(
    context: typer.Context,
    number: Number,
    reason: Reason,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who stops it; one person is enough.")],
) -> None:
    """Stop a change that waits or is cooling; the account of before stays."""
    from reconciliation.settlement.account_changes import stop_change  # noqa: PLC0415 - heavy

    change = act_alone(context, by, APPROVER, lambda finance: stop_change(finance, number, reason, by))
    typer.echo(f"Stopped; {change.account.creditor} is paid as before.")


def _for_people(change: "AccountChange") -> tuple[str, ...]:
    account = change.account
    return (
        str(change.number),
        str(account.creditor),
        mask_account(account.account),
        f"{account.bic} {account.routing_number}",
        account.name,
        account.rail,
        change.state,
        dhaka(change.valid_from),
        change.asked_by,
        change.approved_by or "",
        change.stop_reason or change.reason,
    )


def _for_programs(change: "AccountChange") -> dict[str, object]:
    account = change.account
    return {
        "number": change.number,
        "payee": str(account.creditor),
        "account": account.account,
        "name": account.name,
        "bic": account.bic,
        "routing_number": account.routing_number,
        "holds": account.holds,
        "rail": account.rail,
        "state": change.state,
        "valid_from": change.valid_from,
        "asked_by": change.asked_by,
        "approved_by": change.approved_by,
        "stopped_by": change.stopped_by,
        "reason": change.reason,
        "stop_reason": change.stop_reason or "",
    }
