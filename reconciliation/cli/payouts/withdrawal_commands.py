"""`ekpay settle withdrawals`: what partners withdraw from their prefunds, from letter to bank statement.

Sweeps of our own money and top-ups of our deposits are listed, rejected and cancelled here too.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.terminal import dhaka, taka
from ekpay_switch.cli.typed_amounts import typed_paisa
from ekpay_switch.ports.finance import Finance
from reconciliation.cli.refusals import refusals
from reconciliation.cli.settle_session import (
    APPROVER,
    ASKER,
    act_alone,
    two_persons,
    visible_text,
)

if TYPE_CHECKING:
    from reconciliation.settlement.positions.withdrawal_progress import Progress
    from reconciliation.settlement.store.withdrawals import Withdrawal

app = typer.Typer(no_args_is_help=True, help="Withdrawals of prefunds: ask, approve, follow, cancel.")

_HEADINGS: Final = (
    "no.", "payee", "bucket", ">amount", "reference", "state", "paid by", "asked by", "asked (Dhaka)",
    "approved by",
)  # fmt: skip


Number = Annotated[int, typer.Argument(metavar="NO", min=1, help="The number that the list shows.")]
Reason = Annotated[str, typer.Option(callback=visible_text, help="Why; it is kept for good.")]


@app.command("list")
@prints_list
def list_(
    context: typer.Context,
    *,
    is_open: Annotated[
        bool, typer.Option("--open", help="Only what is not paid, rejected or cancelled.")
    ] = False,
) -> PrintedList:
    """List withdrawals with what has become of each, and the instructions that pay it."""
    from reconciliation.settlement.withdrawals import list_withdrawals  # noqa: PLC0415 - heavy

    async def _read(finance: Finance) -> Sequence[tuple["Withdrawal", "Progress"]]:
        connection = await finance.connect()
        try:
            return await list_withdrawals(connection)
        finally:
            await connection.close()

    with refusals():
        rows = asyncio.run(_read(context.obj))
    if is_open:
        rows = [row for row in rows if row[1].state in {"waits", "due", "instructed"}]
    return PrintedList(
        "Withdrawals", _HEADINGS, (_for_people(*row) for row in rows), (_for_programs(*row) for row in rows)
    )


@app.command()
def ask(
    context: typer.Context,
    partner: Annotated[str, typer.Argument(help="The partner's id.")],
    amount: Annotated[int, typer.Argument(parser=typed_paisa, metavar="TAKA", help="As 1250.50.")],
    bucket: Annotated[str, typer.Option(metavar="postpaid|prepaid", help="Which prefund.")],
    reference: Annotated[
        str, typer.Option(callback=visible_text, help="The partner's letter; it asks once.")
    ],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who asks, of finance.")],
) -> None:
    """Ask that a partner be paid from its prefund; no money moves until another person approves."""
    from reconciliation.settlement.withdrawals import NewWithdrawal, ask_for_withdrawal  # noqa: PLC0415 - heavy

    new = NewWithdrawal(partner, bucket, amount, reference)
    number = act_alone(context, by, ASKER, lambda finance: ask_for_withdrawal(finance, new, by))
    typer.echo(f"Withdrawal {number} waits: ekpay settle withdrawals approve {number} --by NAME")


@app.command()
def approve(
    context: typer.Context,
    number: Number,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves; not who has asked.")],
) -> None:
    """Approve a withdrawal: the prefund holds it no more, and the next value date pays it."""
    from reconciliation.settlement.withdrawals import approve_withdrawal  # noqa: PLC0415 - heavy

    withdrawal = act_alone(context, by, APPROVER, lambda finance: approve_withdrawal(finance, number, by))
    typer.echo(f"{taka(withdrawal.amount)} taka are due to {withdrawal.partner} ({withdrawal.reference}).")


@app.command()
def reject(
    context: typer.Context,
    number: Number,
    reason: Reason,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who rejects; also who has asked.")],
) -> None:
    """Reject a withdrawal that waits; its reference may ask again."""
    from reconciliation.settlement.withdrawals import reject_withdrawal  # noqa: PLC0415 - heavy

    withdrawal = act_alone(
        context, by, APPROVER, lambda finance: reject_withdrawal(finance, number, reason, by)
    )
    typer.echo(f"Rejected {taka(withdrawal.amount)} taka of {withdrawal.partner} ({withdrawal.reference}).")


@app.command()
def cancel(
    context: typer.Context,
    number: Number,
    reason: Reason,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who cancels, of finance.")],
    approved_by: Annotated[str, typer.Option(metavar="NAME", help="Who approves; not who cancels.")],
) -> None:
    """Put an approved withdrawal that is in no instruction back where it was; it takes two persons."""
    from reconciliation.settlement.store.withdrawals import Cancellation  # noqa: PLC0415 - heavy
    from reconciliation.settlement.withdrawals import cancel_withdrawal  # noqa: PLC0415 - heavy

    verify = two_persons(by, approved_by)
    cancellation = Cancellation(number, reason, by, approved_by)

    async def _carry_out(finance: Finance) -> "Withdrawal":
        await verify(finance)
        return await cancel_withdrawal(finance, cancellation)

    with refusals():
        withdrawal = asyncio.run(_carry_out(context.obj))
    typer.echo(f"{taka(withdrawal.amount)} taka {_place_of(withdrawal)}.")


def _place_of(withdrawal: "Withdrawal") -> str:
    """Where a cancelled withdrawal stands now."""
    if withdrawal.is_top_up:
        return f"are not on their way to {withdrawal.payee} any more"
    if withdrawal.until is not None:
        return f"are back in {withdrawal.source}"
    return f"are back in the {withdrawal.bucket} prefund of {withdrawal.partner}"


def _for_people(withdrawal: "Withdrawal", progress: "Progress") -> tuple[str, ...]:
    return (
        str(withdrawal.number),
        str(withdrawal.payee),
        withdrawal.bucket,
        taka(withdrawal.amount),
        withdrawal.reference,
        progress.state.value,
        " ".join(progress.instructions),
        withdrawal.asked_by,
        dhaka(withdrawal.asked_at),
        withdrawal.approved_by or "",
    )


def _for_programs(withdrawal: "Withdrawal", progress: "Progress") -> dict[str, object]:
    return {
        "number": withdrawal.number,
        "role": withdrawal.payee.role.value,
        "partner": withdrawal.partner,
        "bucket": withdrawal.bucket,
        "amount_paisa": withdrawal.amount,
        "reference": withdrawal.reference,
        "until": withdrawal.until,
        "state": progress.state.value,
        "instructions": list(progress.instructions),
        "asked_by": withdrawal.asked_by,
        "asked_at": withdrawal.asked_at,
        "approved_by": withdrawal.approved_by,
        "rejected_by": withdrawal.rejected_by,
        "cancelled_by": withdrawal.cancelled_by,
        "reason": withdrawal.reject_reason or withdrawal.cancel_reason or "",
    }
