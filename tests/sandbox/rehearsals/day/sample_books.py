"""Days of invented institutions' books, and what the product's reader makes of the files they leave."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from reconciliation.intake.file_names import parse_file_name
from reconciliation.statement.layout import Layout, read_layouts
from reconciliation.statement.reader import Reading, read_file
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.movements import Movement, MovementKind
from sandbox.rehearsals.day.institutions import INSTITUTIONS
from sandbox.rehearsals.day.movement_queries import DayBook
from sandbox.rehearsals.month.model.institutions import Leg, MonthInstitution, Trait
from tests.sandbox.caller import ROOT

DAY = date(2026, 3, 10)  # a Tuesday
LAYOUTS = read_layouts(ROOT / "config" / "statements")
_BACK, _FAILED, _SUCCESS = 1, 1, 0


class Told(NamedTuple):
    """A row as both sides must see it: whose, under which name, which way, how it ended, and how much."""

    ours: str
    is_back: bool
    is_success: bool
    net: int


def at(hour: int, minute: int = 0, day: date = DAY) -> str:
    """An instant of a Dhaka day as a book has it."""
    return datetime.combine(day, time(hour, minute), DHAKA).astimezone(UTC).isoformat()


def name_of(house: MonthInstitution, number: int) -> str:
    """A reference of ours of the length that the institution knows."""
    return f"{number:012d}" if house.layout in {"janata", "npsb"} else f"EKABCDEF{number:012d}"


def movement(house: MonthInstitution, number: int, instant: str, **changes: object) -> Movement:
    """A payment of so many hundred taka and a little more."""
    gross = number * 10_000 + 25
    keeps = house.leg is Leg.FUNDS
    values: dict[str, object] = {
        "institution_id": house.id,
        "kind": MovementKind.PAYMENT,
        "at": instant,
        "our_reference": name_of(house, number),
        "their_reference": "" if house.has(Trait.NO_THEIRS) else f"T{number:05d}",
        "gross_paisa": gross,
        "fee_paisa": gross * 15 // 1_000 if keeps else 0,
        "bill": f"B{number:09d}",
        "account": f"A{number:07d}",
    }
    return Movement(**{**values, **changes})  # type: ignore[arg-type]


def day_of(house: MonthInstitution, payments: int = 3, day: date = DAY) -> DayBook:
    """A day on which payments came in the morning, one failed and one was taken back where that can be."""
    moved = [movement(house, number, at(9, number, day)) for number in range(1, payments + 1)]
    if house.has(Trait.STATUS):
        moved.append(movement(house, 900, at(10, 0, day), is_success=False, is_plain=False, fee_paisa=0))
    if house.has(Trait.TAKES_BACK):
        first = moved[0]
        back = {"kind": MovementKind.REFUND, "gross_paisa": -first.gross_paisa, "fee_paisa": 0}
        named = {
            "our_reference": first.our_reference,
            "their_reference": "" if house.has(Trait.NO_THEIRS) else "R00001",
        }
        more = {"original": first.their_reference, "is_plain": False}
        moved.append(movement(house, 1, at(11, 0, day), **back, **named, **more))
    return DayBook(day, tuple(moved))


def days_of_all(payments: int = 6) -> dict[str, DayBook]:
    """Such a day at every institution."""
    return {house.id: day_of(house, payments) for house in INSTITUTIONS.values()}


def told_by(house: MonthInstitution, book: DayBook) -> set[Told]:
    """What the file of a book must say."""
    listed = (one for one in book.movements if one.is_success or house.has(Trait.STATUS))
    return {
        Told(
            one.our_reference,
            one.kind is not MovementKind.PAYMENT,
            one.is_success,
            one.gross_paisa - one.fee_paisa - one.fee_vat_paisa if one.is_success else 0,
        )
        for one in listed
    }


def readings(folder: Path) -> Iterator[tuple[Layout, Reading]]:
    """Every file of a folder as the product reads it."""
    for path in sorted(folder.iterdir()):
        name = parse_file_name(path.name)
        layout = LAYOUTS[name.key.institution]
        assert path.suffix == f".{layout.extension}"
        yield layout, read_file(path.read_bytes(), layout, path.name, name.key.day)


def rows_read(folder: Path) -> pl.DataFrame:
    """All rows of a folder's files, in one frame."""
    return pl.concat([reading.rows for _, reading in readings(folder)])


def told_in(rows: pl.DataFrame) -> list[Told]:
    """What rows say."""
    columns = rows.select("ours", "direction", "status", "net").rows()
    return [
        Told(ours, direction == _BACK, status == _SUCCESS, net) for ours, direction, status, net in columns
    ]


def nights(first: date, count: int) -> Sequence[date]:
    """So many dates in a row."""
    return [first + timedelta(days=number) for number in range(count)]
