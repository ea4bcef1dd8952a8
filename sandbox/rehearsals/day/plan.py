"""Which files are due in a night, and which rows each of them has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from sandbox.kit.institution.movements import LOOK_BACK, Movement, MovementKind
from sandbox.rehearsals.day.institutions import INSTITUTIONS
from sandbox.rehearsals.day.movement_queries import DayBook
from sandbox.rehearsals.day.state import DayState
from sandbox.rehearsals.month.files.layouts import Cover
from sandbox.rehearsals.month.model.days import day_number
from sandbox.rehearsals.month.model.instants import day_of, minute_of, plain
from sandbox.rehearsals.month.model.institutions import MonthInstitution, Trait
from sandbox.rehearsals.month.model.rows import MonthRow, RowEvent, RowStatus

_EVENTS = {
    MovementKind.PAYMENT: RowEvent.PAYMENT,
    MovementKind.REFUND: RowEvent.REFUND,
    MovementKind.REVERSAL: RowEvent.REVERSAL,
}
_NUMBERS = 10**9
_MS = 1_000

FileSlot = tuple[int, int]
"""Date and cycle of a file; dates are days as `sandbox.rehearsals.month.model.days` counts them."""


@dataclass(slots=True)
class FileLine:
    """A row of a file; errors are only injected into plain ones.

    A row that `is_only_counted` is in the totals but missing from the body.
    """

    row: MonthRow
    is_plain: bool = False
    is_only_counted: bool = False


@dataclass(slots=True)
class PlannedFile:
    """A file that is due in this night."""

    institution: MonthInstitution
    date: int
    cycle: int
    sequence: int
    lines: list[FileLine] = field(default_factory=list)

    @property
    def name_key(self) -> str:
        """The file's name without its extension."""
        return file_key(self.institution, (self.date, self.cycle))

    @property
    def settled_paisa(self) -> int:
        """The amount that the institution pays for it."""
        return sum(line.row.net for line in self.lines if line.row.is_settled)

    def cover(self, correction: int = 0) -> Cover:
        """Return what its header states."""
        return Cover(self.institution, self.date, self.cycle, self.sequence, correction)


def file_key(institution: MonthInstitution, place: FileSlot) -> str:
    """Return the name of a file without its extension."""
    return f"{institution.id}_{plain(place[0])}_{place[1]:02d}"


def plan_night(books: Mapping[str, DayBook], night: int, state: DayState) -> list[PlannedFile]:
    """Return every file that is due in a night and was not deposited before, institution by institution."""
    return [
        file
        for institution_id, book in books.items()
        for file in _of_institution(INSTITUTIONS[institution_id], book, night, state)
    ]


def _of_institution(
    institution: MonthInstitution, book: DayBook, night: int, state: DayState
) -> Iterator[PlannedFile]:
    first = day_number(book.first)
    waiting = [
        place for place in _places(institution, first, night)
        if institution.arrival(place[0]) <= night and file_key(institution, place) not in state.deposited
    ]  # fmt: skip
    if not waiting:
        return
    lines = _lines(institution, book, state)
    for place in waiting:
        sequence = _places_until(institution, first, place) + state.skipped.get(institution.id, 0)
        yield PlannedFile(institution, *place, sequence, lines.get(place, []))


def _places(institution: MonthInstitution, first: int, night: int) -> Iterator[FileSlot]:
    for date in range(max(first, night - LOOK_BACK.days), night + 1):
        if institution.is_made(date):
            for cycle in range(1, len(institution.cycle_ends) + 1):
                yield date, cycle


def _places_until(institution: MonthInstitution, first: int, place: FileSlot) -> int:
    """The number of a file among all of its institution, counted from 1."""
    dates = sum(institution.is_made(date) for date in range(first, place[0]))
    return dates * len(institution.cycle_ends) + place[1]


def _lines(
    institution: MonthInstitution, book: DayBook, state: DayState
) -> Mapping[FileSlot, list[FileLine]]:
    payments = {
        payment.our_reference: payment
        for payment in book.movements
        if payment.kind is MovementKind.PAYMENT and payment.is_success
    }
    lines: dict[FileSlot, list[FileLine]] = {}
    for movement in book.movements:
        if movement.is_success or institution.has(Trait.STATUS):
            row = row_of(institution, movement, payments.get(movement.our_reference))
            place = _place_of(institution, row.ms, state)
            lines.setdefault(place, []).append(FileLine(row, movement.is_plain))
    return lines


def _place_of(institution: MonthInstitution, ms: int, state: DayState) -> FileSlot:
    """The file that covers an instant, or the first later one that was not made before the instant.

    If a day was ended early, movements after that go into the next file.
    """
    place = institution.due(day_of(ms), minute_of(ms))
    while (deposited := state.deposited.get(file_key(institution, place))) is not None and _ms(
        deposited.made_at
    ) <= ms:
        date, cycle = place
        place = (date, cycle + 1) if cycle < len(institution.cycle_ends) else (institution.next_date(date), 1)
    return place


def row_of(institution: MonthInstitution, movement: Movement, payment: Movement | None) -> MonthRow:
    """Return a movement as the layouts need it; `payment` is the one that it refunds or reverses, if any."""
    row = _bare_row(institution, movement, movement.gross_paisa).but(
        event=_EVENTS[movement.kind],
        status=RowStatus.SUCCESS if movement.is_success else RowStatus.FAILED,
        fee=movement.fee_paisa,
        vat=movement.fee_vat_paisa,
        theirs=movement.their_reference,
        bill=movement.bill,
        account=movement.account,
    )
    if movement.kind is MovementKind.PAYMENT:
        return row if movement.is_success else row.failed()
    gross = -movement.gross_paisa if payment is None else payment.gross_paisa
    original = _bare_row(institution, movement, gross).but(theirs=movement.original)
    return row.but(original=original)


def _bare_row(institution: MonthInstitution, movement: Movement, gross: int) -> MonthRow:
    number = int.from_bytes(sha256(movement.our_reference.encode()).digest()[:8]) % _NUMBERS
    return MonthRow("", institution, number, movement.our_reference, _ms(movement.at), gross)


def _ms(instant: str) -> int:
    return int(datetime.fromisoformat(instant).astimezone(UTC).timestamp() * _MS)
