"""The state after a run that is not the newest: what the run after it began with.

Tables are append-only, so the rows of runs up to it are unchanged.
"""

from datetime import date
from pathlib import Path
from typing import Final

from reconciliation.breaks.findings import FindingKey
from reconciliation.results.file_results import kept_files
from reconciliation.results.run_state import NIGHT, CarriedState, RunState, register_of, standing_of
from reconciliation.results.runs import read_positions, run_of
from reconciliation.results.table_values import Connection

_STANDING: Final = f"""
SELECT b.code, b.institution, b.reference, b.first_seen, b.file, b.day, b.cycle
FROM reconciliation.breaks b
CROSS JOIN LATERAL (
  SELECT event FROM reconciliation.break_events
  WHERE break_id = b.id AND actor = '{NIGHT}' AND event IN ('found', 'closed', 'reopened')
    AND (facts ->> 'run')::bigint <= $1
  ORDER BY seq DESC LIMIT 1
) e
WHERE e.event <> 'closed'
"""  # noqa: S608 - a constant
_SINCE: Final = """
SELECT p.institution, p.since FROM reconciliation.participants p
JOIN reconciliation.runs r ON r.id = p.run_id WHERE r.seq <= $1 ORDER BY p.institution
"""
_KNOWN: Final = """
SELECT b.code, b.institution, b.reference, b.first_seen, b.file, b.day, b.cycle
FROM reconciliation.breaks b JOIN reconciliation.runs r ON r.id = b.run_id WHERE r.seq <= $1
"""


async def breaks_known_after(connection: Connection, seq: int) -> dict[FindingKey, date]:
    """Every break that a run up to this one has found, with its first night."""
    breaks = map(standing_of, await connection.fetch(_KNOWN, seq))
    return {key: first for key, (first, _) in breaks}


async def state_after_run(connection: Connection, seq: int, rows: Path) -> RunState:
    """The state after the run of a number; that before the first run for 0."""
    run = await run_of(connection, seq)
    if run is None:
        return RunState()
    files = await kept_files(connection, seq)
    sheet = await read_positions(connection, run.id)
    return RunState(
        run=run,
        files=files,
        register=register_of(kept_file.file for kept_file in files),
        standing=dict(map(standing_of, await connection.fetch(_STANDING, seq))),
        since={row["institution"]: row["since"] for row in await connection.fetch(_SINCE, seq)},
        sheet={record.institution: record for record in sheet},
        carried=CarriedState.read(rows / f"{seq:06d}"),
    )
