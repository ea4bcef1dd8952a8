"""The reasons, in words, why a night cannot be closed, by the rules in config/resolutions.toml."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final
from uuid import UUID

from ekpay_switch.ports.finance import Connection
from reconciliation.breaks.codes import BreakCode
from reconciliation.calendar import Calendar
from reconciliation.resolutions.break_lookup import newest_night
from reconciliation.resolutions.decision_store import resolutions_of_many
from reconciliation.resolutions.resolution_actions import ClosingRules, ResolutionRules
from reconciliation.results.break_results import read_breaks
from reconciliation.results.records import BreakFilter, BreakRecord, BreakState, RunRecord

_WITH_NOTE: Final = """
SELECT DISTINCT break_id FROM reconciliation.break_events
WHERE event = 'noted' AND break_id = ANY ($1::uuid[])
"""
_STANDING: Final = (BreakState.OPEN, BreakState.PROPOSED)


async def blockers(
    connection: Connection, run: RunRecord, rules: ResolutionRules, calendar: Calendar
) -> list[str]:
    """Every reason against closing the night of a run; empty where it may be closed."""
    break_filter = BreakFilter(states=_STANDING)
    standing = await read_breaks(connection, break_filter, run.night, calendar)
    rows = await connection.fetch(_WITH_NOTE, [record.id for record in standing])
    ids_with_note = {UUID(str(row["break_id"])) for row in rows}
    decisions = await resolutions_of_many(connection, [record.id for record in standing])
    ids_in_hand = {decision.break_id for decision in decisions if decision.stands}
    now = await newest_night(connection)
    overdue = [record.id for record in standing if record.deadline < now and record.id not in ids_in_hand]
    return [*_of_the_run(run, rules.closing), *_of_breaks(standing, ids_with_note, overdue, rules.closing)]


def _of_the_run(run: RunRecord, closing: ClosingRules) -> Iterator[str]:
    if closing.invariants:
        for name, words in sorted(run.invariants.items()):
            if words != "hold":
                yield f"invariant {name} does not hold: {words}"
    unwatched = run.figures.get("unwatched", 0)
    if closing.unwatched and unwatched:
        yield f"{unwatched} institutions of our books are watched by nobody"


def _of_breaks(
    standing: Sequence[BreakRecord],
    ids_with_note: Collection[UUID],
    overdue: Collection[UUID],
    closing: ClosingRules,
) -> Iterator[str]:
    """What of the standing breaks speaks against it; `overdue` is past its deadline and in nobody's hand."""
    for record in standing:
        name = f"break {record.short_number}, {record.code} {record.institution} {record.reference},"
        code = BreakCode(record.code)
        if closing.proposals and record.state is BreakState.PROPOSED:
            yield f"{name} has a proposal that nobody has checked"
        elif code in closing.open:
            yield f"{name} is open"
        elif code in closing.unnoted and record.id not in ids_with_note:
            yield f"{name} is open without a note"
        elif code in closing.overdue and record.id in overdue:
            yield f"{name} is open past its deadline of {record.deadline}"
