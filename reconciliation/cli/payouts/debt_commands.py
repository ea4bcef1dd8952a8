"""`ekpay settle debts`: what payees owe us, and the demands by which it is collected."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from ekpay_switch.cli.listing import AsCsv, AsJson, PrintedList, prints_list, show_records
from ekpay_switch.cli.terminal import passphrase, show_table, taka
from reconciliation.cli.papers.paper_options import show_files
from reconciliation.cli.payouts.withdrawal_commands import Reason
from reconciliation.cli.refusals import refusals
from reconciliation.cli.settle_session import (
    APPROVER,
    ASKER,
    run_settlement,
    two_persons,
)
from reconciliation.errors import SettlementError

if TYPE_CHECKING:
    from reconciliation.settlement.current_state import SettlementWork
    from reconciliation.settlement.debts.payee_debts import FollowedDemand, PayeeDebt
    from reconciliation.settlement.store.demands import Demand

app = typer.Typer(
    invoke_without_command=True, help="What payees owe us; demand it, follow, write off, withdraw."
)
_T = TypeVar("_T")

_HEADINGS: Final = (
    "party", "name", ">owes", "since", ">days", ">set off", "demand", ">left of it", "due", "state",
)  # fmt: skip
_DEMAND_HEADINGS: Final = (
    "demand", "party", "reference", ">demanded", ">paid", ">set off", ">written off", ">left", "due", "state",
)  # fmt: skip


def _number_typed(text: str) -> int:
    from reconciliation.settlement.positions.demand_figures import number_of  # noqa: PLC0415 - heavy

    try:
        return number_of(text)
    except SettlementError as problem:
        raise typer.BadParameter(str(problem)) from problem


Number = Annotated[
    int,
    typer.Argument(metavar="NO", parser=_number_typed, help="1, D-0001, or the reference of its transfer."),
]


@app.callback()
def debts(context: typer.Context, *, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List what billers, merchants and payees owe us by closed windows, with the demand that is open."""
    if context.invoked_subcommand is not None:
        return
    from reconciliation.settlement.debts.payee_debts import list_debts  # noqa: PLC0415 - heavy

    found = run_settlement(context, list_debts)
    rows = [_debt_facts(debt) for debt in found]
    if as_json or as_csv:
        show_records(rows, as_json=as_json, as_csv=as_csv)
    else:
        show_table("Debts of payees", _HEADINGS, (_debt_cells(debt) for debt in found))


@app.command("list")
@prints_list
def list_(
    context: typer.Context,
    *,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
) -> PrintedList:
    """List demands with what was paid, set off and written off of each."""
    from reconciliation.settlement.debts.payee_debts import list_demands  # noqa: PLC0415 - heavy

    demands = run_settlement(context, list_demands)
    if not every:
        demands = [item for item in demands if item.state in {"waits", "open", "overdue"}]
    return PrintedList(
        "Demands",
        _DEMAND_HEADINGS,
        (_demand_cells(item) for item in demands),
        (_demand_facts(item) for item in demands),
    )


@app.command()
def demand(
    context: typer.Context,
    party: Annotated[str, typer.Argument(help="`biller:desco_postpaid`, or the name alone.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who asks, of finance.")],
) -> None:
    """Demand all that a payee owes us; another person approves, and nothing is posted."""
    from reconciliation.settlement.debts.demands import demand_debt  # noqa: PLC0415 - heavy

    number, paisa = _alone(context, by, ASKER, lambda work: demand_debt(work, party, by))
    typer.echo(f"Demand {number} of {taka(paisa)} taka waits: ekpay settle debts approve {number} --by NAME")


@app.command()
def approve(
    context: typer.Context,
    number: Number,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves; not who has asked.")],
) -> None:
    """Approve a demand: the days to pay begin, and its paper can be written."""
    from reconciliation.settlement.debts.demands import approve_demand  # noqa: PLC0415 - heavy

    approved = _alone(context, by, APPROVER, lambda work: approve_demand(work, number, by))
    typer.echo(
        f"{approved.name}: {taka(approved.amount)} taka of {approved.party} are due on {approved.due_on}, "
        f"reference {approved.reference}: ekpay settle debts paper {approved.number} --out FOLDER"
    )


@app.command()
def reject(
    context: typer.Context,
    number: Number,
    reason: Reason,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who rejects; also who has asked.")],
) -> None:
    """Reject a demand that waits."""
    from reconciliation.settlement.debts.demands import reject_demand  # noqa: PLC0415 - heavy

    rejected = _alone(context, by, APPROVER, lambda work: reject_demand(work, number, reason, by))
    typer.echo(f"{rejected.name} of {rejected.party} is rejected.")


@app.command()
def withdraw(
    context: typer.Context,
    number: Number,
    reason: Reason,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who withdraws, of finance.")],
    approved_by: Annotated[str, typer.Option(metavar="NAME", help="Who approves; another person.")],
) -> None:
    """Withdraw an open demand by two persons; the payee still owes what is left."""
    ended = _end(context, number, reason, (by, approved_by), is_written_off=False)
    typer.echo(f"{ended.demand.name} is withdrawn; {taka(ended.figures.rest)} taka are still owed.")


@app.command("write-off")
def write_off(
    context: typer.Context,
    number: Number,
    reason: Reason,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who writes it off, of finance.")],
    approved_by: Annotated[str, typer.Option(metavar="NAME", help="Who approves; another person.")],
) -> None:
    """Write off what is left of an open demand by two persons: a loss of ours."""
    ended = _end(context, number, reason, (by, approved_by), is_written_off=True)
    typer.echo(f"{taka(ended.figures.rest)} taka of {ended.demand.name} are written off.")


@app.command()
def paper(
    context: typer.Context,
    number: Number,
    out: Annotated[Path, typer.Option(metavar="FOLDER", file_okay=False, help="Where the PDF is written.")],
) -> None:
    """Write an approved demand as PDF in Bangla and English; the same bytes ever after."""
    from reconciliation.papers.demands.demand_paper import write_demand  # noqa: PLC0415 - heavy
    from reconciliation.papers.written_files import written_files  # noqa: PLC0415 - heavy
    from reconciliation.settlement.debts.demands import existing_demand  # noqa: PLC0415 - heavy

    async def _read(work: "SettlementWork") -> "Demand":
        async with work.connection.transaction():
            return await existing_demand(work.connection, number)

    found = run_settlement(context, _read)
    with refusals(), written_files(out) as files:
        write_demand(found, files)
    show_files(out, files.paths)


def _alone(
    context: typer.Context, by: str, variable: str, act: "Callable[[SettlementWork], Awaitable[_T]]"
) -> _T:
    secret = passphrase(variable, f"Passphrase of {by}")

    async def _verified(work: "SettlementWork") -> _T:
        await work.setting.finance.persons.verify(by, secret)
        return await act(work)

    return run_settlement(context, _verified)


def _end(
    context: typer.Context, number: int, reason: str, persons: tuple[str, str], *, is_written_off: bool
) -> "FollowedDemand":
    from reconciliation.settlement.debts.demands import (  # noqa: PLC0415 - heavy
        DemandDecision,
        withdraw_demand,
        write_off_demand,
    )

    decision = DemandDecision(number, reason, *persons)
    verify = two_persons(*persons)

    async def _carry_out(work: "SettlementWork") -> "FollowedDemand":
        await verify(work.setting.finance)
        return await (write_off_demand if is_written_off else withdraw_demand)(work, decision)

    return run_settlement(context, _carry_out)


def _debt_facts(debt: "PayeeDebt") -> dict[str, object]:
    item = debt.demand
    return {
        "role": debt.party.role.value,
        "party": debt.party.name,
        "name": debt.name,
        "amount_paisa": debt.amount,
        "since": debt.since,
        "age_days": debt.age_days,
        "set_off_paisa": debt.set_off,
        "demand": item.demand.number if item else None,
        "demand_state": item.state.value if item else "",
        "demand_rest_paisa": item.figures.rest if item else None,
        "due_on": item.demand.due_on if item else None,
    }


def _debt_cells(debt: "PayeeDebt") -> tuple[str, ...]:
    item = debt.demand
    of_demand = ("", "", "", "")
    if item is not None:
        of_demand = (
            item.demand.name,
            taka(item.figures.rest),
            str(item.demand.due_on or ""),
            item.state.value,
        )
    return (
        str(debt.party), debt.name, taka(debt.amount), str(debt.since), str(debt.age_days),
        taka(debt.set_off), *of_demand,
    )  # fmt: skip


def _demand_facts(item: "FollowedDemand") -> dict[str, object]:
    found, figures = item.demand, item.figures
    return {
        "number": found.number,
        "role": found.role,
        "party": found.party.name,
        "reference": found.reference,
        "state": item.state.value,
        "amount_paisa": figures.amount,
        "paid_paisa": figures.paid,
        "set_off_paisa": figures.set_off,
        "written_off_paisa": figures.written_off,
        "rest_paisa": figures.rest,
        "due_on": found.due_on,
        "asked_by": found.asked_by,
        "approved_by": found.approved_by,
        "rejected_by": found.rejected_by,
        "ended_by": found.ended_by,
        "end_approved_by": found.end_approved_by,
        "reason": found.reject_reason or found.end_reason or "",
    }


def _demand_cells(item: "FollowedDemand") -> tuple[str, ...]:
    found, figures = item.demand, item.figures
    amounts = (figures.amount, figures.paid, figures.set_off, figures.written_off, figures.rest)
    return (
        found.name, str(found.party), found.reference, *map(taka, amounts), str(found.due_on or ""),
        item.state.value.replace("_", " "),
    )  # fmt: skip
