"""Functions that make a break in one row, and record it in the key.

Each gets a successful leg and the clean file in which it belongs. It puts rows into files and breaks into the
key, and returns the leg as in our books; or it does nothing and returns None where the break is impossible.
`docs/protocols/reconciliation-month.md` says which breaks may be found besides.
"""

from collections.abc import Callable

from sandbox.rehearsals.month.files.month_output import MonthOutput, MonthPayment
from sandbox.rehearsals.month.files.row_slots import Slot
from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.days import DAY_MS
from sandbox.rehearsals.month.model.instants import day_of
from sandbox.rehearsals.month.model.institutions import Leg, Trait
from sandbox.rehearsals.month.model.rows import MonthRow, RowDefect, RowEvent, RowStatus

Act = Callable[[MonthOutput, MonthPayment, MonthRow, Slot], MonthRow | None]

_TAKA = 100
_FACTOR = 100
_FACTOR_MAX_PAISA = 5_000_000
_OFF_MOST_PAISA = 900
_SPOILS = {"nagad": (RowDefect.NUMBER,), "janata": (RowDefect.NO_DAY,), "dbbl_nexus": (RowDefect.BLANK_TIME,)}
_ANY_SPOIL = (RowDefect.BLANK_TIME, RowDefect.NO_DAY)
_HOUR_MS = 3_600_000


def stranger(stage: MonthOutput, leg: MonthRow) -> MonthRow:
    """Return an unknown row of the same institution and instant, with another amount."""
    ours = stage.names.ours(leg.institution, day_of(leg.ms), is_stranger=True)
    theirs = stage.names.theirs(leg.institution)
    return leg.of_amount(leg.gross // 3 + 1_700).but(ours=ours, theirs=theirs)


def reject(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Make its row unreadable; the position of the row is known once the file is written."""
    del payment
    spoiled = stage.random.choice(_SPOILS.get(leg.institution.id, _ANY_SPOIL))
    slot.add(leg.but(spoiled=spoiled, mark=slot.arrival))
    return leg


def lose(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Leave it out of all files."""
    del payment
    code = Code.LEDGER_ONLY if leg.institution.leg is Leg.FUNDS else Code.BILLER_NOT_POSTED
    stage.blame(code, leg, slot.arrival, "in no file")
    return leg


def delay(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Put it into the next file."""
    del payment
    late = stage.next_night_slot(slot)
    if late is None:
        return None
    late.add(leg)
    stage.blame(Code.TIMING, leg, slot.arrival, "in the next file")
    return leg


def delay_for_ever(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Leave it out of its file and of the next one, in which it could still be."""
    del payment
    late = stage.next_night_slot(slot)
    if late is None:
        return None
    code = Code.LEDGER_ONLY if leg.institution.leg is Leg.FUNDS else Code.BILLER_NOT_POSTED
    stage.blame(Code.TIMING, leg, slot.arrival, "not in the next file either")
    stage.blame(code, leg, late.arrival, "not in the next file either")
    return leg


def invent(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Add an unknown row."""
    del payment
    slot.add(leg)
    unknown = stranger(stage, leg)
    slot.add(unknown)
    stage.blame(Code.FILE_ONLY, unknown, slot.arrival, "known to nobody")
    return leg


def charge_back(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Refund it in full, and charge it back as well (case 19)."""
    del payment
    ms = leg.ms + stage.random.randint(DAY_MS, 3 * DAY_MS)
    if not stage.is_booked(ms):
        return None
    refund_slot = stage.files.due(leg.institution, ms)
    later = [] if not refund_slot.is_clean else list(stage.later_slots(refund_slot, dates=3))
    if not later:
        return None
    refund = stage.taken_back(leg, RowEvent.REFUND, leg.gross, ms)
    slot.add(leg)
    refund_slot.add(refund)
    stage.books.write_later((refund,))
    last = stage.random.choice(later)
    back = leg.but(
        event=RowEvent.CHARGEBACK, gross=-leg.gross, fee=0, vat=0, ms=ms + _HOUR_MS,
        theirs=stage.names.theirs(leg.institution), original=leg,
    )  # fmt: skip
    last.add(back)
    stage.blame(Code.FILE_ONLY, back, last.arrival, "chargeback after refund")
    return leg


def post_twice(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Repeat it under a second reference of the biller."""
    del payment
    slot.add(leg)
    slot.add(leg.but(theirs=stage.names.theirs(leg.institution)))
    stage.blame(Code.BILLER_DOUBLE_POST, leg, slot.arrival, "same file")
    return leg


def post_twice_later(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Repeat it under another reference of the biller in the next file."""
    del payment
    late = stage.next_night_slot(slot)
    if late is None:
        return None
    slot.add(leg)
    late.add(leg.but(theirs=stage.names.theirs(leg.institution)))
    stage.blame(Code.BILLER_DOUBLE_POST, leg, late.arrival, "next file")
    return leg


def repeat_in_file(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Repeat its row in the file."""
    del payment
    slot.add(leg)
    slot.add(leg)
    stage.blame(Code.DUP_IN_FILE, leg, slot.arrival, "row twice")
    return leg


def repeat_across(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Repeat its row in a later file."""
    del payment
    later = list(stage.later_slots(slot))
    if not later:
        return None
    again = stage.random.choice(later)
    slot.add(leg)
    again.add(leg)
    stage.blame(Code.DUP_ACROSS_FILES, leg, again.arrival, "row again")
    return leg


def repeat_in_ledger(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Repeat its line in our export."""
    del payment
    slot.add(leg)
    stage.books.repeat(leg)
    stage.blame(Code.DUP_IN_LEDGER, leg, day_of(leg.ms), "line twice")
    return leg


def make_ambiguous(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Add a row of a part of it under the same reference of ours."""
    del payment
    slot.add(leg)
    slot.add(leg.of_amount(leg.gross * 3 // 5).but(theirs=stage.names.theirs(leg.institution)))
    stage.blame(Code.AMBIGUOUS, leg, slot.arrival, "partial twin")
    return leg


def hide_ours(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Leave our reference out of its row, where our books lack the institution's reference (case 17)."""
    del payment
    slot.add(leg.but(ours=""))
    stage.blame(Code.LEDGER_ONLY, leg, slot.arrival, "two payers alike")
    stage.key.add(Code.FILE_ONLY, leg.institution.id, leg.theirs, slot.arrival, "two payers alike")
    return leg.but(theirs="")


def _misstate(stage: MonthOutput, leg: MonthRow, slot: Slot, gross: int, cause: str) -> MonthRow:
    slot.add(leg.of_amount(gross))
    stage.blame(Code.AMOUNT, leg, slot.arrival, cause)
    return leg


def add_a_taka(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Raise its amount by a taka."""
    del payment
    return _misstate(stage, leg, slot, leg.gross + _TAKA, "one taka more")


def slip_the_unit(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Multiply or divide its amount by a hundred."""
    del payment
    is_small = leg.gross <= _FACTOR_MAX_PAISA
    return _misstate(stage, leg, slot, leg.gross * _FACTOR if is_small else leg.gross // _FACTOR, "unit slip")


def exchange_digits(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Exchange two digits of its amount."""
    del payment
    text = str(leg.gross)
    places = [at for at in range(1, len(text) - 1) if text[at] != text[at + 1]]
    if not places:
        return None
    at = stage.random.choice(places)
    exchanged = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return _misstate(stage, leg, slot, int(exchanged), "two digits exchanged")


def net_an_unknown_refund(
    stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot
) -> MonthRow | None:
    """Net a refund in its row that is not in our books (case 4)."""
    del payment
    part = leg.gross * 3 // 10
    fee, vat = leg.institution.charge.of_taking_back(-part)
    slot.add(leg.but(gross=leg.gross - part, fee=leg.fee + fee, vat=leg.vat + vat))
    stage.blame(Code.AMOUNT, leg, slot.arrival, "netted refund not in our books")
    return leg


def overcharge(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Charge more or less than the schedule says."""
    del payment
    # At least two paisa: one would be rounding. A fee never becomes negative.
    off = stage.random.randint(2, _OFF_MOST_PAISA)
    off = -off if off < leg.fee and stage.random.getrandbits(1) else off
    slot.add(leg.but(fee=leg.fee + off))
    stage.blame(Code.FEE_VARIANCE, leg, slot.arrival, "fee off the schedule")
    return leg


def change_currency(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Change its currency to dollars."""
    del payment
    slot.add(leg.but(currency="USD"))
    stage.blame(Code.CURRENCY, leg, slot.arrival, "another currency")
    return leg


def fail_at_ours(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Our books have it as failed, the file as successful."""
    del payment
    slot.add(leg)
    stage.blame(Code.THEY_SUCCESS_WE_FAILED, leg, slot.arrival, "given up by us")
    return leg.but(status=RowStatus.FAILED, theirs="")


def fail_at_theirs(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Our books have it as successful, the file as failed."""
    del payment
    slot.add(leg.failed())
    stage.blame(Code.WE_SUCCESS_THEY_FAILED, leg, slot.arrival, "failed in the file")
    return leg


def leave_open(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Our books have it as unknown, and it is in no file."""
    del payment
    stage.blame(Code.UNKNOWN_OPEN, leg, slot.arrival, "unknown and in no file")
    return leg.but(status=RowStatus.UNKNOWN, theirs="")


def _delay_taking_back(stage: MonthOutput, back: MonthRow) -> bool:
    """Put a refund or reversal into a later file than the due one; return whether there is one."""
    due = stage.files.due(back.institution, back.ms)
    later = list(stage.later_slots(due, dates=3)) if due.is_clean else []
    if not later:
        return False
    stage.random.choice(later).add(back)
    stage.blame(Code.REVERSAL_PENDING, back, due.arrival, f"{back.event.value} comes later")
    return True


def delay_refund(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Refund it, with the refund in a later file."""
    del payment
    ms = leg.ms + stage.random.randint(DAY_MS, 4 * DAY_MS)
    if not stage.is_booked(ms):
        return None
    part = leg.gross if stage.random.getrandbits(1) else leg.gross // 4
    refund = stage.taken_back(leg, RowEvent.REFUND, part, ms)
    if not _delay_taking_back(stage, refund):
        return None
    slot.add(leg)
    stage.books.write_later((refund,))
    return leg


def delay_reversal(stage: MonthOutput, payment: MonthPayment, leg: MonthRow, slot: Slot) -> MonthRow | None:
    """Reverse it on both legs, with the biller's row in a later file."""
    ms = leg.ms + stage.random.randint(_HOUR_MS, DAY_MS)
    funds = payment.funds
    if not stage.is_booked(ms) or (funds is not None and not funds.institution.has(Trait.TAKES_BACK)):
        return None
    undone = stage.taken_back(leg, RowEvent.REVERSAL, leg.gross, ms)
    if not _delay_taking_back(stage, undone):
        return None
    slot.add(leg)
    if funds is None:
        stage.books.write_later((undone,))
        return leg
    funds_undone = stage.taken_back(funds, RowEvent.REVERSAL, funds.gross, ms)
    stage.files.add(funds_undone)
    stage.books.write_later((funds_undone, undone))
    return leg
