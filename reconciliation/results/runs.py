"""Runs as they were committed, and the positions that each left."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final
from uuid import UUID

from reconciliation.results.records import PositionRecord, RunRecord
from reconciliation.results.table_values import Columns, Connection, Row, as_json, from_json, insert

_RUNS: Final = """
SELECT id, seq, night, number, identity, identity_digest, findings_digest, outcome_digest, rows_digest,
  last_line, figures, invariants, sql, started_at, finished_at
FROM reconciliation.runs
"""
_POSITIONS: Final = """
SELECT institution, settled, gross, fees, rounding, suspense
FROM reconciliation.positions WHERE run_id = $1 ORDER BY institution
"""
_NEW_RUN: Final = """
INSERT INTO reconciliation.runs (id, seq, night, number, identity, identity_digest, findings_digest,
  outcome_digest, rows_digest, last_line, figures, invariants, sql, started_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11::jsonb, $12::jsonb, $13, $14)
RETURNING finished_at
"""
_PARTICIPANT_COLUMNS: Final[Columns] = (("institution", "text"), ("since", "date"), ("run_id", "uuid"))
_POSITION_COLUMNS: Final[Columns] = (
    ("run_id", "uuid"),
    ("institution", "text"),
    ("settled", "bigint"),
    ("gross", "bigint"),
    ("fees", "bigint"),
    ("rounding", "bigint"),
    ("suspense", "bigint"),
)


async def read_runs(connection: Connection, night: date | None = None) -> list[RunRecord]:
    """All committed runs in their order, or those of one night."""
    rows = await connection.fetch(f"{_RUNS} WHERE $1::date IS NULL OR night = $1 ORDER BY seq", night)
    return [_run(row) for row in rows]


async def latest_run(connection: Connection, night: date | None = None) -> RunRecord | None:
    """The newest committed run, or the newest of a night."""
    query = f"{_RUNS} WHERE $1::date IS NULL OR night = $1 ORDER BY seq DESC LIMIT 1"
    row = await connection.fetchrow(query, night)
    return None if row is None else _run(row)


async def run_of(connection: Connection, seq: int) -> RunRecord | None:
    """The run of a number of all."""
    row = await connection.fetchrow(f"{_RUNS} WHERE seq = $1", seq)
    return None if row is None else _run(row)


async def read_positions(connection: Connection, run_id: UUID) -> list[PositionRecord]:
    """The position of every institution after a run, over all rows so far."""
    return [PositionRecord(*row) for row in await connection.fetch(_POSITIONS, run_id)]


async def write_run(connection: Connection, run: RunRecord, sheet: Sequence[PositionRecord]) -> RunRecord:
    """Write a run with its positions in the transaction of the connection; the run as it then stands.

    Raises:
        asyncpg.UniqueViolationError: somebody else committed a run of this number.
        asyncpg.CheckViolationError: a position does not sum up.
    """
    finished_at = await connection.fetchval(
        _NEW_RUN,
        run.id,
        run.seq,
        run.night,
        run.number,
        as_json(run.identity),
        run.identity_digest,
        run.findings_digest,
        run.outcome_digest,
        run.rows_digest,
        run.last_line,
        as_json(run.figures),
        as_json(run.invariants),
        run.sql,
        run.started_at,
    )
    lines = [
        (
            run.id,
            record.institution,
            record.settled,
            record.gross,
            record.fees,
            record.rounding,
            record.suspense,
        )
        for record in sheet
    ]
    await insert(connection, "positions", _POSITION_COLUMNS, lines)
    return replace(run, finished_at=finished_at)


async def write_participants(connection: Connection, run_id: UUID, since: Mapping[str, date]) -> None:
    """Write who takes part from this run on, each with the date from which its files are expected."""
    rows = [(name, day, run_id) for name, day in since.items()]
    await insert(connection, "participants", _PARTICIPANT_COLUMNS, rows)


def _run(row: Row) -> RunRecord:
    values = dict(row)
    return RunRecord(
        **values | {name: from_json(values[name]) for name in ("identity", "figures", "invariants")}
    )
