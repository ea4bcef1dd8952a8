"""Write the files of a night: read the books, plan, inject the requested errors, write, move all at once.

A file gets its final name only when it is complete. Files of earlier runs are not written again, so the
command can be repeated.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from random import Random

from sandbox.kit.institution.clock import utc_now
from sandbox.kit.institution.movements import LOOK_BACK
from sandbox.registry import InstitutionName
from sandbox.rehearsals.day.bank_statements import BankAccounts
from sandbox.rehearsals.day.injected_errors import (
    ErrorInjector,
    InjectedError,
    InjectionRequest,
    NothingToInjectError,
)
from sandbox.rehearsals.day.institutions import INSTITUTIONS
from sandbox.rehearsals.day.movement_queries import DayBook, read_books, with_awaited_books
from sandbox.rehearsals.day.plan import FileLine, PlannedFile, plan_night
from sandbox.rehearsals.day.state import DayState, DepositedFile, LaterFile
from sandbox.rehearsals.month.files.row_writer import RowFile
from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.days import business_days_after, day_number
from sandbox.rehearsals.month.model.institutions import BANK_CHARGES
from sandbox.rehearsals.month.model.rows import MonthRow

_TAKA = 100

FirstDates = Mapping[str, date]
"""The first date with a file of each institution."""


@dataclass(frozen=True, slots=True)
class Night:
    """Which night, which errors to inject, and where state and files are kept.

    Unless `is_strict`, an injection request that fits nothing of the night is skipped. Institutions that are
    `awaited` send their files from the given date on, though nothing may ever have reached them.
    """

    date: date
    state_folder: Path
    out: Path
    requests: Sequence[InjectionRequest] = ()
    seed: int = 1
    is_strict: bool = True
    made_at: datetime | None = None
    awaited: FirstDates = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DepositedFiles:
    """The names of the deposited files, and the errors injected into them."""

    files: Sequence[str]
    injected: Sequence[InjectedError]


async def deposit_files(night: Night, addresses: Mapping[InstitutionName, str]) -> DepositedFiles:
    """Deposit every file that is due in a night.

    Raises:
        InstitutionUnavailableError: a simulator does not answer; no file is written.
        NothingToInjectError: a requested error fits no file of the night; no file is written.
    """
    books = with_awaited_books(await read_books(addresses, night.date - LOOK_BACK), night.awaited)
    return deposit_files_of(books, night)


def deposit_files_of(books: Mapping[str, DayBook], night: Night) -> DepositedFiles:
    """Deposit the files of books that were already read; raises the same errors."""
    night.state_folder.mkdir(parents=True, exist_ok=True)
    night.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=night.state_folder) as folder:
        writer = _Writer(night, Path(folder), DayState.read(night.state_folder))
        writer.write(books)
        names = sorted(path.name for path in Path(folder).iterdir())
        for name in names:
            (Path(folder) / name).replace(night.out / name)
        writer.state.write(night.state_folder)
    return DepositedFiles(
        names, sorted(writer.injected, key=lambda error: (error.code, error.institution, error.reference))
    )


class _Writer:
    """Writes the files of one night into a folder of its own."""

    def __init__(self, night: Night, folder: Path, state: DayState) -> None:
        self._folder = folder
        self._state_folder = night.state_folder
        self._requests = night.requests
        self._shuffle = night.seed
        self._is_strict = night.is_strict
        self._night = day_number(night.date)
        self._made_at = (night.made_at or utc_now()).isoformat()
        self.state = state
        self.injected: list[InjectedError] = []

    def write(self, books: Mapping[str, DayBook]) -> None:
        self._deposit_late_files()
        files = plan_night(books, self._night, self.state)
        random = Random(f"{self._shuffle} {self._night}")  # noqa: S311 - a choice that is to repeat
        spoiler = ErrorInjector(self._night, files, self.state, random)
        passed_over = () if self._is_strict else (NothingToInjectError,)
        for request in self._requests:
            if request.institution not in BANK_CHARGES:
                with suppress(*passed_over):
                    spoiler.inject(request)
        for file in files:
            self._deposit(file, spoiler)
        self.injected += spoiler.injected
        self._deposit_statements(books)

    def _deposit(self, file: PlannedFile, spoiler: ErrorInjector) -> None:
        key = file.name_key
        deposited = DepositedFile(
            file.institution.id, file.date, file.cycle, file.settled_paisa, self._made_at
        )
        if key in spoiler.cut:
            file.lines[0].is_only_counted = True
        path = self._row_file(file, file.lines, spoiler.record_rejected)
        whole = [FileLine(line.row) for line in file.lines]
        if key in spoiler.cut:
            self._deposit_later(self._row_file(file, whole, correction=1))
            self._record_injected(Code.CONTROL_TOTAL, file, path.name)
        elif key in spoiler.gapped:
            self._record_injected(Code.SEQUENCE_GAP, file, path.name)
        elif key in spoiler.late:
            self._record_injected(Code.FILE_MISSING, file, path.name)
            self._deposit_later(path)
        elif key in spoiler.copied:
            self._record_injected(Code.FILE_DUPLICATE, file, path.name, self._next_night)
            self.state.later.append(LaterFile(self._next_night, path.name, path.read_bytes().hex()))
        elif key in spoiler.replayed:
            self._record_injected(Code.FILE_REPLAYED, file, path.name, self._next_night)
            self._replay(file, path)
        elif key in spoiler.corrected:
            self._record_injected(Code.FILE_SUPERSEDED, file, path.name, self._next_night)
            self._deposit_later(self._row_file(file, spoiler.corrected[key], correction=1))
        self.state.deposited[key] = deposited

    def _replay(self, file: PlannedFile, path: Path) -> None:
        """Send a file of the same name again, with one amount raised."""
        content = path.read_bytes()
        first, *rest = file.lines
        higher = FileLine(first.row.but(gross=first.row.gross + _TAKA))
        self._deposit_later(self._row_file(file, [higher, *rest]))
        path.write_bytes(content)

    @property
    def _next_night(self) -> int:
        return business_days_after(self._night, 1)

    def _deposit_later(self, path: Path) -> None:
        self.state.later.append(LaterFile(self._next_night, path.name, path.read_bytes().hex()))
        path.unlink()

    def _deposit_late_files(self) -> None:
        for file in self.state.later:
            if file.night <= self._night:
                (self._folder / file.name).write_bytes(bytes.fromhex(file.content))
        self.state.later = [file for file in self.state.later if file.night > self._night]

    def _row_file(
        self,
        file: PlannedFile,
        lines: Iterable[FileLine],
        on_marked_row: Callable[[MonthRow, str], None] | None = None,
        correction: int = 0,
    ) -> Path:
        written = RowFile(
            self._folder, file.cover(correction), self._shuffle, on_marked_row or _ignore_marked_row
        )
        for line in lines:
            written.add(line.row, is_only_counted=line.is_only_counted)
        written.close()
        return written.path

    def _record_injected(self, code: Code, file: PlannedFile, name: str, night: int | None = None) -> None:
        self.injected.append(
            InjectedError(code, file.institution.id, name, self._night if night is None else night)
        )

    def _deposit_statements(self, books: Mapping[str, DayBook]) -> None:
        requests = [request for request in self._requests if request.institution in BANK_CHARGES]
        accounts = BankAccounts(self.state, _first_days(books), requests, self._made_at, self._state_folder)
        for statement in accounts.write(self._night):
            (self._folder / statement.name).write_bytes(statement.content)
            self.state.deposited[statement.key] = statement.deposited
        self.injected += accounts.injected


def _ignore_marked_row(_row: MonthRow, _reference: str) -> None:
    """Ignore it: nothing depends on the position of these rows."""


def _first_days(books: Mapping[str, DayBook]) -> Mapping[str, int]:
    """The first day of the first connector that pays on each bank's account."""
    first_days: dict[str, int] = {}
    for institution_id, book in books.items():
        bank, first = INSTITUTIONS[institution_id].bank, day_number(book.first)
        if bank:
            first_days[bank] = min(first, first_days.get(bank, first))
    return first_days


def error_lines(seeded: Iterable[InjectedError]) -> Iterator[str]:
    """Yield a line for each injected error."""
    for error in seeded:
        yield f"{error.code} {error.institution} {error.reference} in the night of {error.night_date}"
