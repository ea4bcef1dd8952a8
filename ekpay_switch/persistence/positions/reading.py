"""Reading where a database stands, and which of the recorded heads it does not hold."""

from dataclasses import dataclass
from typing import Any

from ekpay_switch.domain.positions import Head, Missing, Position

# An asyncpg connection; the driver does not type its methods.
Connection = Any

# Tables that know of money before an entry does; their ids are made in the order of time.
NEWEST_OF = ("payments", "attempts", "refunds")
# Each is looked up by its key: the subqueries stay subqueries, whatever the statistics say.
# One statement, so one snapshot: what is recorded next holds what was recorded before. The timeline is that
# of the log as it is written; the control file names a promoted server's old one until its first checkpoint.
READ = """
SELECT current_database()::text AS database,
  (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int AS timeline,
  now() AS at,
  (SELECT passed_until > to_timestamp(0) FROM housekeeping_marks WHERE chore = 'positions') AS is_kept,
  ARRAY(SELECT lane FROM lanes WHERE seq > 0 ORDER BY lane) AS lanes,
  ARRAY(SELECT seq FROM lanes WHERE seq > 0 ORDER BY lane) AS seqs,
  ARRAY(SELECT hash FROM lanes WHERE seq > 0 ORDER BY lane) AS hashes,
  (SELECT id FROM payments ORDER BY id DESC LIMIT 1) AS payments,
  (SELECT id FROM attempts ORDER BY id DESC LIMIT 1) AS attempts,
  (SELECT id FROM refunds ORDER BY id DESC LIMIT 1) AS refunds,
  array_remove(ARRAY[
    CASE WHEN NOT EXISTS (SELECT FROM payments WHERE id = $4) THEN 'payments' END,
    CASE WHEN NOT EXISTS (SELECT FROM attempts WHERE id = $5) THEN 'attempts' END,
    CASE WHEN NOT EXISTS (SELECT FROM refunds WHERE id = $6) THEN 'refunds' END], NULL) AS tables,
  ARRAY(SELECT r.lane FROM unnest($1::smallint[], $2::bigint[], $3::bytea[]) AS r (lane, seq, hash)
    WHERE NOT EXISTS (SELECT FROM journal_entries AS e
      WHERE e.lane = r.lane AND e.seq = r.seq AND e.hash = r.hash OFFSET 0)) AS missing
"""
_MARK_KEPT = """
UPDATE housekeeping_marks SET passed_until = now()
WHERE chore = 'positions' AND passed_until = to_timestamp(0)
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a database stands, and what it does not hold of the recorded position.

    `is_kept` says that a position of it was recorded once.
    """

    position: Position
    missing: Missing
    is_kept: bool


async def read_position(connection: Connection, recorded: Position | None) -> Reading:
    """Read where the database stands, in one query by keys."""
    row = await connection.fetchrow(READ, *arguments_of(recorded))
    lines = zip(row["lanes"], row["seqs"], row["hashes"], strict=True)
    position = Position(
        database=row["database"],
        system_identifier=row["system_identifier"],
        timeline=row["timeline"],
        heads={lane: Head(seq, digest) for lane, seq, digest in lines},
        newest={table: row[table] for table in NEWEST_OF if row[table] is not None},
        at=row["at"],
    )
    newest = recorded.newest if recorded else {}
    missing = Missing(row["missing"], [table for table in row["tables"] if table in newest])
    return Reading(position, missing, bool(row["is_kept"]))


def arguments_of(recorded: Position | None) -> list[object]:
    """The arguments of READ: the recorded heads as three arrays, then the newest ids."""
    heads = sorted(recorded.heads.items()) if recorded else []
    newest = recorded.newest if recorded else {}
    return [
        [lane for lane, _ in heads],
        [head.seq for _, head in heads],
        [head.hash for _, head in heads],
        *(newest.get(table) for table in NEWEST_OF),
    ]


async def mark_kept(connection: Connection) -> None:
    """Say in the database that its position is recorded outside of it."""
    await connection.execute(_MARK_KEPT)
