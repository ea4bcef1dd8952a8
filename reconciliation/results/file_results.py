"""Files that were judged, each with its state as it stands now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from reconciliation.results.records import FileRecord
from reconciliation.results.table_values import Columns, Connection, Row, as_json, from_json, insert

_FILES: Final = """
SELECT f.id, r.seq AS run, f.name, f.institution, f.day, f.cycle, f.correction, f.sha256, f.source,
  f.received_at, f.night, f.layout_version, s.state, f.rows, f.settled, f.sequence, f.closing, s.rounding,
  f.controls
FROM reconciliation.files f
JOIN reconciliation.runs r ON r.id = f.run_id
CROSS JOIN LATERAL (
  SELECT t.state, t.rounding
  FROM reconciliation.file_states t JOIN reconciliation.runs u ON u.id = t.run_id
  WHERE t.file_id = f.id AND u.seq <= $1 ORDER BY u.seq DESC LIMIT 1
) s
WHERE r.seq <= $1
ORDER BY r.seq, f.seq
"""
NEWEST: Final = 2**62
_IDS: Final = "SELECT id FROM reconciliation.files WHERE run_id = $1 ORDER BY seq"
_COLUMNS: Final[Columns] = (
    ("run_id", "uuid"),
    ("seq", "integer"),
    ("name", "text"),
    ("institution", "text"),
    ("day", "date"),
    ("cycle", "smallint"),
    ("correction", "smallint"),
    ("sha256", "text"),
    ("source", "text"),
    ("received_at", "timestamptz"),
    ("night", "date"),
    ("layout_version", "text"),
    ("rows", "integer"),
    ("settled", "bigint"),
    ("sequence", "integer"),
    ("closing", "bigint"),
    ("controls", "jsonb"),
)
_STATE_COLUMNS: Final[Columns] = (
    ("file_id", "bigint"),
    ("run_id", "uuid"),
    ("state", "text"),
    ("rounding", "integer"),
)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file with its place in the table, and the number of the run that judged it."""

    id: int
    run: int
    file: FileRecord


async def kept_files(connection: Connection, up_to: int = NEWEST) -> list[KeptFile]:
    """The files of all runs up to a number, as they stood after it."""
    return [_kept_file(row) for row in await connection.fetch(_FILES, up_to)]


async def write_files(connection: Connection, run_id: UUID, files: Sequence[FileRecord]) -> list[int]:
    """Write the files of a run in the order in which they were judged; their places in the table."""
    rows = [
        (
            run_id,
            seq,
            file.name,
            file.institution,
            file.day,
            file.cycle,
            file.correction,
            file.sha256,
            file.source,
            file.received_at,
            file.night,
            file.layout_version,
            file.rows,
            file.settled,
            file.sequence,
            file.closing,
            as_json(file.controls),
        )
        for seq, file in enumerate(files, start=1)
    ]
    await insert(connection, "files", _COLUMNS, rows)
    return [row["id"] for row in await connection.fetch(_IDS, run_id)]


async def write_states(connection: Connection, run_id: UUID, states: Sequence[tuple[int, str, int]]) -> None:
    """Write what a run made of files, its own or older ones: place in the table, state, rounding."""
    rows = [(file_id, run_id, state, rounding) for file_id, state, rounding in states]
    await insert(connection, "file_states", _STATE_COLUMNS, rows)


def _kept_file(row: Row) -> KeptFile:
    values = dict(row)
    place, run = values.pop("id"), values.pop("run")
    return KeptFile(place, run, FileRecord(**values | {"controls": from_json(values["controls"])}))
