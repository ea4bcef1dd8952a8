"""The chargeback rows of a family: money that a connector took for a dispute, and our line of it.

Our books have a chargeback as money that went back, under the connector's name of the movement, once two
persons have recorded it (docs/adr/0101). Until then the row is a break whose diagnosis says what to do. It is
never netted with a refund: a second outflow is a loss (reconciliation.md 5, case 19).
"""

from collections.abc import Sequence
from dataclasses import replace

from reconciliation.breaks.codes import BreakCode, DifferenceCause
from reconciliation.canonical_row import BRINGS, BROKEN, CHARGEBACK, MATCHED, REJECTED, TAKES_BACK
from reconciliation.matching.family_decision import FamilyDecision
from reconciliation.matching.row_family import DirectionRows, Family, PoolRow


def judge_chargebacks(family: Family, decision: FamilyDecision) -> Family:
    """Decide about the chargeback rows; returns the family without the rows of ours that agree with one."""
    rows = family.side(CHARGEBACK).theirs
    decision.settle((row for row in rows if row.rejected is not None), REJECTED)
    rows = tuple(row for row in rows if row.rejected is None)
    back = family.side(TAKES_BACK)
    refunded_names = {row.theirs for row in back.theirs}
    left = [row for row in back.ours if row.theirs and row.theirs not in refunded_names]
    agreed: list[PoolRow] = []
    said: set[tuple[object, ...]] = set()
    for row in rows:
        if row.says in said:
            decision.raise_duplicate(family, row, rows)
            continue
        said.add(row.says)
        ours = next((line for line in left if _is_same_movement(line, row)), None)
        if ours is None:
            _raise_unknown(family, row, decision)
        else:
            left.remove(ours)
            agreed.append(ours)
            decision.settle((ours, row), MATCHED)
    if not agreed:
        return family
    remaining = tuple(row for row in back.ours if row not in agreed)
    return replace(family, sides={**family.sides, TAKES_BACK: DirectionRows(remaining, back.theirs)})


def _is_same_movement(ours: PoolRow, theirs: PoolRow) -> bool:
    """Whether a line of ours is the money of a chargeback row; the name proves it, the amounts must agree."""
    return (
        (ours.theirs, ours.net, ours.currency) == (theirs.theirs, theirs.net, theirs.currency)
        and ours.has_succeeded
        and theirs.has_succeeded
    )


def _raise_unknown(family: Family, row: PoolRow, decision: FamilyDecision) -> None:
    decision.note_refused_pass(1, "no chargeback of ours has their name and amount")
    decision.raise_finding(
        BreakCode.FILE_ONLY,
        family,
        row,
        reason="chargeback",
        diagnosis=_diagnosis(family.side(BRINGS).ours, row) if row.has_succeeded else None,
    )
    decision.settle([row], BROKEN)


def _diagnosis(payments: Sequence[PoolRow], row: PoolRow) -> DifferenceCause:
    """What a chargeback row is, by our lines of its payment."""
    paid = [payment for payment in payments if payment.has_succeeded]
    if not paid:
        return DifferenceCause.CHARGEBACK_OF_NO_PAYMENT
    alike = [payment for payment in paid if payment.currency == row.currency]
    if not alike:
        return DifferenceCause.CHARGEBACK_IN_OTHER_CURRENCY
    if abs(row.amount) > sum(payment.amount for payment in alike):
        return DifferenceCause.CHARGEBACK_BEYOND_PAYMENT
    return DifferenceCause.CHARGEBACK
