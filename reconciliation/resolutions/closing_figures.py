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


async def figures_of(
    connection: Connection, night: date, run: RunRecord, calendar: Calendar
) -> dict[str, object]:
    """What is known of a night after a run, whole numbers and text alone; amounts in paisa.

    `settled` and `rows` are those of the files that were taken in the night, each in its live version;
    `positions` and `totals` are the run's own.
    """
    files = await _files_of(connection, night)
    breaks = await read_breaks(connection, BreakFilter(), night, calendar)
    standing = [one for one in breaks if one.state in _STANDING]
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
            one.institution: [one.settled, one.gross, one.fees, one.rounding, one.suspense]
            for one in await read_positions(connection, run.id)
        },
        "files": [[one.name, one.sha256, one.rows, one.settled] for one in files],
        "settled": {
            name: sum(one.settled for one in files if one.institution == name)
            for name in sorted({one.institution for one in files})
        },
        "found": _by_code(one.code for one in breaks if one.first_seen == night),
        "standing": _by_code(one.code for one in standing),
        "exposure": sum(one.exposure for one in standing),
    }


async def _files_of(connection: Connection, night: date) -> list[FileRecord]:
    """The live files of every logical key whose first file was taken in the night."""
    first: dict[tuple[str, date, int], date] = {}
    live: dict[tuple[str, date, int], FileRecord] = {}
    for kept in await kept_files(connection):
        one = kept.file
        key = (one.institution, one.day, one.cycle)
        if one.state in {_LIVE, "superseded"}:
            first.setdefault(key, one.night)
        if one.state == _LIVE:
            live[key] = one
    return [live[key] for key in sorted(live) if first[key] == night]


def _by_code(codes: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(codes).items()))
