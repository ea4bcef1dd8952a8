"""Which decisions a break allows as it stands, and their amounts and entries. Pure: no clock, no database.

    open ─ propose ▶ proposed ─ enough approvals ▶ resolved, or open again where it is only a first step
                              ─ one rejection ▶ as before
    resolved ─ reversal, proposed and checked likewise ▶ open

Decisions that moved money build on one another: a later one continues the newest, and only the newest can be
reversed.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid5

from ekpay_switch.domain.ledger.entries import Entry
from reconciliation.breaks.codes import BreakCode
from reconciliation.resolutions.decision_records import Resolution, UnfitError
from reconciliation.resolutions.resolution_actions import ResolutionAction, ResolutionRules
from reconciliation.resolutions.resolution_postings import (
    BreakAmounts,
    InstitutionSide,
    MissingPayout,
    NoEntryError,
    entry_of,
    settlement_of,
)
from reconciliation.results.records import BreakRecord, BreakState


@dataclass(frozen=True, slots=True)
class ResolutionPlan:
    """The effect of a proposal: its amount in paisa, the entry if money moves, how many must check it."""

    amount: int
    entry: Entry | None
    settlement: str
    checkers: int


def plan_of(
    action: ResolutionAction,
    record: BreakRecord,
    amounts: BreakAmounts,
    side: InstitutionSide,
    standing: Sequence[Resolution],
    rules: ResolutionRules,
    *,
    payouts: Sequence[MissingPayout] = (),
) -> ResolutionPlan:
    """What an action comes to on a break, `standing` being its decisions so far; `payouts` are paid by it.

    Raises:
        UnfitError: it does not fit.
    """
    code = BreakCode(record.code)
    refuse_unless_open(record, standing)
    if code not in rules.rules[action].codes:
        fitting = ", ".join(fitting_actions(record, amounts, side, standing, rules))
        raise UnfitError(f"{action.value} does not fit {code.value}; what fits: {fitting}")
    _refuse_out_of_turn(action, standing, rules)
    try:
        entry = entry_of(action, amounts, side, payouts)
    except NoEntryError as problem:
        raise UnfitError(str(problem)) from problem
    amount = record.exposure if entry is None else sum(max(line.amount, 0) for line in entry.postings)
    settlement = settlement_of(action, code, entry) or _settlement_so_far(standing)
    return ResolutionPlan(amount, entry, settlement, rules.checkers(amount))


def fitting_actions(
    record: BreakRecord,
    amounts: BreakAmounts,
    side: InstitutionSide,
    standing: Sequence[Resolution],
    rules: ResolutionRules,
) -> list[ResolutionAction]:
    """The actions that a proposal may take on a break as it stands: those that `plan_of` does not refuse."""
    actions = []
    for action in rules.actions_for(BreakCode(record.code)):
        with suppress(UnfitError):
            plan_of(action, record, amounts, side, standing, rules)
            actions.append(action)
    return actions


def refuse_unless_open(record: BreakRecord, standing: Sequence[Resolution]) -> None:
    """Refuse a proposal for a break that is not open.

    Raises:
        UnfitError: closed, proposed or resolved.
    """
    match record.state:
        case BreakState.CLOSED:
            raise UnfitError("the break is closed: what was missing has come")
        case BreakState.PROPOSED:
            waiting = ", ".join(str(decision.id) for decision in standing if decision.waits)
            raise UnfitError(f"a proposal waits for its checkers: {waiting}")
        case BreakState.RESOLVED:
            raise UnfitError("the break is resolved; reverse that first")
        case BreakState.OPEN:
            return


def _refuse_out_of_turn(
    action: ResolutionAction, standing: Sequence[Resolution], rules: ResolutionRules
) -> None:
    newest = newest_standing(standing)
    after = rules.rules[action].after
    if after is not None and (newest is None or newest.action is not after or not newest.postings):
        raise UnfitError(f"{action.value} comes after {after.value}, which does not stand here")
    if after is None and newest is not None and newest.postings and action is not ResolutionAction.REPOST:
        raise UnfitError(f"{newest.action.value} stands: continue it, or reverse it first")


def newest_standing(standing: Sequence[Resolution]) -> Resolution | None:
    """The decision that the next one continues or reverses."""
    return next((decision for decision in reversed(standing) if decision.stands), None)


def reversal_of(resolution: Resolution, standing: Sequence[Resolution]) -> Entry | None:
    """The entry that reverses a decision; None where it moved nothing.

    Raises:
        UnfitError: it does not stand, or a later one stands upon it.
    """
    if not resolution.stands:
        raise UnfitError("only a decision that stands approved can be reversed")
    newest = newest_standing(standing)
    if newest is not None and newest.id != resolution.id:
        raise UnfitError(f"{newest.action.value} was decided upon it: reverse {newest.id} first")
    entry = resolution.entry
    return None if entry is None else entry.reversal()


def reversal_entry_id(resolution: Resolution) -> UUID:
    """The id of the entry that reverses: one for ever, whoever proposes it and however often."""
    return uuid5(resolution.entry_id, "reversed")


def state_after(standing: Sequence[Resolution], rules: ResolutionRules) -> BreakState:
    """The state of a break by its decisions alone, when none of them waits."""
    ended = any(rules.rules[decision.action].ends for decision in standing if decision.stands)
    return BreakState.RESOLVED if ended else BreakState.OPEN


def _settlement_so_far(standing: Sequence[Resolution]) -> str:
    newest = newest_standing(standing)
    return "" if newest is None else newest.settlement
