"""Errors that are injected into the files of a night, and the list to check a reconciliation against.

Each error is injected into a different movement or file, so each causes exactly the one break that its line
names: only plain movements are taken, none in the last minutes before a cut-off, and no row of a file that is
itself wrong. No row is left out at an institution that still has a file to send: until that file has arrived,
the row may be in it. The same books, seed and night give the same choice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random

from sandbox.rehearsals.day.plan import FileLine, PlannedFile
from sandbox.rehearsals.day.state import DayState
from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.days import date_of
from sandbox.rehearsals.month.model.instants import minute_of, plain
from sandbox.rehearsals.month.model.institutions import Leg, Trait
from sandbox.rehearsals.month.model.rows import MonthRow, RowDefect, RowStatus

_TAKA = 100
_STRANGERS_FROM = 900_000_000
_RING = 3


@dataclass(frozen=True, slots=True)
class InjectionRequest:
    """An error to inject, at one institution or, without a name, at any that allows it."""

    code: Code
    institution: str = ""

    def __str__(self) -> str:
        """The request as typed on the command line."""
        return f"{self.code}@{self.institution}" if self.institution else str(self.code)


class NothingToInjectError(Exception):
    """No file of this night allows this error."""


@dataclass(frozen=True, slots=True)
class InjectedError:
    """One break that a reconciliation must raise; `night` is the first in which it can be detected."""

    code: Code
    institution: str
    reference: str
    night: int

    @property
    def night_date(self) -> date:
        """The night as a date."""
        return date_of(self.night)


@dataclass(slots=True)
class ErrorInjector:
    """Injects errors into the files of one night; errors of whole files are kept in sets of file keys.

    `rejected` holds rows that are identified by their position in the file, known only once it is written.
    """

    night: int
    files: Sequence[PlannedFile]
    state: DayState
    random: Random
    injected: list[InjectedError] = field(default_factory=list)
    rejected: list[MonthRow] = field(default_factory=list)
    late: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    gapped: set[str] = field(default_factory=set)
    copied: set[str] = field(default_factory=set)
    replayed: set[str] = field(default_factory=set)
    corrected: dict[str, list[FileLine]] = field(default_factory=dict)
    _touched_files: set[str] = field(default_factory=set)
    _touched_names: set[tuple[str, str]] = field(default_factory=set)
    # Institutions that still have a file to send, and those of which a row was left out: none is both.
    _awaited: set[str] = field(default_factory=set)
    _left_out: set[str] = field(default_factory=set)

    def inject(self, request: InjectionRequest) -> None:
        """Inject one error.

        Raises:
            NothingToInjectError: no file or movement of the night allows it.
        """
        if request.code in _OF_FILES:
            self._inject_file_error(request)
        else:
            self._inject_row_error(request)

    def record_rejected(self, row: MonthRow, reference: str) -> None:
        """Record the reference under which an unreadable row is reported: its position in the file."""
        self.injected.append(InjectedError(Code.ROW_REJECTED, row.institution.id, reference, self.night))

    # ---- whole files

    def _inject_file_error(self, request: InjectionRequest) -> None:
        can = [file for file in self._files_of(request) if _OF_FILES[request.code](file)]
        if request.code is Code.SEQUENCE_GAP:
            can = [file for file in can if self._follows_another(file)]
        if not can:
            raise NothingToInjectError(f"{request}: {NothingToInjectError.__doc__}")
        chosen = self.random.choice(can)
        self._touched_files.add(chosen.name_key)
        if request.code in _AWAITED:
            self._awaited.add(chosen.institution.id)
        getattr(self, f"_{request.code.lower()}")(chosen)

    def _files_of(self, request: InjectionRequest) -> Iterator[PlannedFile]:
        for file in self.files:
            is_meant = request.institution in {"", file.institution.id}
            touched = {name for owner, name in self._touched_names if owner == file.institution.id}
            is_clean = not touched.intersection(line.row.ours for line in file.lines)
            is_whole = request.code not in _AWAITED or file.institution.id not in self._left_out
            if is_meant and is_clean and is_whole and file.name_key not in self._touched_files:
                yield file

    def _follows_another(self, file: PlannedFile) -> bool:
        """Whether a file of its institution was deposited before: numbers count from the first one."""
        return any(left.institution_id == file.institution.id for left in self.state.deposited.values())

    def _file_missing(self, file: PlannedFile) -> None:
        self.late.add(file.name_key)

    def _file_duplicate(self, file: PlannedFile) -> None:
        self.copied.add(file.name_key)

    def _file_replayed(self, file: PlannedFile) -> None:
        self.replayed.add(file.name_key)

    def _control_total(self, file: PlannedFile) -> None:
        self.cut.add(file.name_key)

    def _sequence_gap(self, file: PlannedFile) -> None:
        self.gapped.add(file.name_key)
        file.sequence += 1
        self.state.skipped[file.institution.id] = self.state.skipped.get(file.institution.id, 0) + 1

    def _file_superseded(self, file: PlannedFile) -> None:
        """Exchange the amounts of three payments in a ring, so that the totals stay right."""
        ring = self.random.sample(_of_distinct_amounts(file.lines), _RING)
        self.corrected[file.name_key] = [FileLine(line.row) for line in file.lines]
        rows = [line.row for line in ring]
        for line, next_row in zip(ring, [*rows[1:], rows[0]], strict=True):
            row = line.row
            line.row = row.but(gross=next_row.gross, fee=next_row.fee, vat=next_row.vat)
            self._record_injected(Code.AMOUNT, row)

    # ---- rows

    def _inject_row_error(self, request: InjectionRequest) -> None:
        can = [(file, line) for file, line in self._lines_of(request) if _OF_ROWS[request.code].can(line.row)]
        if not can:
            raise NothingToInjectError(f"{request}: {NothingToInjectError.__doc__}")
        file, line = self.random.choice(can)
        self._touched_names.add((file.institution.id, line.row.ours))
        made = _OF_ROWS[request.code].make(self, line.row)
        if not made:
            self._left_out.add(file.institution.id)
        file.lines.remove(line)
        file.lines.extend(FileLine(row) for row in made)
        if request.code is Code.ROW_REJECTED:
            self.rejected.extend(made)
        elif request.code is Code.FILE_ONLY:
            self._record_injected(request.code, made[1])
        else:
            self._record_injected(request.code, line.row)

    def _lines_of(self, request: InjectionRequest) -> Iterator[tuple[PlannedFile, FileLine]]:
        for file in self.files:
            is_meant = request.institution in {"", file.institution.id}
            is_whole = request.code not in _LEFT_OUT or file.institution.id not in self._awaited
            if is_meant and is_whole and file.name_key not in self._touched_files:
                yield from ((file, line) for line in file.lines if self._may_change(line))

    def _may_change(self, line: FileLine) -> bool:
        first, last = line.row.institution.window
        is_late = first <= minute_of(line.row.ms) < last
        # Refunds and failed payments each have a code of their own.
        can = line.is_plain or line.row.is_taking_back or line.row.status is RowStatus.FAILED
        return can and not is_late and (line.row.institution.id, line.row.ours) not in self._touched_names

    def _record_injected(self, code: Code, row: MonthRow) -> None:
        self._touched_names.add((row.institution.id, row.ours))
        self.injected.append(InjectedError(code, row.institution.id, row.ours, self.night))

    def unknown_payment(self, row: MonthRow) -> MonthRow:
        """Return a payment of the same amount that is in no book."""
        self.state.unknown_payments += 1
        number = _STRANGERS_FROM + self.state.unknown_payments
        # A bank host accepts exactly twelve digits.
        ours = f"999{number:09d}" if row.ours.isdecimal() else f"EKX{plain(self.night)}{number:09d}"
        return row.but(ours=ours, theirs=_other_name(row), bill="", original=None)


@dataclass(frozen=True, slots=True)
class _RowErrorRule:
    can: Callable[[MonthRow], bool]
    make: Callable[[ErrorInjector, MonthRow], list[MonthRow]]


def _is_payment(row: MonthRow) -> bool:
    return not row.is_taking_back and row.status is RowStatus.SUCCESS


def _at(leg: Leg, *traits: Trait, without: Trait | None = None) -> Callable[[MonthRow], bool]:
    def _can(row: MonthRow) -> bool:
        has = all(row.institution.has(trait) for trait in traits)
        return (
            _is_payment(row)
            and row.institution.leg is leg
            and has
            and not (without and row.institution.has(without))
        )

    return _can


def _other_name(row: MonthRow) -> str:
    """Another reference of the same length, if the institution assigns any."""
    return f"{row.theirs[:-1]}{'Z' if row.theirs[-1:] != 'Z' else 'Y'}" if row.theirs else ""


def _twin(row: MonthRow, more: int) -> MonthRow:
    return row.but(theirs=_other_name(row), gross=row.gross + more)


def _unreadable(_: ErrorInjector, row: MonthRow) -> list[MonthRow]:
    is_workbook = row.institution.layout == "nagad"
    return [row.but(spoiled=RowDefect.NUMBER if is_workbook else RowDefect.NO_DAY, mark=1)]


def _nothing(_spoiler: ErrorInjector, _row: MonthRow) -> list[MonthRow]:
    return []


def _can_amount(row: MonthRow) -> bool:
    return _is_payment(row) and not row.institution.has(Trait.NET_ONLY)


_OF_ROWS: Mapping[Code, _RowErrorRule] = {
    Code.ROW_REJECTED: _RowErrorRule(_is_payment, _unreadable),
    Code.LEDGER_ONLY: _RowErrorRule(_at(Leg.FUNDS), _nothing),
    Code.BILLER_NOT_POSTED: _RowErrorRule(_at(Leg.DELIVERY), _nothing),
    Code.REVERSAL_PENDING: _RowErrorRule(lambda row: row.is_taking_back, _nothing),
    Code.FILE_ONLY: _RowErrorRule(_is_payment, lambda spoiler, row: [row, spoiler.unknown_payment(row)]),
    Code.BILLER_DOUBLE_POST: _RowErrorRule(
        _at(Leg.DELIVERY, without=Trait.NO_THEIRS), lambda _, row: [row, _twin(row, 0)]
    ),
    Code.DUP_IN_FILE: _RowErrorRule(_is_payment, lambda _, row: [row, row.but()]),
    Code.AMBIGUOUS: _RowErrorRule(_at(Leg.FUNDS), lambda _, row: [row, _twin(row, 5 * _TAKA)]),
    Code.AMOUNT: _RowErrorRule(_can_amount, lambda _, row: [row.but(gross=row.gross + _TAKA)]),
    Code.FEE_VARIANCE: _RowErrorRule(_at(Leg.FUNDS), lambda _, row: [row.but(fee=row.fee + _TAKA)]),
    Code.CURRENCY: _RowErrorRule(_at(Leg.FUNDS, Trait.CURRENCY), lambda _, row: [row.but(currency="USD")]),
    Code.WE_SUCCESS_THEY_FAILED: _RowErrorRule(_at(Leg.FUNDS, Trait.STATUS), lambda _, row: [row.failed()]),
    Code.THEY_SUCCESS_WE_FAILED: _RowErrorRule(
        lambda row: row.status is RowStatus.FAILED, lambda _, row: [row.but(status=RowStatus.SUCCESS)]
    ),
}


_LEFT_OUT = frozenset(code for code, rule in _OF_ROWS.items() if rule.make is _nothing)
# A file that contradicts itself is rejected as a whole, and is sent again.
_AWAITED = frozenset({Code.FILE_MISSING, Code.CONTROL_TOTAL})


def _has_rows(file: PlannedFile) -> bool:
    return bool(file.lines)


def _can_be_cut(file: PlannedFile) -> bool:
    return _has_rows(file) and (file.institution.has(Trait.TOTALS))


def _can_replay(file: PlannedFile) -> bool:
    return any(_can_amount(line.row) for line in file.lines)


def _can_ring(file: PlannedFile) -> bool:
    rows = [line for line in file.lines if line.is_plain and _can_amount(line.row)]
    return len(_of_distinct_amounts(rows)) >= _RING


def _of_distinct_amounts(lines: Sequence[FileLine]) -> list[FileLine]:
    of_amount = {line.row.gross: line for line in lines if line.is_plain and _can_amount(line.row)}
    return list(of_amount.values())


_OF_FILES: Mapping[Code, Callable[[PlannedFile], bool]] = {
    # Who has nothing to report may be somebody whom nobody awaits.
    Code.FILE_MISSING: _has_rows,
    Code.FILE_DUPLICATE: _has_rows,
    Code.FILE_REPLAYED: _can_replay,
    Code.FILE_SUPERSEDED: _can_ring,
    Code.SEQUENCE_GAP: lambda file: (
        file.institution.has(Trait.SEQUENCE) and len(file.institution.cycle_ends) == 1
    ),
    Code.CONTROL_TOTAL: _can_be_cut,
}
"""Which files each error of a whole file can be injected into."""

CODES = (*_OF_FILES, *_OF_ROWS)
"""The codes of all errors that can be injected."""
