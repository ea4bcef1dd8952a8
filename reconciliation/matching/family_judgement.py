"""The judgement of families that the kernel could not settle: break codes and the fate of each row.

Tests run in the order of certainty: duplicates, rejected rows, missing side, status, currency, amount. The
first that applies is the cause, and nothing is raised twice for it. Ties are breaks, whatever the order of
rows (reconciliation.md 3.6).
"""

from collections.abc import Sequence
from typing import Final

from reconciliation.breaks.codes import BreakCode, DifferenceCause
from reconciliation.canonical_row import (
    BRINGS,
    BROKEN,
    MATCHED,
    OPEN,
    QUIET,
    REJECTED,
    TAKES_BACK,
    OutcomeCode,
)
from reconciliation.matching.due_windows import DUE, NOT_DUE
from reconciliation.matching.family_amounts import compare_amounts
from reconciliation.matching.family_chargebacks import judge_chargebacks
from reconciliation.matching.family_decision import FamilyDecision
from reconciliation.matching.row_family import NO_ROWS, DirectionRows, Family, PoolRow

# What explains that they have a payment and we do not.
_CAUSES: Final = {
    OutcomeCode.STAND_IN: DifferenceCause.PAID_IN_STAND_IN,
    OutcomeCode.LATE_ADVICE: DifferenceCause.PAID_AND_ADVISED_LATE,
}


def judge_family(family: Family) -> FamilyDecision:
    """Decide about one family."""
    decision = FamilyDecision()
    chargebacks = FamilyDecision()
    family = judge_chargebacks(family, chargebacks)
    netted = _judge_side(family, BRINGS, decision, netted=False)
    _judge_side(family, TAKES_BACK, decision, netted=netted)
    decision.append(chargebacks)
    return decision


def _judge_side(family: Family, direction: int, decision: FamilyDecision, *, netted: bool) -> bool:
    """Judge one direction; returns whether refunds of ours were netted into the payment's row."""
    side = family.side(direction)
    if side is NO_ROWS:
        return False
    # Refunds inside the payment's row are settled with it, and no row of theirs speaks of them.
    mine = [row for row in side.ours if not (netted and row.has_succeeded)]
    ours = _without_copies(family, mine, decision)
    theirs = _readable(side.theirs, decision)
    if not theirs:
        return _theirs_is_missing(family, side, ours, decision)
    if _is_paid_in_parts(family, ours, theirs):
        decision.settle((*ours, *theirs), MATCHED)
        return False
    if len(ours) > 1:
        return _match_as_a_whole(family, ours, theirs, decision)
    return _pair(family, ours, _their_movement(family, ours, theirs, decision), decision)


def _is_paid_in_parts(family: Family, ours: Sequence[PoolRow], theirs: Sequence[PoolRow]) -> bool:
    """Whether several lines of our bank name one payout and come to it; pass 4 asks for the stated key.

    Two lines that say the same, the bank's reference included, are one line twice and no parts.
    """
    if family.kind != "statement" or len(ours) != 1 or len(theirs) == 1:
        return False
    is_distinct = len({row.says for row in theirs}) == len(theirs)
    is_alike = all(row.has_succeeded and row.currency == ours[0].currency for row in theirs)
    return is_distinct and is_alike and sum(row.net for row in theirs) == ours[0].net


def _pair(family: Family, ours: Sequence[PoolRow], theirs: PoolRow | None, decision: FamilyDecision) -> bool:
    if theirs is None:
        decision.settle(ours, BROKEN)
        return False
    if not ours:
        return _ours_is_missing(family, [theirs], decision)
    return _compare(family, ours[0], theirs, decision)


def _without_copies(family: Family, ours: Sequence[PoolRow], decision: FamilyDecision) -> list[PoolRow]:
    """Rows of ours without their copies; a copy is a line that stands twice in our books."""
    distinct: dict[tuple[object, ...], PoolRow] = {}
    for row in ours:
        facts = (*row.says, row.instant)
        if facts not in distinct:
            distinct[facts] = row
            continue
        decision.raise_finding(BreakCode.DUP_IN_LEDGER, family, row)
        decision.settle([row], BROKEN)
    return list(distinct.values())


def _readable(theirs: Sequence[PoolRow], decision: FamilyDecision) -> list[PoolRow]:
    """Rows that were read whole. Intake raised the rejected ones; they still stand for their payment."""
    rejected = [row for row in theirs if row.rejected is not None]
    decision.settle(rejected, REJECTED)
    return [row for row in theirs if row.rejected is None]


def _theirs_is_missing(
    family: Family, side: DirectionRows, ours: Sequence[PoolRow], decision: FamilyDecision
) -> bool:
    if side.theirs:
        decision.settle(ours, BROKEN)  # their row is there and was rejected
        return False
    for row in ours:
        decision.note_refused_pass(1, "no row of theirs has our reference")
        decision.note_refused_pass(
            3, "no row of theirs names it otherwise" if row.theirs else "we never learnt their name"
        )
        code = _missing_code(family, row)
        if row.due == NOT_DUE or code is BreakCode.TIMING:
            decision.settle([row], OPEN)
        else:
            decision.settle([row], QUIET if code is None else BROKEN)
        if row.due != NOT_DUE and code is not None:
            decision.note_refused_pass(
                5, "not in the next file" if row.is_late else "outside the late window"
            )
            decision.raise_finding(code, family, row)
    return False


def _missing_code(family: Family, row: PoolRow) -> BreakCode | None:
    if row.has_failed:
        return None
    if row.direction == TAKES_BACK:
        return BreakCode.REVERSAL_PENDING
    if row.is_unknown:
        return BreakCode.UNKNOWN_OPEN
    if row.is_late and row.due == DUE:
        return BreakCode.TIMING
    return BreakCode.BILLER_NOT_POSTED if family.kind == "delivery" else BreakCode.LEDGER_ONLY


def _their_movement(
    family: Family, ours: Sequence[PoolRow], theirs: Sequence[PoolRow], decision: FamilyDecision
) -> PoolRow | None:
    """The row that stands for the movement, without copies and second postings; None for a tie."""
    succeeded = [row for row in theirs if row.has_succeeded]
    # A failed try beside a success says nothing more.
    decision.settle((row for row in theirs if succeeded and row.has_failed), MATCHED)
    candidates = succeeded or list(theirs)
    distinct: dict[tuple[object, ...], PoolRow] = {}
    for row in candidates:
        if row.says in distinct:
            decision.raise_duplicate(family, row, candidates)
        else:
            distinct[row.says] = row
    first, *contradicting = distinct.values()
    if not contradicting:
        return first
    if family.kind == "delivery" and all(row.amount == first.amount for row in contradicting):
        decision.note_refused_pass(1, "one posting is matched, the biller names another")
        for row in contradicting:
            decision.raise_finding(
                BreakCode.BILLER_DOUBLE_POST, family, row, reason=f"{first.theirs} and {row.theirs}"
            )
        decision.settle(contradicting, BROKEN)
        return first
    decision.note_refused_pass(1, f"{len(distinct)} different rows have this reference")
    decision.raise_finding(
        BreakCode.AMBIGUOUS,
        family,
        first,
        reason=", ".join(sorted(str(row.amount) for row in distinct.values())),
        surplus=_surplus_amount(ours, list(distinct.values())),
    )
    decision.settle(distinct.values(), BROKEN)
    return None


def _surplus_amount(ours: Sequence[PoolRow], theirs: Sequence[PoolRow]) -> int:
    """What rows of theirs come to beyond what our books have of them, in gross."""
    booked = sum(row.amount for row in ours if row.has_succeeded)
    return sum(row.amount for row in theirs if row.has_succeeded) - booked


def _ours_is_missing(family: Family, theirs: Sequence[PoolRow], decision: FamilyDecision) -> bool:
    for row in theirs:
        if row.due == NOT_DUE:
            decision.settle([row], OPEN)
            continue
        decision.note_refused_pass(1, "our books do not have this reference")
        decision.note_refused_pass(
            3, "no row of ours bears their name for it" if row.theirs else "it names nothing else"
        )
        decision.raise_finding(BreakCode.FILE_ONLY, family, row, diagnosis=_cause_of(row))
        decision.settle([row], BROKEN)
    return False


def _cause_of(theirs: PoolRow) -> DifferenceCause | None:
    """Why they have a payment which our books hold as undelivered, by their own word for how it was paid."""
    if not theirs.has_succeeded or theirs.outcome_code is None:
        return None
    return _CAUSES.get(OutcomeCode(theirs.outcome_code))


def _match_as_a_whole(
    family: Family, ours: Sequence[PoolRow], theirs: Sequence[PoolRow], decision: FamilyDecision
) -> bool:
    """Several movements of ours under one reference match all together or not at all."""
    if sorted(row.net for row in ours) == sorted(row.net for row in theirs):
        decision.settle((*ours, *theirs), MATCHED)
        return False
    decision.note_refused_pass(4, "the movements under this reference do not pair off")
    decision.raise_finding(BreakCode.AMBIGUOUS, family, theirs[0])
    decision.settle((*ours, *theirs), BROKEN)
    return False


def _compare(family: Family, ours: PoolRow, theirs: PoolRow, decision: FamilyDecision) -> bool:
    """Compare one row of ours with one of theirs; returns whether a refund of ours is inside their row."""
    decision.settle([ours, theirs], BROKEN)
    if ours.has_failed != theirs.has_failed and not ours.is_unknown:
        code = BreakCode.THEY_SUCCESS_WE_FAILED if ours.has_failed else BreakCode.WE_SUCCESS_THEY_FAILED
        decision.note_refused_pass(1, "the two sides say different things of the outcome")
        decision.raise_finding(code, family, theirs, diagnosis=_cause_of(theirs))
        return False
    if theirs.has_failed:
        decision.settle([ours, theirs], MATCHED)
        return False
    if ours.awaits_booking:
        # Their file has the money and our books have not: only the entry, a newer revision, makes them agree.
        decision.note_refused_pass(1, "their file has it, and our books do not know the outcome yet")
        decision.raise_finding(BreakCode.UNKNOWN_OPEN, family, theirs, diagnosis=_cause_of(theirs))
        return False
    if ours.currency != theirs.currency:
        decision.note_refused_pass(1, f"{theirs.currency} against {ours.currency}")
        decision.raise_finding(BreakCode.CURRENCY, family, theirs)
        return False
    return compare_amounts(family, ours, theirs, decision)
