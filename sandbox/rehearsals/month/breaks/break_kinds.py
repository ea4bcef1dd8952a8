"""Every kind of break of a row: its code, its possible institutions, and the function that makes it."""

from dataclasses import dataclass
from functools import cache

from sandbox.rehearsals.month.breaks import row_breaks as strikes
from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.institutions import DELIVERY, FUNDS, Leg, MonthInstitution, Trait


@dataclass(frozen=True, slots=True)
class BreakKind:
    """One kind of break.

    `needs` and `lacks` are traits of the institutions at which it can be made. A pinned one needs an instant
    in the late window, a twin the payment that follows another of the same amount in the same minute. An
    undelivered one has no second leg.
    """

    code: Code
    act: strikes.Act
    leg: Leg | None = None
    needs: Trait | None = None
    lacks: Trait | None = None
    is_pinned: bool = False
    is_twin: bool = False
    is_undelivered: bool = False

    def institutions(self) -> tuple[MonthInstitution, ...]:
        """Return the institutions at which it can be made."""
        return _institutions(self)


@cache
def _institutions(kind: BreakKind) -> tuple[MonthInstitution, ...]:
    return tuple(
        institution
        for institution in (*FUNDS, *DELIVERY)
        if kind.leg in {None, institution.leg}
        and (kind.needs is None or institution.has(kind.needs))
        and (kind.lacks is None or not institution.has(kind.lacks))
    )


_F, _D = Leg.FUNDS, Leg.DELIVERY
KINDS = (
    BreakKind(Code.ROW_REJECTED, strikes.reject),
    BreakKind(Code.LEDGER_ONLY, strikes.lose, _F),
    BreakKind(Code.LEDGER_ONLY, strikes.delay_for_ever, _F, is_pinned=True),
    BreakKind(Code.LEDGER_ONLY, strikes.hide_ours, _F, Trait.OURS_MAY_LACK, is_twin=True),
    BreakKind(Code.FILE_ONLY, strikes.invent, _F),
    BreakKind(Code.FILE_ONLY, strikes.invent, _D),
    BreakKind(Code.FILE_ONLY, strikes.charge_back, _F, Trait.CHARGEBACK),
    BreakKind(Code.BILLER_NOT_POSTED, strikes.lose, _D),
    BreakKind(Code.BILLER_DOUBLE_POST, strikes.post_twice, _D, lacks=Trait.NO_THEIRS),
    BreakKind(Code.BILLER_DOUBLE_POST, strikes.post_twice_later, _D, lacks=Trait.NO_THEIRS),
    BreakKind(Code.DUP_IN_FILE, strikes.repeat_in_file),
    BreakKind(Code.DUP_ACROSS_FILES, strikes.repeat_across),
    BreakKind(Code.DUP_IN_LEDGER, strikes.repeat_in_ledger),
    BreakKind(Code.AMBIGUOUS, strikes.make_ambiguous, _F),
    BreakKind(Code.AMOUNT, strikes.add_a_taka, lacks=Trait.NET_ONLY),
    BreakKind(Code.AMOUNT, strikes.slip_the_unit, lacks=Trait.NET_ONLY),
    BreakKind(Code.AMOUNT, strikes.exchange_digits, lacks=Trait.NET_ONLY),
    BreakKind(Code.AMOUNT, strikes.net_an_unknown_refund, _F, Trait.NETS_REFUNDS),
    BreakKind(Code.FEE_VARIANCE, strikes.overcharge, _F),
    BreakKind(Code.CURRENCY, strikes.change_currency, _F, Trait.CURRENCY),
    BreakKind(Code.THEY_SUCCESS_WE_FAILED, strikes.fail_at_ours, _F, is_undelivered=True),
    BreakKind(Code.WE_SUCCESS_THEY_FAILED, strikes.fail_at_theirs, _F, Trait.STATUS),
    BreakKind(Code.UNKNOWN_OPEN, strikes.leave_open, _F, is_undelivered=True),
    BreakKind(Code.UNKNOWN_OPEN, strikes.leave_open, _D),
    BreakKind(Code.TIMING, strikes.delay, is_pinned=True),
    BreakKind(Code.REVERSAL_PENDING, strikes.delay_refund, _F, Trait.TAKES_BACK),
    BreakKind(Code.REVERSAL_PENDING, strikes.delay_reversal, _D, Trait.TAKES_BACK),
)
