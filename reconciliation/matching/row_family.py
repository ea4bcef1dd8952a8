"""A family: all rows of one reference at one institution, as objects for the passes.

Only what the kernel could not settle comes here, about one row in two hundred.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Final, Literal, NamedTuple

import polars as pl

from reconciliation.canonical_row import FAILED, LEDGER, SUCCESS, UNKNOWN

# The origins of frozen lines of an unknown outcome, each with its movement, event and revision.
FROZEN_UNKNOWN: Final = "unknown-"
InstitutionKind = Literal["funds", "delivery", "statement"]
RowIdentity = tuple[int, str, int]


class PoolRow(NamedTuple):
    """One row of ours or theirs; `due` says whether its due date is over."""

    source: int
    origin: str
    ordinal: int
    institution: str
    reference: str
    direction: int
    theirs: str
    status: int
    gross: int | None
    fee: int
    vat: int
    net: int
    currency: str
    instant: datetime | None
    business_date: date
    due_date: date | None
    is_late: bool
    rejected: str | None
    raw_hash: str | None
    due: int
    outcome_code: str | None = None

    @property
    def identity(self) -> RowIdentity:
        """Which line of which file or ledger day it is."""
        return self.source, self.origin, self.ordinal

    @property
    def amount(self) -> int:
        """The gross, or the net where there is no gross."""
        return self.net if self.gross is None else self.gross

    @property
    def has_succeeded(self) -> bool:
        """Whether money moved for it."""
        return self.status == SUCCESS

    @property
    def has_failed(self) -> bool:
        """Whether no money moved for it."""
        return self.status == FAILED

    @property
    def is_unknown(self) -> bool:
        """Whether we do not know; only rows of ours can say so."""
        return self.status == UNKNOWN

    @property
    def awaits_booking(self) -> bool:
        """Whether it is a frozen line of an outcome that was unknown: once it is known, a newer one has it.

        The ledger days of a month have no newer lines, and what a file answers there is its end (case 10).
        """
        return self.is_unknown and self.origin.startswith(FROZEN_UNKNOWN)

    @property
    def says(self) -> tuple[object, ...]:
        """What makes two rows of theirs the same statement, whatever their place and time."""
        return self.theirs, self.status, self.gross, self.net, self.currency

    @property
    def place(self) -> tuple[object, ...]:
        """An order among copies that does not depend on how rows lie in a file."""
        return self.business_date, self.origin, self.theirs, self.amount, self.ordinal


_COLUMNS = PoolRow._fields


@dataclass(frozen=True, slots=True)
class DirectionRows:
    """The rows of one direction, ours and theirs."""

    ours: tuple[PoolRow, ...] = ()
    theirs: tuple[PoolRow, ...] = ()


NO_ROWS: Final = DirectionRows()


@dataclass(frozen=True, slots=True)
class Family:
    """One reference at one institution, by direction."""

    institution: str
    reference: str
    kind: InstitutionKind
    sides: Mapping[int, DirectionRows] = field(default_factory=dict)

    def side(self, direction: int) -> DirectionRows:
        """The rows of a direction; empty where there are none."""
        return self.sides.get(direction, NO_ROWS)


def families(rows: pl.DataFrame, kinds: Mapping[str, InstitutionKind]) -> Iterator[Family]:
    """The families of rows, in the order of institution and reference."""
    ordered = rows.sort("institution", "reference", "direction", "source", "origin", "ordinal")
    selected = ordered.select(_COLUMNS).with_columns(pl.col("is_late").fill_null(value=False))
    members = map(PoolRow._make, selected.iter_rows())
    for (institution, reference), alike in groupby(members, key=lambda row: (row.institution, row.reference)):
        sides = {direction: _side(same) for direction, same in groupby(alike, key=lambda row: row.direction)}
        yield Family(institution, reference, kinds[institution], sides)


def _side(rows: Iterable[PoolRow]) -> DirectionRows:
    ours: list[PoolRow] = []
    theirs: list[PoolRow] = []
    for row in rows:
        (ours if row.source == LEDGER else theirs).append(row)
    if len(theirs) > 1:
        theirs.sort(key=lambda row: row.place)
    return DirectionRows(tuple(ours), tuple(theirs))
