"""The figures of a night as they are frozen: files as they count, breaks as they stand, the run's digests."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from ekpay_switch.ports.finance import Connection
from reconciliation.calendar import Calendar
from reconciliation.results.break_results import read_breaks
from reconciliation.results.file_results import kept_files
from reconciliation.results.records import BreakFilter, BreakState, FileRecord, RunRecord
from reconciliation.results.runs import read_positions

_LIVE = "loaded"
_STANDING = (BreakState.OPEN, BreakState.PROPOSED)


async def figures_of_night(
    connection: Connection, night: date, run: RunRecord, calendar: Calendar
) -> dict[str, object]:
    """The figures of a night after a run, whole numbers and text alone; amounts in paisa.

    `settled` and `rows` are those of the files that were taken in the night, each in its live version;
    `positions` and `totals` are the run's own.
    """
    files = await _files_of(connection, night)
    breaks = await read_breaks(connection, BreakFilter(), night, calendar)
    standing = [record for record in breaks if record.state in _STANDING]
    return {
        "night": night.isoformat(),
        "run": {
            "seq": run.seq,
            "night": run.night.isoformat(),
            "number": run.number,
            "identity": run.identity_digest,
            "findings": run.findings_digest,
            "outcome": run.outcome_digest,
            "rows": run.rows_digest,
        },
        "totals": dict(run.figures),
        "positions": {
            record.institution: [record.settled, record.gross, record.fees, record.rounding, record.suspense]
            for record in await read_positions(connection, run.id)
        },
        "files": [[record.name, record.sha256, record.rows, record.settled] for record in files],
        "settled": {
            name: sum(record.settled for record in files if record.institution == name)
            for name in sorted({record.institution for record in files})
        },
        "found": _by_code(record.code for record in breaks if record.first_seen == night),
        "standing": _by_code(record.code for record in standing),
        "exposure": sum(record.exposure for record in standing),
    }


async def _files_of(connection: Connection, night: date) -> list[FileRecord]:
    """The live files of every logical key whose first file was taken in the night."""
    first: dict[tuple[str, date, int], date] = {}
    live: dict[tuple[str, date, int], FileRecord] = {}
    for kept_file in await kept_files(connection):
        file = kept_file.file
        key = (file.institution, file.day, file.cycle)
        if file.state in {_LIVE, "superseded"}:
            first.setdefault(key, file.night)
        if file.state == _LIVE:
            live[key] = file
    return [live[key] for key in sorted(live) if first[key] == night]


def _by_code(codes: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(codes).items()))
