"""The possible cause of a difference, by arithmetic alone (reconciliation.md 1.5).

A diagnosis is a suggestion for a person. It never settles a break: a difference that equals the fee is still
a difference.
"""

from collections.abc import Collection
from dataclasses import dataclass

from reconciliation.breaks.codes import DifferenceCause

_HUNDRED = 100
_TWO = 2


@dataclass(frozen=True, slots=True)
class DiagnosisContext:
    """Open amounts in paisa that might explain a difference."""

    refunds: Collection[int] = ()
    differences: Collection[int] = ()
    batches: Collection[int] = ()
    cycles: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class ComparedAmounts:
    """The amounts of one movement on both sides, with fee and VAT by schedule, in paisa."""

    ours: int
    theirs: int
    fee: int = 0
    vat: int = 0

    @property
    def difference(self) -> int:
        """Theirs less ours."""
        return self.theirs - self.ours


def diagnose(compared: ComparedAmounts, context: DiagnosisContext) -> DifferenceCause:
    """The first usual cause that gives exactly this difference."""
    return _of_the_payment(compared, context) or _of_the_digits(compared) or _of_others(compared, context)


def _of_the_payment(compared: ComparedAmounts, context: DiagnosisContext) -> DifferenceCause | None:
    size = abs(compared.difference)
    charges = {
        DifferenceCause.FEE_AND_VAT: compared.fee + compared.vat,
        DifferenceCause.FEE: compared.fee,
        DifferenceCause.VAT: compared.vat,
    }
    for cause, amount in charges.items():
        if amount and size == abs(amount):
            return cause
    return DifferenceCause.REFUND if size in {abs(refund) for refund in context.refunds} else None


def _of_the_digits(compared: ComparedAmounts) -> DifferenceCause | None:
    if compared.theirs == compared.ours * _HUNDRED:
        return DifferenceCause.HUNDREDFOLD
    if compared.theirs * _HUNDRED == compared.ours:
        return DifferenceCause.HUNDREDTH
    return DifferenceCause.SWAPPED_DIGITS if are_swapped(compared.ours, compared.theirs) else None


def are_swapped(ours: int, theirs: int) -> bool:
    """Whether two digits of one amount changed places in the other; their difference divides by 9."""
    our_digits, their_digits = str(abs(ours)), str(abs(theirs))
    if len(our_digits) != len(their_digits) or (ours - theirs) % 9:
        return False
    differing = [
        index
        for index, (our_digit, their_digit) in enumerate(zip(our_digits, their_digits, strict=True))
        if our_digit != their_digit
    ]
    crosswise = [our_digits[index] for index in reversed(differing)] == [
        their_digits[index] for index in differing
    ]
    return len(differing) == _TWO and crosswise


def _of_others(compared: ComparedAmounts, context: DiagnosisContext) -> DifferenceCause:
    if -compared.difference in context.differences:
        return DifferenceCause.COMPENSATING
    if compared.difference in context.batches:
        return DifferenceCause.BATCH
    if compared.difference in context.cycles:
        return DifferenceCause.MISSING_CYCLE
    return DifferenceCause.UNEXPLAINED if compared.difference % _HUNDRED else DifferenceCause.ROUND_TAKA
