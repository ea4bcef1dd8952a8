"""Write a whole month, payment by payment; memory does not grow with how many there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from sandbox.rehearsals.month.breaks import ordinary_noise as usual
from sandbox.rehearsals.month.breaks.break_kinds import BreakKind
from sandbox.rehearsals.month.breaks.break_schedule import BreakSchedule, PlannedBreak
from sandbox.rehearsals.month.breaks.row_breaks import Act
from sandbox.rehearsals.month.files.bank_statements import Statements, plan_statements
from sandbox.rehearsals.month.files.file_faults import plan_files
from sandbox.rehearsals.month.files.institution_files import InstitutionFiles
from sandbox.rehearsals.month.files.month_output import MonthOutput, MonthPayment
from sandbox.rehearsals.month.files.own_books import MonthLedger
from sandbox.rehearsals.month.files.row_slots import SlotMaker, UnluckyMonthError
from sandbox.rehearsals.month.model.answer_key import AnswerKey, Code
from sandbox.rehearsals.month.model.days import DAY_MS, EPOCH_MS, NIGHTS, date_of, is_business
from sandbox.rehearsals.month.model.instants import dashed, minute_of
from sandbox.rehearsals.month.model.institutions import Leg, MonthInstitution
from sandbox.rehearsals.month.model.references import ReferenceMaker
from sandbox.rehearsals.month.model.rows import MonthRow, RowStatus
from sandbox.rehearsals.month.payments import (
    DELIVERY_PERCENT,
    FUNDS_PERCENT,
    PaymentConstraints,
    PaymentMaker,
)

PAYMENTS_MIN, PAYMENTS_MAX = 10_000, 10_000_000
LEDGER, FILES, KEY = "ledger", "files", "key"

# Of a business day's payments, in percent.
_FRIDAY, _SATURDAY = 4, 5
_WEIGHTS = {_FRIDAY: 70, _SATURDAY: 85}
_WHOLE = 100
_MINUTE_MS = 60_000
_MINUTE_NEARLY_OVER_MS = 55_000
# Breaks outside the late window keep a distance from it.
_MARGIN_MINUTES = 40
_ALIKE_IN = 2_000
"""One payment in so many is followed by one of the same amount in the same minute."""
_INSTITUTIONS_TRIED = 3


@dataclass(frozen=True, slots=True)
class WrittenMonth:
    """What was written."""

    payments: int
    ledger_rows: int
    seeded: int


@dataclass(frozen=True, slots=True)
class _Twin:
    """The payment that follows one of equal amount; without a `BreakKind` nothing is wrong with it."""

    constraints: PaymentConstraints
    before_ms: int
    act: Act | None


def write_month(payments: int, seed: int, out: Path, on_day_written: Callable[[int], None]) -> WrittenMonth:
    """Write ledger, files and key of a month; `on_day_written` gets the number of payments of each day.

    Raises:
        UnluckyMonthError: a planned break could not be made; another seed will do.
    """
    for folder in (out / LEDGER, *(out / FILES / dashed(night) for night in range(NIGHTS))):
        folder.mkdir(parents=True)
    days = payments_of_days(payments)
    month = _Month(days, seed, out)
    for day, count in enumerate(days):
        month.pass_day(day, count)
        on_day_written(count)
    return month.end(out / KEY)


def payments_of_days(payments: int) -> list[int]:
    """Distribute the payments over the days, fewer on Fridays and Saturdays; the counts sum to `payments`."""
    weights = [_WEIGHTS.get(date_of(day).weekday(), _WHOLE) for day in range(NIGHTS)]
    ends = [payments * sum(weights[: day + 1]) // sum(weights) for day in range(NIGHTS)]
    return [end - before for before, end in zip([0, *ends], ends, strict=False)]


class _Month:
    """The month that is being generated, day by day."""

    def __init__(self, days: Sequence[int], seed: int, out: Path) -> None:
        random = Random(f"month {seed} {sum(days)}")  # noqa: S311 - the same seed makes the same month
        plan = plan_files(random, lambda institution, date: rows_expected(days, institution, date))
        self._key = AnswerKey()
        names = ReferenceMaker(random)
        files = out / FILES
        desk = InstitutionFiles(SlotMaker(files, seed, plan, self._key, self._reject))
        self._stage = MonthOutput(random, names, MonthLedger(out / LEDGER), desk, self._key)
        self._statements = Statements(files, plan_statements(random, plan), self._key, names)
        self._maker = PaymentMaker(random, names)
        self._seeds = BreakSchedule(random, days, plan)
        self._twin: _Twin | None = None

    def pass_day(self, day: int, count: int) -> None:
        """Generate a day's payments, and end its files."""
        books, randrange = self._stage.books, self._stage.random.randrange
        books.open_day(day)
        begin = EPOCH_MS + day * DAY_MS
        for number in range(count):
            ms = begin + (number * DAY_MS + randrange(DAY_MS)) // count
            books.write_until(ms)
            self._pass(ms, self._seeds.pinned.get((day, number)), is_last=number == count - 1)
        books.close_day()
        self._stage.files.close_date(day)
        if is_business(day):
            self._statements.write_day(day, self._stage.files.settled(day))

    def end(self, path: Path) -> WrittenMonth:
        """Write the key.

        Raises:
            UnluckyMonthError: not every planned break could be made.
        """
        if len(self._seeds) or self._key.codes() != set(Code):
            raise UnluckyMonthError
        self._key.write(path)
        return WrittenMonth(self._stage.names.number, self._stage.books.rows, len(self._key))

    def _reject(self, row: MonthRow, place: str) -> None:
        if row.mark is not None and row.spoiled is not None:
            self._key.add(Code.ROW_REJECTED, row.institution.id, place, row.mark, row.spoiled.value)

    def _pass(self, ms: int, pinned: PlannedBreak | None, *, is_last: bool) -> None:
        twin, self._twin = self._twin, None
        if twin is not None:
            self._pass_twin(min(ms, twin.before_ms), twin)
        elif pinned is not None and pinned.institution is not None:
            constraints = PaymentConstraints(pinned.institution, is_prompt=True)
            self._strike(self._maker.make(ms, constraints), pinned.institution, pinned.kind.act)
        elif self._seeds.is_due(self._stage.names.number):
            self._pass_seed(ms, self._seeds.next_kind, is_last=is_last)
        else:
            self._pass_usual(self._maker.make(ms), is_last=is_last)

    def _pass_usual(self, payment: MonthPayment, *, is_last: bool) -> None:
        stage = self._stage
        if usual.reverse(stage, payment):
            return
        booked = [usual.pass_leg(stage, payment.legs[0])]
        if (
            booked[0].institution.leg is Leg.FUNDS
            and booked[0].status is RowStatus.SUCCESS
            and payment.delivery
        ):
            booked.append(usual.pass_leg(stage, payment.delivery))
        stage.books.write(booked)
        if payment.funds and not is_last and not stage.random.randrange(_ALIKE_IN):
            self._twin = _twin_of(payment.funds, None)

    def _pass_seed(self, ms: int, kind: BreakKind, *, is_last: bool) -> None:
        institution = self._institution_for(kind, ms)
        if institution is None or (kind.is_twin and (is_last or ms % _MINUTE_MS > _MINUTE_NEARLY_OVER_MS)):
            self._seeds.put_off()
            self._pass_usual(self._maker.make(ms), is_last=is_last)
            return
        payment = self._maker.make(ms, PaymentConstraints(institution, is_alone=kind.is_undelivered))
        if kind.is_twin and payment.funds is not None:
            self._twin = _twin_of(payment.funds, kind.act)
            is_done = self._strike(payment, institution, None)
        else:
            is_done = self._strike(payment, institution, kind.act)
        if is_done:
            self._seeds.done()
        else:
            self._seeds.put_off()

    def _pass_twin(self, ms: int, twin: _Twin) -> None:
        self._strike(self._maker.make(ms, twin.constraints), twin.constraints.institution, twin.act)

    def _institution_for(self, kind: BreakKind, ms: int) -> MonthInstitution | None:
        """Return one of the institutions at which the break can be made now."""
        minute = minute_of(ms)
        for _ in range(_INSTITUTIONS_TRIED):
            institution = self._stage.random.choice(kind.institutions())
            is_near = institution.cut_off - _MARGIN_MINUTES <= minute < institution.cut_off
            if not is_near and self._stage.files.due(institution, ms).is_clean:
                return institution
        return None

    def _strike(self, payment: MonthPayment, institution: MonthInstitution, act: Act | None) -> bool:
        """Make a break in one leg and an ordinary other leg; return whether that was possible."""
        stage, booked, is_done = self._stage, [], act is None
        for leg in payment.legs:
            slot = stage.files.due(leg.institution, leg.ms)
            struck = None
            if act is not None and leg.institution is institution and slot.is_clean:
                struck = act(stage, payment, leg, slot)
                is_done = struck is not None
            if struck is None:
                slot.add(leg)
            booked.append(struck or leg)
        stage.books.write(booked)
        return is_done


def _twin_of(leg: MonthRow, act: Act | None) -> _Twin:
    end_of_minute = leg.ms - leg.ms % _MINUTE_MS + _MINUTE_MS - 1
    return _Twin(PaymentConstraints(leg.institution, leg.gross), end_of_minute, act)


def rows_expected(days: Sequence[int], institution: MonthInstitution, date: int) -> float:
    """Return approximately how many rows one file of a date will have."""
    percent = FUNDS_PERCENT if institution.leg is Leg.FUNDS else DELIVERY_PERCENT
    first = date
    while institution.is_business and first > 0 and not institution.is_made(first - 1):
        first -= 1
    payments = sum(days[first : date + 1])
    return payments * percent * institution.share / _WHOLE / _WHOLE / len(institution.cycle_ends)
