"""Equal, rounded, netted or different: one row of ours against one of theirs.

Pass 1 asks for the same gross and net, pass 2 for the same gross and a net by the fee schedule, pass 4 for
the payment and its refunds together in one row of theirs (case 4). One paisa is rounding and is left to its
file's bound; more is never absorbed (case 7).
"""

from collections.abc import Sequence
from typing import Final

from reconciliation.breaks.codes import BreakCode
from reconciliation.canonical_row import BRINGS, MATCHED, TAKES_BACK
from reconciliation.matching.family_decision import FamilyDecision
from reconciliation.matching.row_family import Family, PoolRow

ROUNDING_MAX: Final = 1


def compare_amounts(family: Family, ours: PoolRow, theirs: PoolRow, decision: FamilyDecision) -> bool:
    """Match both rows or raise the difference; returns whether refunds of ours were netted into their row."""
    if _fits(family, theirs, ours.gross, ours.net, decision):
        decision.settle([ours, theirs], MATCHED)
        return False
    refunds = _open_refunds(family, ours)
    if refunds:
        gross = ours.amount + sum(refund.amount for refund in refunds)
        net = ours.net + sum(refund.net for refund in refunds)
        if _fits(family, theirs, gross, net, decision):
            decision.settle([ours, theirs, *refunds], MATCHED)
            return True
        decision.note_refused_pass(4, "payment and refunds together are not their amount either")
    _find_difference(family, ours, theirs, decision)
    return False


def _fits(family: Family, theirs: PoolRow, gross: int | None, net: int, decision: FamilyDecision) -> bool:
    """Whether their row has these amounts, or differs by one paisa where a fee was kept."""
    if theirs.gross is not None and theirs.gross != gross:
        return False
    if theirs.net == net:
        return True
    if family.kind == "funds" and abs(theirs.net - net) <= ROUNDING_MAX:
        decision.rounded.append(theirs)
        return True
    return False


def _open_refunds(family: Family, ours: PoolRow) -> Sequence[PoolRow]:
    """Our refunds of this payment that are in no row of theirs."""
    back = family.side(TAKES_BACK)
    if ours.direction != BRINGS or back.theirs:
        return ()
    return [row for row in back.ours if row.has_succeeded]


def _find_difference(family: Family, ours: PoolRow, theirs: PoolRow, decision: FamilyDecision) -> None:
    decision.note_refused_pass(1, "the amounts differ")
    if theirs.gross is None or theirs.gross == ours.gross:
        decision.note_refused_pass(2, "the net is not by the fee schedule")
        decision.raise_finding(BreakCode.FEE_VARIANCE, family, theirs, ours=ours)
        return
    decision.note_refused_pass(2, "the gross differs, so no fee explains it")
    decision.raise_finding(BreakCode.AMOUNT, family, theirs, ours=ours)
