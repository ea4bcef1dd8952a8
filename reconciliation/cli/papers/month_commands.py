"""`ekpay reconcile month-check` and `month-close`: what stands against closing a month, and closing it."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.terminal import passphrase
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.cli.papers.paper_options import (
    FAILED,
    chosen_period,
    run_in_snapshot,
)
from reconciliation.cli.refusals import refusals

if TYPE_CHECKING:
    from reconciliation.resolutions.closed_months import ClosedMonth

_ASKER = "EKPAY_STAFF_PASSPHRASE"
_APPROVER = "EKPAY_APPROVER_PASSPHRASE"
WhichMonth = Annotated[str, typer.Argument(metavar="YYYY-MM", help="A month of business dates.")]


def register(app: typer.Typer) -> None:
    """Add the commands to those of reconciliation."""
    app.command("month-check")(month_check)
    app.command("month-close")(month_close)


def month_check(context: typer.Context, month: WhichMonth) -> None:
    """Number what stands against closing a month. Exits 1 while anything does."""
    period = chosen_period(month, None, None)

    async def _read(connection: Connection) -> "tuple[list[str], ClosedMonth | None]":
        from reconciliation.papers.month_closing import month_blockers  # noqa: PLC0415 - heavy
        from reconciliation.resolutions.closed_months import closed_month  # noqa: PLC0415 - heavy

        return await month_blockers(connection, period), await closed_month(connection, period.first)

    blockers, closing = run_in_snapshot(context, _read)
    if closing is not None:
        typer.echo(f"{month} is closed by {closing.closed_by} and {closing.approved_by}; {closing.digest}")
        return
    for number, words in enumerate(blockers, start=1):
        typer.echo(f"{number}. {words}")
    if blockers:
        raise typer.Exit(FAILED)
    typer.echo(f"nothing stands against closing {month}: ekpay reconcile month-close {month}")


def month_close(
    context: typer.Context,
    month: WhichMonth,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who closes it, of finance.")],
    approved_by: Annotated[str, typer.Option(metavar="NAME", help="Who approves; not who closes.")],
) -> None:
    """Close a month by two persons; refused while anything stands against it. A repeat changes nothing.

    The movements and closing balances of every account are frozen; `ekpay audit` proves them from then on.
    """
    period = chosen_period(month, None, None)
    if by == approved_by:
        raise typer.BadParameter("it takes two persons", param_hint="--approved-by")
    asking = passphrase(_ASKER, f"Passphrase of {by}")
    approving = passphrase(_APPROVER, f"Passphrase of {approved_by}")
    finance: Finance = context.obj

    async def _close() -> "ClosedMonth":
        from reconciliation.papers.month_closing import close_month  # noqa: PLC0415 - heavy

        await finance.persons.verify(by, asking)
        await finance.persons.verify(approved_by, approving)
        return await close_month(finance, period, closed_by=by, approved_by=approved_by)

    with refusals():
        closing = asyncio.run(_close())
    typer.echo(f"{month} is closed by {closing.closed_by} and {closing.approved_by}; digest {closing.digest}")
