"""`ekpay settle deposits` and `ekpay settle topup`: our deposits at utilities, topped up by two persons."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.terminal import passphrase, taka
from ekpay_switch.cli.typed_amounts import typed_paisa
from reconciliation.cli.payouts.withdrawal_commands import Number
from reconciliation.cli.settle_session import APPROVER, ASKER, run_settlement, visible_text

if TYPE_CHECKING:
    from reconciliation.settlement.current_state import SettlementWork
    from reconciliation.settlement.positions.deposit_terms import DepositStanding
    from reconciliation.settlement.store.withdrawals import Withdrawal

app = typer.Typer(
    no_args_is_help=True, help="Top up a deposit at a utility; list, reject and cancel by `withdrawals`."
)

_HEADINGS: Final = (
    "biller", ">there", ">on its way", ">a day's vends", ">days left", ">proposed", "state",
)  # fmt: skip


@prints_list
def deposits(context: typer.Context) -> PrintedList:
    """List our deposits at utilities: how long each lasts, and the top-up that is proposed for it."""
    from reconciliation.settlement.top_ups import list_deposits  # noqa: PLC0415 - heavy

    standings: Sequence[DepositStanding] = run_settlement(context, list_deposits)
    return PrintedList(
        "Deposits at utilities",
        _HEADINGS,
        (_for_people(standing) for standing in standings),
        (_for_programs(standing) for standing in standings),
    )


@app.command()
def ask(
    context: typer.Context,
    biller: Annotated[str, typer.Argument(help="The utility, as `ekpay settle deposits` names it.")],
    amount: Annotated[
        int | None,
        typer.Argument(
            parser=typed_paisa, metavar="[TAKA]", help="As 1250.50; without it, what is proposed."
        ),
    ] = None,
    *,
    reference: Annotated[str, typer.Option(callback=visible_text, help="The paper behind it; it asks once.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who asks, of finance.")],
) -> None:
    """Ask that a deposit be topped up; no money moves until another person approves."""
    from reconciliation.settlement.top_ups import NewTopUp, ask_for_top_up  # noqa: PLC0415 - heavy

    secret = passphrase(ASKER, f"Passphrase of {by}")
    new = NewTopUp(biller, amount, reference)

    async def _ask(work: "SettlementWork") -> tuple[int, int]:
        await work.setting.finance.persons.verify(by, secret)
        return await ask_for_top_up(work, new, by)

    number, paisa = run_settlement(context, _ask)
    typer.echo(f"Top-up {number} of {taka(paisa)} taka waits: ekpay settle topup approve {number} --by NAME")


@app.command()
def approve(
    context: typer.Context,
    number: Number,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves; not who has asked.")],
) -> None:
    """Approve a top-up: the next value date pays it, and the deposit has it once the bank books it."""
    from reconciliation.settlement.top_ups import approve_top_up  # noqa: PLC0415 - heavy

    secret = passphrase(APPROVER, f"Passphrase of {by}")

    async def _approve(work: "SettlementWork") -> "Withdrawal":
        await work.setting.finance.persons.verify(by, secret)
        return await approve_top_up(work, number, by)

    top_up = run_settlement(context, _approve)
    typer.echo(f"{taka(top_up.amount)} taka are due to {top_up.payee} ({top_up.reference}).")


def _state(standing: "DepositStanding") -> str:
    if standing.waiting_number is not None:
        return f"top-up {standing.waiting_number} waits"
    return "below its floor" if standing.is_below else ""


def _for_people(standing: "DepositStanding") -> tuple[str, ...]:
    days_left = standing.days_left
    return (
        standing.biller,
        taka(standing.balance),
        taka(standing.in_transit),
        taka(standing.vends_of_day),
        "" if days_left is None else str(days_left),
        taka(standing.proposed_amount),
        _state(standing),
    )


def _for_programs(standing: "DepositStanding") -> dict[str, object]:
    days_left = standing.days_left
    return {
        "biller": standing.biller,
        "balance_paisa": standing.balance,
        "in_transit_paisa": standing.in_transit,
        "vends_of_day_paisa": standing.vends_of_day,
        "days_left": None if days_left is None else str(days_left),
        "is_below": standing.is_below,
        "proposed_paisa": standing.proposed_amount,
        "waiting": standing.waiting_number,
    }
