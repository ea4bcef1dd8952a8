"""`ekpay settle sweep`: our income to our own account, VAT and withheld tax to the state, by two persons."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.terminal import passphrase, taka
from ekpay_switch.cli.typed_amounts import typed_paisa
from reconciliation.cli.payouts.withdrawal_commands import Number
from reconciliation.cli.settle_session import APPROVER, ASKER, run_settlement, visible_text

if TYPE_CHECKING:
    from reconciliation.settlement.current_state import SettlementWork
    from reconciliation.settlement.store.withdrawals import Withdrawal

app = typer.Typer(
    no_args_is_help=True,
    help="Sweep our income, VAT and withheld tax; list, reject and cancel by `withdrawals`.",
)


@app.command()
def ask(
    context: typer.Context,
    money: Annotated[str, typer.Argument(metavar="fees|charges|vat|withheld-tax", help="What is swept.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day of the closed period.")],
    reference: Annotated[
        str, typer.Option(callback=visible_text, help="The paper behind it, such as a return; it asks once.")
    ],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who asks, of finance.")],
    amount: Annotated[
        int | None,
        typer.Option(
            parser=typed_paisa, metavar="TAKA", help="As 1250.50; without it, all that the period holds."
        ),
    ] = None,
) -> None:
    """Ask that our own money, or the state's, leave; none moves until another person approves."""
    from reconciliation.settlement.sweeps import NewSweep, ask_for_sweep  # noqa: PLC0415 - heavy

    secret = passphrase(ASKER, f"Passphrase of {by}")
    new = NewSweep(money, amount, until.date(), reference)

    async def _ask(work: "SettlementWork") -> tuple[int, int]:
        await work.setting.finance.persons.verify(by, secret)
        return await ask_for_sweep(work, new, by)

    number, paisa = run_settlement(context, _ask)
    typer.echo(f"Sweep {number} of {taka(paisa)} taka waits: ekpay settle sweep approve {number} --by NAME")


@app.command()
def approve(
    context: typer.Context,
    number: Number,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves; not who has asked.")],
) -> None:
    """Approve a sweep: the next value date pays it into the recipient's account."""
    from reconciliation.settlement.sweeps import approve_sweep  # noqa: PLC0415 - heavy

    secret = passphrase(APPROVER, f"Passphrase of {by}")

    async def _approve(work: "SettlementWork") -> "Withdrawal":
        await work.setting.finance.persons.verify(by, secret)
        return await approve_sweep(work, number, by)

    sweep = run_settlement(context, _approve)
    typer.echo(f"{taka(sweep.amount)} taka are due to {sweep.payee} ({sweep.reference}).")
