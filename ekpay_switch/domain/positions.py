"""The position of a database: where its books stood when it was last looked at, kept outside of it.

A database that was restored from a backup, or whose end was cut off, is sound in itself: only something that
it does not hold can tell that it ends too early (docs/adr/0087).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a lane: its sequence and the hash of its chain up to there."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Position:
    """Where a database stood at an instant (UTC).

    `heads` has the last entry of each lane that has any. `newest` has the newest id of each table that knows
    of money before an entry does: a page that was opened at a wallet is an attempt and no entry.
    """

    database: str
    system_identifier: int
    timeline: int
    heads: Mapping[int, Head]
    newest: Mapping[str, UUID]
    at: datetime

    @property
    def is_empty(self) -> bool:
        """Whether nothing of money was ever in it."""
        return not self.heads and not self.newest


@dataclass(frozen=True, slots=True)
class Missing:
    """What a database does not hold of a recorded position: lanes whose head, and tables whose newest row."""

    lanes: Sequence[int] = ()
    tables: Sequence[str] = ()


class DivergenceKind(StrEnum):
    """Why a database is not, or may not be, the one of the recorded position."""

    ENDS_BEFORE = "ends_before"
    OTHER_SYSTEM = "other_system"
    OTHER_TIMELINE = "other_timeline"
    FILE_MISSING = "file_missing"
    FILE_REFUSED = "file_refused"


@dataclass(frozen=True, slots=True)
class Divergence:
    """A divergence, and what is missing in words; `row` names the first row that is."""

    why: DivergenceKind
    text: str
    row: str = "positions"


def compare(
    recorded: Position, found: Position, missing: Missing, *, standby_synchronous: bool
) -> Divergence | None:
    """What tells that the database `found` does not continue the recorded position; None if it does.

    A new timeline is a promotion or a restore to a point in time, which look alike: it is one that lost
    nothing only where every standby is synchronous.
    """
    since = f"{recorded.at:%Y-%m-%d %H:%M:%S} UTC"
    if rows := _missing_rows(recorded, missing):
        others = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        return Divergence(
            DivergenceKind.ENDS_BEFORE, f"the database ends before {rows[0]}{others} of {since}", rows[0]
        )
    # A new database may take the place of one that never held anything.
    is_first = recorded.is_empty and found.is_empty
    if recorded.system_identifier != found.system_identifier and not is_first:
        text = f"the database is of another server than that of {since}"
        return Divergence(DivergenceKind.OTHER_SYSTEM, text)
    is_promoted = standby_synchronous and found.timeline > recorded.timeline
    if recorded.timeline != found.timeline and not is_promoted and not is_first:
        text = f"the database is on timeline {found.timeline} and was on {recorded.timeline} at {since}"
        return Divergence(DivergenceKind.OTHER_TIMELINE, text)
    return None


def _missing_rows(recorded: Position, missing: Missing) -> list[str]:
    entries = [
        f"journal_entries (lane {lane}, seq {recorded.heads[lane].seq})" for lane in sorted(missing.lanes)
    ]
    return [*entries, *(f"{table} {recorded.newest[table]}" for table in sorted(missing.tables))]


def advance(recorded: Position | None, found: Position) -> Position:
    """The position to record next: what was found, and no head before the recorded one.

    The database holds every recorded row, so what stands lower now was set back by hand.
    """
    if recorded is None:
        return found
    heads = dict(found.heads)
    for lane, head in recorded.heads.items():
        if lane not in heads or heads[lane].seq < head.seq:
            heads[lane] = head
    return replace(found, heads=heads, newest={**recorded.newest, **found.newest})


def is_further(recorded: Position | None, found: Position) -> bool:
    """Whether anything but the time has changed, so that the position is worth writing."""
    return recorded is None or replace(recorded, at=found.at) != found
