"""Ordinary noise in the rows of a month, none of which is a break.

Legs fail or stay unknown, payments are refunded, rows lack our reference, a paisa is rounded the other way, a
row of the last minutes is in the next file.
"""

from sandbox.rehearsals.month.files.month_output import MonthOutput, MonthPayment
from sandbox.rehearsals.month.files.row_slots import Slot
from sandbox.rehearsals.month.model.days import DAY_MS, EPOCH_MS
from sandbox.rehearsals.month.model.instants import day_of, minute_of
from sandbox.rehearsals.month.model.institutions import Leg, Trait
from sandbox.rehearsals.month.model.rows import MonthRow, RowEvent, RowStatus

# Parts of all legs, in millionths.
_MILLION = 1_000_000
_FAILED, _UNKNOWN, _DELIVERY_UNKNOWN = 30_000, 2_500, 1_000
_REFUNDED, _UNLEARNT, _LACKING, _ROUNDED = 3_000, 3_000, 500, 200
_RARE = _FAILED + _UNKNOWN + _REFUNDED + _UNLEARNT + _LACKING + _ROUNDED
_ODD_PAISA_MAX = 6
"""Maximum number of lines of a file that are a paisa off; more than ten would be a break."""
_LATE_PERCENT, _LISTED_PERCENT, _SUCCESS_PERCENT, _NETTED_PERCENT, _WHOLE_PERCENT = 20, 50, 75, 40, 30
_EVENING_MINUTE = 22 * 60
_REVERSED_PERMILLE = 10
_TEN_MINUTES_MS = 600_000
_REFUND_DAYS = 5


def reverse(stage: MonthOutput, payment: MonthPayment) -> bool:
    """Rarely reverse an evening's payment ten minutes after midnight (case 3); return whether it was done."""
    last = payment.legs[-1]
    if minute_of(last.ms) < _EVENING_MINUTE or stage.random.randrange(1_000) >= _REVERSED_PERMILLE:
        return False
    ms = EPOCH_MS + (day_of(last.ms) + 1) * DAY_MS + _TEN_MINUTES_MS
    is_possible = all(
        leg.institution.has(Trait.TAKES_BACK) and _slot(stage, leg).is_quiet for leg in payment.legs
    )
    if not is_possible or not stage.is_booked(ms):
        return False
    undone = tuple(stage.taken_back(leg, RowEvent.REVERSAL, leg.gross, ms) for leg in payment.legs)
    for row in (*payment.legs, *undone):
        stage.files.add(row)
    stage.books.write(payment.legs)
    stage.books.write_later(undone)
    return True


def pass_leg(stage: MonthOutput, leg: MonthRow) -> MonthRow:
    """Put a leg into its file, in one of the usual ways; return it as in our books."""
    slot = _slot(stage, leg)
    draw = stage.random.randrange(_MILLION)
    if draw < _RARE and slot.is_quiet:
        return _rare(stage, leg, slot, draw)
    late = _late_slot(stage, leg, slot)
    (late or slot).add(leg)
    return leg


def _slot(stage: MonthOutput, leg: MonthRow) -> Slot:
    return stage.files.due(leg.institution, leg.ms)


def _late_slot(stage: MonthOutput, leg: MonthRow, slot: Slot) -> Slot | None:
    """A row of the last minutes may be in the next file if that arrives in the same night."""
    first, after = leg.institution.window
    if (
        not first <= minute_of(leg.ms) < after
        or not slot.is_clean
        or stage.random.randrange(100) >= _LATE_PERCENT
    ):
        return None
    late = stage.files.after(slot)
    # On a non-business day the late window of the date has not begun yet.
    is_own_day = slot.date == day_of(leg.ms)
    return late if is_own_day and late.is_clean and late.arrival == slot.arrival else None


def _rare(stage: MonthOutput, leg: MonthRow, slot: Slot, draw: int) -> MonthRow:
    if leg.institution.leg is Leg.DELIVERY:
        return _rare_delivery(leg, slot, draw)
    for most, happen in _RARE_ENDS:
        if draw < most:
            return happen(stage, leg, slot)
    return _odd_line(leg, slot, is_lacking=draw < _RARE - _ROUNDED)


def _rare_delivery(leg: MonthRow, slot: Slot, draw: int) -> MonthRow:
    if draw < _DELIVERY_UNKNOWN:
        slot.add(leg)
        return leg.but(status=RowStatus.UNKNOWN, theirs="")
    return _odd_line(leg, slot, is_lacking=draw < _DELIVERY_UNKNOWN + _LACKING)


def _odd_line(leg: MonthRow, slot: Slot, *, is_lacking: bool) -> MonthRow:
    if is_lacking and leg.institution.has(Trait.OURS_MAY_LACK):
        slot.add(leg.but(ours=""))
        return leg
    is_off = not is_lacking and leg.institution.leg is Leg.FUNDS and slot.odd_paisa < _ODD_PAISA_MAX
    slot.odd_paisa += is_off
    slot.add(leg.but(vat=leg.vat + (1 if leg.number % 2 else -1)) if is_off and leg.vat else leg)
    return leg


def _failed(stage: MonthOutput, leg: MonthRow, slot: Slot) -> MonthRow:
    if leg.institution.has(Trait.STATUS) and stage.random.randrange(100) < _LISTED_PERCENT:
        slot.add(leg.failed())
    return leg.but(status=RowStatus.FAILED, theirs="")


def _unknown(stage: MonthOutput, leg: MonthRow, slot: Slot) -> MonthRow:
    is_success = stage.random.randrange(100) < _SUCCESS_PERCENT or not leg.institution.has(Trait.STATUS)
    slot.add(leg if is_success else leg.failed())
    return leg.but(status=RowStatus.UNKNOWN, theirs="")


def _unlearnt(stage: MonthOutput, leg: MonthRow, slot: Slot) -> MonthRow:
    del stage
    slot.add(leg)
    return leg.but(theirs="")


def _refunded(stage: MonthOutput, leg: MonthRow, slot: Slot) -> MonthRow:
    ms = leg.ms + stage.random.randint(0, _REFUND_DAYS * DAY_MS)
    if not leg.institution.has(Trait.TAKES_BACK) or not stage.is_booked(ms):
        slot.add(leg)
        return leg
    is_whole = stage.random.randrange(100) < _WHOLE_PERCENT
    part = leg.gross if is_whole else leg.gross * stage.random.randint(10, 90) // 100
    refund = stage.taken_back(leg, RowEvent.REFUND, part, ms)
    stage.books.write_later((refund,))
    is_known = slot.is_clean and day_of(ms) <= slot.arrival
    is_netted = is_known and not is_whole and stage.random.randrange(100) < _NETTED_PERCENT
    if is_netted and leg.institution.has(Trait.NETS_REFUNDS):
        netted = (leg.gross + refund.gross, leg.fee + refund.fee, leg.vat + refund.vat)
        slot.add(leg.but(**dict(zip(("gross", "fee", "vat"), netted, strict=True))))
        return leg
    slot.add(leg)
    stage.files.add(refund)
    return leg


_RARE_ENDS = (
    (_FAILED, _failed),
    (_FAILED + _UNKNOWN, _unknown),
    (_FAILED + _UNKNOWN + _REFUNDED, _refunded),
    (_FAILED + _UNKNOWN + _REFUNDED + _UNLEARNT, _unlearnt),
)
