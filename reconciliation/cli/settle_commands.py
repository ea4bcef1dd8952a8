"""`ekpay settle`: what finance types to settle a day. Everything heavy is imported only when a command runs.

Amounts on screens are taka; in JSON and CSV they are whole paisa.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.listing import AsCsv, AsJson, show_csv
from ekpay_switch.cli.terminal import complain, show_json, show_table, taka
from reconciliation.cli.money_tables import money_cell
from reconciliation.cli.outcome_screen import show_outcomes
from reconciliation.cli.papers.cover_screen import show_cover
from reconciliation.cli.payouts.account_commands import app as account_app
from reconciliation.cli.payouts.debt_commands import app as debt_app
from reconciliation.cli.payouts.deposit_commands import app as top_up_app
from reconciliation.cli.payouts.deposit_commands import deposits
from reconciliation.cli.payouts.limit_commands import limit, limits
from reconciliation.cli.payouts.order_basis import (
    basis_facts,
    show_basis,
    show_taxes,
    show_unreceived,
    tax_facts,
)
from reconciliation.cli.payouts.sweep_commands import app as sweep_app
from reconciliation.cli.payouts.withdrawal_commands import app as withdrawal_app
from reconciliation.cli.refusals import refusals
from reconciliation.cli.settle_session import (
    IMPERFECT,
    run_settlement,
    two_persons,
)
from reconciliation.cli.unidentified.commands import app as unidentified
from reconciliation.errors import UnknownPartyError, UnreadableFileError

if TYPE_CHECKING:
    from reconciliation.settlement.current_state import SettlementWork
    from reconciliation.settlement.instructions.value_date_record import SettledPosition
    from reconciliation.settlement.post_outcomes import PostedOutcomes
    from reconciliation.settlement.preview import PreviewedSheet
    from reconciliation.settlement.settle_value_date import SettledValueDate
    from reconciliation.settlement.store.contradictions import Contradiction

app = typer.Typer(no_args_is_help=True, help="Settle a day: positions, instructions, credits, cover.")
app.add_typer(account_app, name="accounts")
app.add_typer(withdrawal_app, name="withdrawals")
app.add_typer(sweep_app, name="sweep")
app.add_typer(top_up_app, name="topup")
app.add_typer(debt_app, name="debts")
app.add_typer(unidentified, name="unidentified")

app.command("limit")(limit)
app.command("limits")(limits)
app.command("deposits")(deposits)


ValueDate = Annotated[
    datetime | None,
    typer.Option("--value-date", formats=["%Y-%m-%d"], help="Default: the one behind the newest night."),
]
OrderDate = Annotated[
    datetime | None,
    typer.Option(
        "--value-date", formats=["%Y-%m-%d"], help="The day on which banks move the money; or --last."
    ),
]
Last = Annotated[bool, typer.Option("--last", help="The value date behind the newest night.")]


@app.callback()
def _settle() -> None:
    """Settle a day: positions, instructions, credits, cover."""


@app.command()
def positions(
    context: typer.Context, value_date: ValueDate = None, *, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """Net positions of all parties on a value date; they sum to zero. Positive is what a party owes us."""
    sheet, day = run_settlement(context, lambda work: _positions(work, value_date))
    from reconciliation.settlement.screen_rows import position_facts  # noqa: PLC0415 - heavy

    rows = sheet.rows
    rows_by_name = [position_facts(row) for row in rows]
    if as_json:
        content = {"value_date": day, "sum": sum(row.position.net for row in rows), "positions": rows_by_name}
        show_json(content | basis_facts(sheet.holdbacks, sheet.cover, sheet.taxes))
    elif as_csv:
        show_csv(rows_by_name)
    else:
        _show_sheet(day, rows)
        show_basis(sheet.holdbacks, sheet.cover, sheet.taxes)


async def _positions(work: "SettlementWork", value_date: datetime | None) -> tuple["PreviewedSheet", date]:
    from reconciliation.settlement.preview import preview_sheet  # noqa: PLC0415 - heavy

    day = _day_of(work, value_date)
    return await preview_sheet(work, day), day


def _day_of(work: "SettlementWork", value_date: datetime | None) -> date:
    """The value date that was typed, or the one behind the newest night."""
    return (
        value_date.date() if value_date else work.setting.cycles.calendar.business_day_after(work.run.night)
    )


@app.command()
def explain(
    context: typer.Context,
    party: Annotated[str, typer.Argument(help="`biller:desco_postpaid`, or the name alone.")],
    value_date: ValueDate = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show every line behind the position of a party, with the row that it comes from."""
    from reconciliation.settlement.preview import ExplainedParty, explain_party  # noqa: PLC0415 - heavy

    async def _explain(work: "SettlementWork") -> tuple[ExplainedParty, date]:
        day = _day_of(work, value_date)
        return await explain_party(work, party, day), day

    try:
        found, day = run_settlement(context, _explain)
    except UnknownPartyError as problem:
        raise typer.BadParameter(str(problem), param_hint="PARTY") from problem
    lines, facts = found.lines, [line.facts() for line in found.lines]
    if as_json:
        unreceived = [asdict(payment) for payment in found.unreceived]
        content = {"party": str(found.party), "value_date": day, "lines": facts}
        show_json(content | {"unreceived": unreceived, "withheld": [tax_facts(item) for item in found.taxes]})
        return
    headings = ("day", "row", "kind", ">amount", "state", "because", "our reference", "their reference")
    names = ("day", "source", "kind", "amount", "state", "because", "our_reference", "their_reference")
    show_table(
        f"{found.party} on {day}",
        headings,
        ([money_cell(line_facts[name]) for name in names] for line_facts in facts),
    )
    typer.echo(f"{len(lines)} lines, net {taka(sum(line.shares.get('net', 0) for line in lines))}")
    show_unreceived(found.unreceived)
    show_taxes(found.taxes)


@app.command()
def instruct(
    context: typer.Context,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who instructs, of finance.")],
    approved_by: Annotated[str, typer.Option(metavar="NAME", help="Who approves; not who instructs.")],
    out: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Where the files go.")],
    override: Annotated[
        str, typer.Option(metavar="REASON", help="Pay though cover or open nights are against it.")
    ] = "",
    value_date: OrderDate = None,
    *,
    is_last: Last = False,
    as_json: AsJson = False,
) -> None:
    """Settle a value date: write its sheet, post its instructions, and leave the files for the bank.

    A value date is settled once; a repeat writes the same files and posts nothing. What the rules of payouts
    hold back comes into the next value date by itself.
    """
    if (value_date is None) != is_last:
        raise typer.BadParameter("name the day, or say --last, and not both", param_hint="--value-date")
    if not override.isprintable():
        raise typer.BadParameter("a reason has visible characters only", param_hint="--override")
    verify = two_persons(by, approved_by)

    async def _carry_out(work: "SettlementWork") -> "SettledValueDate":
        from reconciliation.settlement.settle_value_date import SettlementOrder, settle  # noqa: PLC0415 - heavy

        await verify(work.setting.finance)
        return await settle(
            work, SettlementOrder(_day_of(work, value_date), by, approved_by, override.strip())
        )

    issued = run_settlement(context, _carry_out)
    _show_issued(issued, _write_files(issued, out), as_json=as_json)


def _write_files(issued: "SettledValueDate", out: Path) -> tuple[Path, ...]:
    from reconciliation.settlement.settle_value_date import write_bank_files  # noqa: PLC0415 - heavy

    with refusals():
        return write_bank_files(issued.files, out)


@app.command()
def answer(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who has it from the bank, of finance.")],
    approved_by: Annotated[str, typer.Option(metavar="NAME", help="Who has looked at it too.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take a bank's answer in (pain.002 or pacs.002): what was rejected is owed again.

    The file is kept as evidence with the names of the two persons.
    """
    from reconciliation.settlement.post_outcomes import post_outcomes  # noqa: PLC0415 - heavy
    from reconciliation.settlement.store.bank_outcomes import AnswerFile  # noqa: PLC0415 - heavy

    verify = two_persons(by, approved_by)
    answer_file = AnswerFile(file.read_bytes(), by, approved_by)

    async def _take_in(work: "SettlementWork") -> "PostedOutcomes":
        await verify(work.setting.finance)
        try:
            return await post_outcomes(work, answer_file)
        except UnreadableFileError as problem:
            problem.file = file.name
            raise

    show_outcomes(run_settlement(context, _take_in), as_json=as_json)


@app.command()
def decide(
    context: typer.Context,
    instruction: Annotated[str, typer.Argument(help="The id that `settle credits` names, or its beginning.")],
    verdict: Annotated[
        str, typer.Argument(metavar="executed|rejected", help="What the bank has said of it.")
    ],
    reason: Annotated[str, typer.Option(help="Who at the bank has said it, and how it can be found again.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who has asked the bank, of finance.")],
    approved_by: Annotated[str, typer.Option(metavar="NAME", help="Who approves; not who has asked.")],
) -> None:
    """Decide about an instruction that a bank has rejected and executed, and release its payee's payouts."""
    from reconciliation.settlement.contradictions import decide_contradiction  # noqa: PLC0415 - heavy
    from reconciliation.settlement.store.contradictions import (  # noqa: PLC0415 - heavy
        ContradictionDecision,
        Verdict,
    )

    if verdict not in set(Verdict):
        raise typer.BadParameter("say executed or rejected", param_hint="VERDICT")
    if not reason.strip() or not reason.isprintable():
        raise typer.BadParameter("a reason has visible characters only", param_hint="--reason")
    verify = two_persons(by, approved_by)
    decision = ContradictionDecision(instruction, Verdict(verdict), reason.strip(), by, approved_by)

    async def _carry_out(work: "SettlementWork") -> "Contradiction":
        await verify(work.setting.finance)
        return await decide_contradiction(work, decision)

    decided = run_settlement(context, _carry_out)
    typer.echo(
        f"{decided.end_to_end_id} was {verdict}; {decided.party} is paid again with the next value date."
    )


@app.command("credits")
def credits_(
    context: typer.Context,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Also what ended before this run.")] = False,
    as_json: AsJson = False,
) -> None:
    """Match what banks booked with payouts and instructions, and post it. Exits 1 where funds differ.

    Lists what moved now and what is still open; `--json` has everything.
    """
    from reconciliation.settlement.post_outcomes import post_outcomes  # noqa: PLC0415 - heavy

    show_outcomes(run_settlement(context, post_outcomes), as_json=as_json, with_ended=all_)


@app.command("cover")
def cover_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Whether the money at our banks covers what we owe to others. Exits 1 where it does not."""
    from reconciliation.papers.cover_cost import FILE_NAME, read_shortfall_rule  # noqa: PLC0415 - heavy
    from reconciliation.settlement.preview import current_cover  # noqa: PLC0415 - heavy

    trust_cover = run_settlement(context, current_cover)
    with refusals():
        rule = read_shortfall_rule(context.obj.config / FILE_NAME)
    show_cover(trust_cover, rule, as_json=as_json)
    if trust_cover.is_short:
        complain(trust_cover.alarm)
        raise typer.Exit(IMPERFECT)


def _show_sheet(day: date, rows: "Sequence[SettledPosition]") -> None:
    names = ("in", "out", "fees", "back", "other", "held", "released", "net", "carried in", "instructed")
    headings = ("party", *(f">{name}" for name in names), ">carried out", "why")
    cells = []
    for row in rows:
        position = row.position
        back = position.refunds + position.chargebacks
        amounts = [
            position.gross_in,
            position.gross_out,
            position.fees,
            back,
            position.commissions + position.adjustments,
        ]
        amounts += [
            position.held,
            position.released,
            position.net,
            row.carried_in,
            row.instructed,
            row.carried_out,
        ]
        cells.append([str(position.party), *(money_cell(amount) for amount in amounts), row.reason])
    show_table(f"Net positions on {day}", headings, cells)
    typer.echo(f"sum of all nets: {taka(sum(row.position.net for row in rows))}")


def _show_issued(issued: "SettledValueDate", paths: Sequence[Path], *, as_json: bool) -> None:
    head = issued.head
    if as_json:
        from reconciliation.settlement.screen_rows import position_facts  # noqa: PLC0415 - heavy

        files = [
            {"name": str(path), "rail": file.rail, "entries": file.entries, "amount": file.amount,
             "hash_total": file.hash_total, "sha256": file.sha256}
            for file, path in zip(issued.files, paths, strict=True)
        ]  # fmt: skip
        content = {"value_date": head.value_date, "is_new": issued.is_new, "digest": head.digest}
        content |= {"files": files, "positions": [position_facts(row) for row in issued.rows]}
        show_json(content | basis_facts(issued.holdbacks, issued.cover, issued.taxes))
        return
    _show_sheet(head.value_date, issued.rows)
    show_basis(issued.holdbacks, issued.cover, issued.taxes)
    word = "settled" if issued.is_new else f"stands, settled by {head.instructed_by} and {head.approved_by}"
    typer.echo(f"{head.value_date} {word}; digest {head.digest}")
    for file, path in zip(issued.files, paths, strict=True):
        typer.echo(f"{path}: {file.entries} instructions, {taka(file.amount)}, SHA-256 {file.sha256}")
    if not issued.files:
        typer.echo("nobody is paid by instruction")
