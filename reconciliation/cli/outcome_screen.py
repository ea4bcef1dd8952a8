"""What banks booked, on a screen: what moved in this run and what is still open, or everything."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import typer

from ekpay_switch.cli.terminal import show_json, show_table
from reconciliation.cli.money_tables import money_cell
from reconciliation.cli.settle_session import IMPERFECT

if TYPE_CHECKING:
    from reconciliation.settlement.post_outcomes import PostedOutcomes

_INSTRUCTION_COLUMNS: Final = ("value_date", "party", "end_to_end_id", ">amount", ">moved", "ending")
_CREDIT_COLUMNS: Final = (
    "payout_date", "connector", "batch", ">owed", ">credited", ">charge", ">suspense", ">difference",
    "ending",
)  # fmt: skip
# Nothing more is expected of these.
_ENDED: Final = frozenset({"settled", "rejected", "as_expected"})


def show_outcomes(result: "PostedOutcomes", *, as_json: bool, with_ended: bool = False) -> None:
    """Print the outcomes; exits 1 where funds differ or banks contradict themselves.

    Without `with_ended`, a screen has only what moved in this run and what is still open.
    """
    from reconciliation.settlement.screen_rows import credit_facts, outcome_facts  # noqa: PLC0415 - heavy

    outcomes = [outcome_facts(item) for item in result.outcomes]
    credits_ = [credit_facts(item) for item in result.credits]
    if as_json:
        show_json({
            "new_steps": len(result.steps), "new_credits": len(result.new_credits), "is_new": result.is_new,
            "instructions": outcomes, "credits": credits_, "waiting": [item.key for item in result.waiting],
            "contradictions": [item.end_to_end_id for item in result.contradictions],
            "unidentified": {"found": result.lines.found, "gone": result.lines.gone,
                             "missing": result.lines.missing},
            "strangers": [item.end_to_end_id or item.message_id for item in result.strangers],
        })  # fmt: skip
    else:
        moved = {step.end_to_end_id for step in result.steps}
        moved |= {credit.batch.key for credit in result.new_credits}
        ended = 0
        for title, rows, columns in (
            ("Instructions", outcomes, _INSTRUCTION_COLUMNS),
            ("Credits", credits_, _CREDIT_COLUMNS),
        ):
            listed = [row for row in rows if with_ended or _is_current(row, moved)]
            ended += len(rows) - len(listed)
            if listed:
                _show_rows(title, listed, columns)
        _show_words(result)
        if ended:
            typer.echo(f"{ended} ended before: ekpay settle credits --all")
    if any(item.difference for item in result.credits) or result.contradictions:
        raise typer.Exit(IMPERFECT)


def _is_current(row: Mapping[str, object], moved: Collection[str]) -> bool:
    """Whether an instruction or a credit has moved in this run, or is still open."""
    has_moved = row.get("end_to_end_id", row.get("batch")) in moved
    return has_moved or row["ending"] not in _ENDED or bool(row.get("contradicts"))


def _show_words(result: "PostedOutcomes") -> None:
    # A debit and its return that one run reads are two steps.
    instructions = {step.end_to_end_id for step in result.steps}
    typer.echo(f"{len(instructions)} instructions and {len(result.new_credits)} credits moved on")
    if result.waiting:
        typer.echo(f"no credit yet: {', '.join(item.key for item in result.waiting)}")
    for item in result.contradictions:
        typer.echo(
            f"{item.end_to_end_id}: {item.reason}. {item.party} is paid nothing until two persons "
            f"decide: ekpay settle decide {item.end_to_end_id} executed|rejected"
        )
    _show_lines(result)
    if result.strangers:
        typer.echo(f"{len(result.strangers)} answers match no instruction of ours")


def _show_lines(result: "PostedOutcomes") -> None:
    """What has become of lines that nothing explains, where anything has."""
    for words, numbers in (
        ("nothing explains", result.lines.found),
        ("a corrected statement took back", result.lines.gone),
        ("are left to a request that names them", result.lines.left),
        ("were decided, and the statement has them no more; reverse", result.lines.missing),
    ):
        if numbers:
            named = ", ".join(map(str, numbers))
            typer.echo(f"Unidentified lines: {words} {named}: ekpay settle unidentified list")


def _show_rows(title: str, rows: Sequence[Mapping[str, object]], headings: Sequence[str]) -> None:
    names = [heading.removeprefix(">") for heading in headings]
    titles = [heading.replace("_", " ") for heading in headings]
    show_table(title, titles, ([money_cell(row[name]) for name in names] for row in rows))
