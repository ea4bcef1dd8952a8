"""Reversal of decisions whose break a night's run has closed: by a rule, in the run's own commit.

An approved write-off of a break that a correction has ended would make money: the row is matched now, and the
loss still booked. So every decision that stands on such a break is reversed, newest first, by a new entry;
nothing is deleted (reconciliation.md 5, case 13). A proposal that nobody has checked lapses. The maker
is the rule, and the database accepts a rule's rows for reversals alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID, uuid5

from ekpay_switch.ports.finance import Adjustment, Connection, Finance
from reconciliation.calendar import read_calendar
from reconciliation.resolutions.booked_transfers import release_booked
from reconciliation.resolutions.day_closing import RunEndings, restate
from reconciliation.resolutions.decision_records import ProposalOutcome, Resolution, posting_lines
from reconciliation.resolutions.decision_rules import reversal_entry_id
from reconciliation.resolutions.decision_store import (
    institutions_of,
    resolutions_of_many,
    write_outcome,
    write_resolution,
)
from reconciliation.resolutions.decisions import resolution_facts
from reconciliation.resolutions.missing_payouts import lines_that_paid
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.resolution_postings import reversal_after_closing, touches_our_bank
from reconciliation.resolutions.stale_breaks import release_owed_back
from reconciliation.results.event_chain import NewEvent, append
from reconciliation.results.records import BreakEventKind, BreakState, RunRecord

RULE: Final = "what it was about has come"


@dataclass(frozen=True, slots=True)
class ChangedBreak:
    """A break that the run closed or reopened, and its state now."""

    break_id: UUID
    state: BreakState


@dataclass(frozen=True, slots=True)
class RunReactions:
    """The results: reversing decisions, proposals that lapsed, and nights with a new restatement."""

    reversals: tuple[Resolution, ...]
    lapsed: tuple[Resolution, ...]
    restated: tuple[date, ...]


async def react_to_run(
    connection: Connection, finance: Finance, run: RunRecord, changed: Sequence[ChangedBreak]
) -> RunReactions:
    """Reverse, let lapse and restate, in the transaction that commits the run, after its rows and events.

    The accounts of every reversal exist since the decision was approved.
    """
    states = await _with_lines_that_paid(connection, {item.break_id: item.state for item in changed})
    decisions = await resolutions_of_many(connection, list(states))
    institutions = await institutions_of(connection, list(states))
    lapsed = [item for item in decisions if item.waits]
    numbers = dict.fromkeys(states, 0)
    for item in decisions:
        numbers[item.break_id] = max(numbers[item.break_id], item.number)
    reversals: list[Resolution] = []
    adjustments: list[Adjustment] = []
    events: list[NewEvent] = []
    for item in lapsed:
        await write_outcome(connection, item, ProposalOutcome.LAPSED)
        events.append(_event(item, run, BreakEventKind.REJECTED, states[item.break_id]))
    undone = list(reversed([item for item in decisions if item.stands]))
    # What our bank has paid to a payer stays paid: the switch gives nothing of it back.
    paid = {item.break_id for item in undone if item.action is ResolutionAction.PAY_BACK_BY_HAND}
    for item in undone:
        numbers[item.break_id] += 1
        reversal = _reversal(item, institutions[item.break_id], numbers[item.break_id])
        await write_resolution(connection, reversal)
        await write_outcome(connection, reversal, ProposalOutcome.APPROVED)
        reversals.append(reversal)
        adjustments.extend(reversal.adjustments)
        events.append(_event(reversal, run, BreakEventKind.REVERSED, states[item.break_id]))
    if adjustments:
        await finance.books.post(connection, adjustments)
    for item, reversal in zip(undone, reversals, strict=True):
        if item.break_id not in paid:
            await release_owed_back(connection, finance, item, reversal)
        # What our bank has paid or received stays its line, whatever has become of the break.
        if not touches_our_bank(item.action):
            await release_booked(connection, finance, item, reversal)
    await append(connection, events)
    closed = [break_id for break_id, state in states.items() if state is BreakState.CLOSED]
    calendar = read_calendar(finance.config / "calendar.toml")
    restated = await restate(connection, run, calendar, RunEndings(tuple(closed), tuple(reversals)))
    return RunReactions(tuple(reversals), tuple(lapsed), restated)


async def _with_lines_that_paid(
    connection: Connection, states: Mapping[UUID, BreakState]
) -> dict[UUID, BreakState]:
    """The changed breaks, and open those of the lines that had paid a payout which has come by itself."""
    closed = [break_id for break_id, state in states.items() if state is BreakState.CLOSED]
    lines = await lines_that_paid(connection, closed)
    return dict.fromkeys(sorted(lines), BreakState.OPEN) | dict(states)


def _reversal(decision: Resolution, institution: str, number: int) -> Resolution:
    entry = decision.entry
    undone = None if entry is None else reversal_after_closing(decision.action, institution, entry)
    return replace(
        decision,
        id=uuid5(decision.id, "taken away"),
        number=number,
        entry_id=reversal_entry_id(decision),
        moment="" if undone is None else undone.moment,
        postings=posting_lines(undone),
        settlement="",
        reason=f"the break has changed by itself: reverses {decision.action.value}",
        maker=None,
        rule=RULE,
        made_at=datetime.now(UTC),
        checkers_needed=0,
        reverses=decision.id,
        approved_by=(),
        outcome=ProposalOutcome.APPROVED,
    )


def _event(resolution: Resolution, run: RunRecord, kind: BreakEventKind, state: BreakState) -> NewEvent:
    facts = resolution_facts(resolution) | {"run": run.seq, "why": RULE}
    return NewEvent(resolution.break_id, run.night, f"rule: {RULE}", kind, state, facts)
