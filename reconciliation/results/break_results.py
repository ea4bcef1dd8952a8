"""Breaks as they stand: the record of each finding with the state of its newest event."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from reconciliation.calendar import Calendar
from reconciliation.results.records import BreakEvent, BreakEventKind, BreakFilter, BreakRecord, BreakState
from reconciliation.results.table_values import Columns, Connection, Row, as_json, from_json, insert

_NEWEST: Final = """
SELECT b.id, b.run_id, b.code, b.institution, b.reference, b.first_seen, e.state, b.amount, b.difference,
  b.exposure, b.file, b.day, b.cycle, b.owner, b.deadline, b.diagnosis, b.told, b.short_number
FROM reconciliation.breaks b
CROSS JOIN LATERAL (
  SELECT state FROM reconciliation.break_events
  WHERE break_id = b.id AND ($2::date IS NULL OR night <= $2) AND ($10::bigint IS NULL OR seq <= $10)
  ORDER BY seq DESC LIMIT 1
) e
WHERE b.first_seen <= $1
  AND (cardinality($3::text[]) = 0 OR b.code = ANY ($3))
  AND (cardinality($4::text[]) = 0 OR b.institution = ANY ($4))
  AND (cardinality($5::text[]) = 0 OR b.owner = ANY ($5))
  AND (cardinality($6::text[]) = 0 OR e.state = ANY ($6))
  AND ($7::date IS NULL OR b.first_seen = $7)
  AND b.exposure >= $8
  AND ($9 = '' OR b.reference = $9)
ORDER BY b.exposure DESC, b.code, b.institution, b.reference
"""
_EVENTS: Final = """
SELECT seq, break_id, at, night, actor, event, state, facts, hash
FROM reconciliation.break_events WHERE break_id = $1 ORDER BY seq
"""
_COLUMNS: Final[Columns] = (
    ("id", "uuid"),
    ("run_id", "uuid"),
    ("code", "text"),
    ("institution", "text"),
    ("reference", "text"),
    ("first_seen", "date"),
    ("amount", "bigint"),
    ("difference", "bigint"),
    ("exposure", "bigint"),
    ("file", "text"),
    ("day", "date"),
    ("cycle", "smallint"),
    ("owner", "text"),
    ("deadline", "date"),
    ("diagnosis", "text"),
    ("told", "jsonb"),
)


async def read_breaks(
    connection: Connection,
    break_filter: BreakFilter,
    as_of: date,
    calendar: Calendar,
    *,
    events_up_to: date | None = None,
    through: int | None = None,
) -> list[BreakRecord]:
    """The breaks first seen up to `as_of` that a filter lets through, largest exposure first.

    The state is that of the newest event; with `events_up_to`, of the newest event of a night up to it, and
    with `through`, of the newest event up to that number: so the breaks stood then. Ages count up to `as_of`.
    `older_than` 3 selects those of 4 business days and more.
    """
    rows = await connection.fetch(
        _NEWEST,
        as_of,
        events_up_to,
        list(break_filter.codes),
        list(break_filter.institutions),
        list(break_filter.owners),
        [str(state) for state in break_filter.states],
        break_filter.night,
        break_filter.at_least,
        break_filter.reference,
        through,
    )
    records = [_break(row, as_of, calendar) for row in rows]
    return [
        record for record in records if not break_filter.older_than or record.age > break_filter.older_than
    ]


async def events_of(connection: Connection, break_id: UUID) -> list[BreakEvent]:
    """Everything that happened to a break, in its order."""
    return [_event(row) for row in await connection.fetch(_EVENTS, break_id)]


async def write_breaks(connection: Connection, breaks: Sequence[BreakRecord]) -> None:
    """Write breaks that no run found before, in the transaction that the connection is in."""
    rows = [
        (
            record.id,
            record.run_id,
            record.code,
            record.institution,
            record.reference,
            record.first_seen,
            record.amount,
            record.difference,
            record.exposure,
            record.file,
            record.day,
            record.cycle,
            record.owner,
            record.deadline,
            record.diagnosis,
            as_json(record.details),
        )
        for record in breaks
    ]
    await insert(connection, "breaks", _COLUMNS, rows)


def _break(row: Row, as_of: date, calendar: Calendar) -> BreakRecord:
    values = dict(row)
    changed = {
        "state": BreakState(values["state"]),
        "age": calendar.age(values["first_seen"], as_of),
        "details": from_json(values.pop("told")),
    }
    return BreakRecord(**values | changed)


def _event(row: Row) -> BreakEvent:
    values = dict(row)
    changed = {
        "event": BreakEventKind(values["event"]),
        "state": BreakState(values["state"]),
        "facts": from_json(values["facts"]),
    }
    return BreakEvent(**values | changed)
