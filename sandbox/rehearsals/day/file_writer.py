"""Leave the files of a night: ask, plan, spoil what is wished for, write, and put all of them there at once.

A file has its name only when it is whole. What was left before is left alone, so it may be run again.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from random import Random

from sandbox.kit.institution.clock import utc_now
from sandbox.kit.institution.movements import LOOK_BACK
from sandbox.registry import Name
from sandbox.rehearsals.day.bank_statements import Accounts
from sandbox.rehearsals.day.injected_errors import NothingToSpoilError, Seeded, Spoiler, Wish
from sandbox.rehearsals.day.institutions import INSTITUTIONS
from sandbox.rehearsals.day.movement_queries import DayBook, ask_all
from sandbox.rehearsals.day.plan import Line, PlannedFile, plan_night
from sandbox.rehearsals.day.state import Later, DepositedFile, DayState
from sandbox.rehearsals.month.files.row_writer import RowFile
from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.days import business_days_after, day_number
from sandbox.rehearsals.month.model.institutions import BANK_CHARGES
from sandbox.rehearsals.month.model.rows import Row

_TAKA = 100


@dataclass(frozen=True, slots=True)
class Night:
    """Which night, what is to go wrong in it, and where state and files are kept.

    Unless `is_strict`, a wish that fits nothing of the night is passed over.
    """

    date: date
    home: Path
    out: Path
    wishes: Sequence[Wish] = ()
    seed: int = 1
    is_strict: bool = True
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """What was left: names of files, and what is wrong with them."""

    files: Sequence[str]
    seeded: Sequence[Seeded]


async def leave(night: Night, addresses: Mapping[Name, str]) -> Leaving:
    """Leave everything that is to come in a night.

    Raises:
        InstitutionSilentError: a simulator does not answer; nothing is left.
        NothingToSpoilError: something that was wished for can befall nothing; nothing is left.
    """
    books = await ask_all(addresses, night.date - LOOK_BACK)
    return leave_of(books, night)


def leave_of(books: Mapping[str, DayBook], night: Night) -> Leaving:
    """Leave the files of what books have told; errors as above."""
    night.home.mkdir(parents=True, exist_ok=True)
    night.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=night.home) as folder:
        writer = _Writer(night, Path(folder), DayState.read(night.home))
        writer.write(books)
        names = sorted(path.name for path in Path(folder).iterdir())
        for name in names:
            (Path(folder) / name).replace(night.out / name)
        writer.state.write(night.home)
    return Leaving(names, sorted(writer.seeded, key=lambda one: (one.code, one.institution, one.reference)))


class _Writer:
    """Writes the files of one night into a folder of its own."""

    def __init__(self, night: Night, folder: Path, state: DayState) -> None:
        self._folder = folder
        self._wishes = night.wishes
        self._shuffle = night.seed
        self._is_strict = night.is_strict
        self._night = day_number(night.date)
        self._made_at = (night.made_at or utc_now()).isoformat()
        self.state = state
        self.seeded: list[Seeded] = []

    def write(self, books: Mapping[str, DayBook]) -> None:
        self._bring_what_is_late()
        files = plan_night(books, self._night, self.state)
        random = Random(f"{self._shuffle} {self._night}")  # noqa: S311 - a choice that is to repeat
        spoiler = Spoiler(self._night, files, self.state, random)
        passed_over = () if self._is_strict else (NothingToSpoilError,)
        for wish in self._wishes:
            if wish.institution not in BANK_CHARGES:
                with suppress(*passed_over):
                    spoiler.spoil(wish)
        for file in files:
            self._leave(file, spoiler)
        self.seeded += spoiler.seeded
        self._leave_statements(books)

    def _leave(self, file: PlannedFile, spoiler: Spoiler) -> None:
        key = file.name_key
        place = DepositedFile(file.institution.id, file.date, file.cycle, file.settled_paisa, self._made_at)
        if key in spoiler.cut:
            file.lines[0].is_only_counted = True
        path = self._row_file(file, file.lines, spoiler.told)
        whole = [Line(line.row) for line in file.lines]
        if key in spoiler.cut:
            self._later(self._row_file(file, whole, correction=1))
            self._seed(Code.CONTROL_TOTAL, file, path.name)
        elif key in spoiler.gapped:
            self._seed(Code.SEQUENCE_GAP, file, path.name)
        elif key in spoiler.late:
            self._seed(Code.FILE_MISSING, file, path.name)
            self._later(path)
        elif key in spoiler.copied:
            self._seed(Code.FILE_DUPLICATE, file, path.name, self._next_night)
            self.state.later.append(Later(self._next_night, path.name, path.read_bytes().hex()))
        elif key in spoiler.replayed:
            self._seed(Code.FILE_REPLAYED, file, path.name, self._next_night)
            self._replay(file, path)
        elif key in spoiler.corrected:
            self._seed(Code.FILE_SUPERSEDED, file, path.name, self._next_night)
            self._later(self._row_file(file, spoiler.corrected[key], correction=1))
        self.state.deposited[key] = place

    def _replay(self, file: PlannedFile, path: Path) -> None:
        """Let the same name come once more with one amount higher."""
        content = path.read_bytes()
        first, *others = file.lines
        higher = Line(first.row.but(gross=first.row.gross + _TAKA))
        self._later(self._row_file(file, [higher, *others]))
        path.write_bytes(content)

    @property
    def _next_night(self) -> int:
        return business_days_after(self._night, 1)

    def _later(self, path: Path) -> None:
        self.state.later.append(Later(self._next_night, path.name, path.read_bytes().hex()))
        path.unlink()

    def _bring_what_is_late(self) -> None:
        for one in self.state.later:
            if one.night <= self._night:
                (self._folder / one.name).write_bytes(bytes.fromhex(one.content))
        self.state.later = [one for one in self.state.later if one.night > self._night]

    def _row_file(
        self,
        file: PlannedFile,
        lines: Iterable[Line],
        told: Callable[[Row, str], None] | None = None,
        correction: int = 0,
    ) -> Path:
        written = RowFile(self._folder, file.cover(correction), self._shuffle, told or _nobody)
        for line in lines:
            written.add(line.row, is_only_counted=line.is_only_counted)
        written.close()
        return written.path

    def _seed(self, code: Code, file: PlannedFile, name: str, night: int | None = None) -> None:
        self.seeded.append(Seeded(code, file.institution.id, name, self._night if night is None else night))

    def _leave_statements(self, books: Mapping[str, DayBook]) -> None:
        wishes = [wish for wish in self._wishes if wish.institution in BANK_CHARGES]
        accounts = Accounts(self.state, _began(books), wishes, self._made_at)
        for statement in accounts.write(self._night):
            (self._folder / statement.name).write_bytes(statement.content)
            self.state.deposited[statement.key] = statement.left
        self.seeded += accounts.seeded


def _nobody(_row: Row, _reference: str) -> None:
    """Nothing hangs on the place of these rows."""


def _began(books: Mapping[str, DayBook]) -> Mapping[str, int]:
    """The first day of the first connector that pays on each bank's account."""
    began: dict[str, int] = {}
    for institution_id, book in books.items():
        bank, first = INSTITUTIONS[institution_id].bank, day_number(book.first)
        if bank:
            began[bank] = min(first, began.get(bank, first))
    return began


def in_words(seeded: Iterable[Seeded]) -> Iterator[str]:
    """Yield a line for each thing that is wrong."""
    for one in seeded:
        yield f"{one.code} {one.institution} {one.reference} in the night of {one.night_date}"
