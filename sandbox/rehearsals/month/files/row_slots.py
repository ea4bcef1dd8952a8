"""The slots that rows of each file are added to; some inject an error into the file."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from sandbox.rehearsals.month.files.file_faults import FileFate, FilePlan
from sandbox.rehearsals.month.files.layouts import Cover
from sandbox.rehearsals.month.files.row_writer import RowFile
from sandbox.rehearsals.month.model.answer_key import AnswerKey, Code
from sandbox.rehearsals.month.model.days import LAST
from sandbox.rehearsals.month.model.instants import dashed
from sandbox.rehearsals.month.model.institutions import MonthInstitution
from sandbox.rehearsals.month.model.rows import MonthRow, RowEvent, RowStatus

RING = 3
ROUNDED_LINES_MAX = 400
ROUNDED_LINES_MIN = 11
_RAISED_PAISA = 10_000


class UnluckyMonthError(Exception):
    """A file has too few rows for its planned error: take another seed."""


class RowSink(ABC):
    """Passes the rows of a file on to the writer."""

    def __init__(self, file: RowFile) -> None:
        self.file = file

    @abstractmethod
    def take(self, row: MonthRow) -> None:
        """Take a row."""

    def close(self) -> None:
        """End the file."""
        self.file.close()


class UnchangedRows(RowSink):
    """Writes the rows unchanged."""

    def take(self, row: MonthRow) -> None:
        """Take a row."""
        self.file.add(row)


class RaisedAmount(RowSink):
    """Raises the amount of the first payment."""

    _is_done = False

    def take(self, row: MonthRow) -> None:
        """Take a row."""
        if not self._is_done and is_plain_success(row):
            self._is_done = True
            row = row.of_amount(row.gross + _RAISED_PAISA)
        self.file.add(row)

    def close(self) -> None:
        """End the file."""
        if not self._is_done:
            raise UnluckyMonthError
        super().close()


class MissingRow(RowSink):
    """Counts the first row but leaves it out."""

    _is_done = False

    def take(self, row: MonthRow) -> None:
        """Take a row."""
        self.file.add(row, is_only_counted=not self._is_done)
        self._is_done = True

    def close(self) -> None:
        """End the file."""
        if not self._is_done:
            raise UnluckyMonthError
        super().close()


class ExchangedAmounts(RowSink):
    """Exchanges the amounts of three payments; `on_exchanged` is called with each."""

    def __init__(self, file: RowFile, on_exchanged: Callable[[MonthRow], None]) -> None:
        super().__init__(file)
        self._on_exchanged = on_exchanged
        self._ring: list[MonthRow] = []

    def take(self, row: MonthRow) -> None:
        """Take a row."""
        amounts = {waiting.gross for waiting in self._ring}
        if len(self._ring) == RING or not is_plain_success(row) or row.gross in amounts:
            self.file.add(row)
            return
        self._ring.append(row)
        if len(self._ring) == RING:
            for row_of_ring, next_row in zip(self._ring, [*self._ring[1:], self._ring[0]], strict=True):
                self._on_exchanged(row_of_ring)
                self.file.add(row_of_ring.but(gross=next_row.gross, fee=next_row.fee, vat=next_row.vat))

    def close(self) -> None:
        """End the file."""
        if len(self._ring) < RING:
            raise UnluckyMonthError
        super().close()


def is_plain_success(row: MonthRow) -> bool:
    """Whether a row is an ordinary success, so that only a changed amount can be found."""
    return row.event is RowEvent.PAYMENT and row.status is RowStatus.SUCCESS and bool(row.ours)


class Slot:
    """One file of one date and cycle, with its injected error if it has one."""

    def __init__(self, institution: MonthInstitution, date: int, cycle: int) -> None:
        self.institution = institution
        self.date = date
        self.cycle = cycle
        self.arrival = institution.arrival(date)
        self.is_quiet = True
        """Whether no file of its date has an error."""
        self.settled = 0
        """The amount that the bank pays for it, in paisa."""
        self.odd_paisa = 0
        """How many of its lines are off by exactly a paisa."""
        self.is_rounding = False
        self._rounded = 0
        self.takers: list[RowSink] = []
        self.copied_to: Path | None = None

    @property
    def is_in_month(self) -> bool:
        """Whether it is due within the month."""
        return self.arrival <= LAST

    @property
    def is_clean(self) -> bool:
        """Whether breaks may be made in its rows."""
        return self.is_quiet and self.is_in_month

    def add(self, row: MonthRow) -> None:
        """Take a row."""
        if self.is_rounding and self._rounded < ROUNDED_LINES_MAX and is_plain_success(row):
            self._rounded += 1
            row = row.but(vat=row.vat + 1)
        if row.is_settled:
            self.settled += row.net
        for taker in self.takers:
            taker.take(row)

    def close(self) -> None:
        """End its files.

        Raises:
            UnluckyMonthError: its planned error could not be made.
        """
        if self.is_rounding and self._rounded < ROUNDED_LINES_MIN:
            raise UnluckyMonthError
        for taker in self.takers:
            taker.close()
        if self.copied_to is not None:
            self.takers[0].file.copy_to(self.copied_to)
        self.takers.clear()


class SlotMaker:
    """Makes slots, and records the errors of their files in the key."""

    def __init__(
        self,
        files: Path,
        seed: int,
        plan: FilePlan,
        key: AnswerKey,
        on_marked_row: Callable[[MonthRow, str], None],
    ) -> None:
        self._files = files
        self._seed = seed
        self._plan = plan
        self._key = key
        self._on_marked_row = on_marked_row

    def make(self, institution: MonthInstitution, date: int, cycle: int) -> Slot:
        """Make the slot of one file; one that is due after the month accepts rows and writes nothing."""
        slot = Slot(institution, date, cycle)
        if not slot.is_in_month:
            return slot
        slot.is_quiet = self._plan.is_clean(institution, date)
        fate = self._plan.fates.get((institution.id, date, cycle))
        if fate is None:
            slot.takers = [UnchangedRows(self._file(slot, slot.arrival))]
        else:
            self._strike(slot, fate)
        return slot

    def _strike(self, slot: Slot, fate: FileFate) -> None:
        arrival, night = slot.arrival, fate.night
        original = self._file(slot, arrival if fate.code is not Code.FILE_MISSING or night is None else night)
        name = original.path.name
        first_known = arrival
        slot.takers = [UnchangedRows(original)]
        match fate.code:
            case Code.FILE_MISSING if night is None:
                slot.takers = []
            case Code.ROUNDING:
                slot.is_rounding = True
            case Code.CONTROL_TOTAL if night is not None:
                slot.takers = [MissingRow(original), UnchangedRows(self._file(slot, night, correction=1))]
            case Code.FILE_DUPLICATE if night is not None:
                first_known, slot.copied_to = night, self._folder(night)
            case Code.FILE_REPLAYED if night is not None:
                first_known = night
                slot.takers.append(RaisedAmount(self._file(slot, night)))
            case Code.FILE_SUPERSEDED if night is not None:
                first_known = night
                slot.takers = [
                    ExchangedAmounts(original, self._exchanged(arrival)),
                    UnchangedRows(self._file(slot, night, correction=1)),
                ]
            case _:
                pass
        self._key.add(fate.code, slot.institution.id, name, first_known, "never" if night is None else "file")

    def _exchanged(self, night: int) -> Callable[[MonthRow], None]:
        return lambda row: self._key.add(Code.AMOUNT, row.institution.id, row.ours, night, "corrected later")

    def _folder(self, night: int) -> Path:
        return self._files / dashed(night)

    def _file(self, slot: Slot, night: int, correction: int = 0) -> RowFile:
        place = (slot.institution.id, slot.date, slot.cycle)
        cover = Cover(slot.institution, slot.date, slot.cycle, self._plan.sequence(place), correction)
        return RowFile(self._folder(night), cover, self._seed, self._on_marked_row)
