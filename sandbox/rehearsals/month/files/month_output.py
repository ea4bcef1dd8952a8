"""The output that all parts of the month's generator share."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from sandbox.rehearsals.month.files.institution_files import InstitutionFiles
from sandbox.rehearsals.month.files.own_books import MonthLedger
from sandbox.rehearsals.month.files.row_slots import Slot
from sandbox.rehearsals.month.model.answer_key import AnswerKey, Code
from sandbox.rehearsals.month.model.days import LAST
from sandbox.rehearsals.month.model.instants import day_of
from sandbox.rehearsals.month.model.references import ReferenceMaker
from sandbox.rehearsals.month.model.rows import MonthRow, RowEvent

_DAYS_LOOKED_AHEAD = 15


@dataclass(slots=True)
class MonthPayment:
    """The legs of one payment; it has at least one."""

    funds: MonthRow | None
    delivery: MonthRow | None

    @property
    def legs(self) -> tuple[MonthRow, ...]:
        """The existing legs, funds first."""
        return tuple(leg for leg in (self.funds, self.delivery) if leg is not None)


@dataclass(frozen=True, slots=True)
class MonthOutput:
    """Books, files, key, references, and the random generator."""

    random: Random
    names: ReferenceMaker
    books: MonthLedger
    files: InstitutionFiles
    key: AnswerKey

    def blame(self, code: Code, row: MonthRow, night: int, cause: str) -> None:
        """Record a break of a row in the key, by our reference."""
        self.key.add(code, row.institution.id, row.ours, night, cause)

    def later_slots(self, slot: Slot, dates: int = _DAYS_LOOKED_AHEAD) -> Iterator[Slot]:
        """Iterate over clean files of the next dates that arrive in a later night than this one."""
        date = slot.date
        for _ in range(dates):
            date = slot.institution.next_date(date)
            if slot.institution.arrival(date) > LAST:
                return
            cycle = self.random.randint(1, len(slot.institution.cycle_ends))
            later = self.files.slot(slot.institution, date, cycle)
            if later.is_clean and later.arrival > slot.arrival:
                yield later

    def next_night_slot(self, slot: Slot) -> Slot | None:
        """Return the file of the next date where it is clean and arrives in a later night."""
        return next(self.later_slots(slot, dates=1), None)

    def taken_back(self, leg: MonthRow, event: RowEvent, part: int, ms: int) -> MonthRow:
        """Return the row of a refund or reversal of a part of a leg at an instant."""
        return leg.taken_back(event, part, ms, self.names.theirs(leg.institution))

    def is_booked(self, ms: int) -> bool:
        """Whether an instant lies within the month."""
        return day_of(ms) <= LAST
