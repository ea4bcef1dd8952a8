"""Closing a day: two persons freeze its figures under a digest; a later correction restates and never edits.

    closed 1     figures as the day was closed, by two persons
    closed 2, …  the same night with the correction and what it changed, in the commit of the run that took it

What was closed before stays as it is, so a report of it still verifies against its digest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg

from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.breaks.codes import BreakCode
from reconciliation.calendar import Calendar
from reconciliation.digests import sha256_of
from reconciliation.resolutions.closing_blockers import blockers
from reconciliation.resolutions.closing_figures import figures_of_night
from reconciliation.resolutions.closing_time import ClosingTime
from reconciliation.resolutions.deciding_persons import refuse_removed
from reconciliation.resolutions.decision_records import OnePersonError, Resolution, UnfitError
from reconciliation.resolutions.resolution_actions import ResolutionRules
from reconciliation.results.event_chain import CHAIN_LOCK
from reconciliation.results.file_results import kept_files
from reconciliation.results.records import FileRecord, RunRecord
from reconciliation.results.runs import latest_run
from reconciliation.results.table_values import Row, as_json, from_json

_CLOSED: Final = """
SELECT night, run_id, restatement, closed_by, approved_by, closed_at, figures, digest, delta
FROM reconciliation.closed_days
"""
_CLOSE: Final = """
INSERT INTO reconciliation.closed_days (night, run_id, restatement, closed_by, approved_by, figures, digest,
  delta, rehearsal) VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8::jsonb, $9)
"""
_REPLACED: Final = """
SELECT file, institution, day, cycle, difference, told FROM reconciliation.breaks
WHERE run_id = $1 AND code = $2 ORDER BY institution, file
"""
_DAY_IS_OVER: Final = "ck_closed_days_day_is_over"
_REPLACED_STATE: Final = "superseded"
_UNTIL: Final = """
SELECT id, code, institution, reference FROM reconciliation.breaks
WHERE id = ANY ($1::uuid[]) AND first_seen <= $2 ORDER BY code, institution, reference
"""


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """One closing of a night, `digest` being SHA-256 over `figures` as canonical JSON.

    `delta` says what a restatement changed.
    """

    night: date
    run_id: UUID
    restatement: int
    closed_by: str | None
    approved_by: str | None
    closed_at: datetime
    figures: Mapping[str, object]
    digest: str
    delta: Mapping[str, object]

    @property
    def verifies(self) -> bool:
        """Whether the figures are those that were frozen."""
        return figures_digest(self.figures) == self.digest


@dataclass(frozen=True, slots=True)
class RunEndings:
    """The breaks that a run closed and the decisions that it reversed."""

    breaks: tuple[UUID, ...]
    reversals: tuple[Resolution, ...]


def figures_digest(figures: Mapping[str, object]) -> str:
    """SHA-256 over the canonical JSON of figures."""
    return sha256_of(as_json(figures).encode())


async def closings_of(connection: Connection, night: date | None = None) -> list[ClosedDay]:
    """Every closing of a night, or of all, in order; the last one of a night counts."""
    query = f"{_CLOSED} WHERE $1::date IS NULL OR night = $1 ORDER BY night, restatement"
    return [_closed(row) for row in await connection.fetch(query, night)]


async def close_day(
    finance: Finance,
    rules: ResolutionRules,
    calendar: Calendar,
    night: date,
    *,
    closed_by: str,
    approved_by: str,
    closing_time: ClosingTime,
) -> ClosedDay:
    """Freeze the figures of a night; the caller has verified both persons.

    Raises:
        OnePersonError: both are the same person.
        UnfitError: the night has no run, is closed, its cut-off has not passed, its newest run began before
            the day was over, something red stands, or a person may not decide.
    """
    closing_time.refuse_before_cut_off(night)
    connection = await finance.connect()
    try:
        async with connection.transaction():
            await connection.execute(CHAIN_LOCK)
            standing = await _closed_before(connection, night, (closed_by, approved_by))
            if standing is not None:
                return standing  # the answer was lost
            await refuse_removed(connection, finance, (closed_by, approved_by))
            run = await _closable_run(connection, rules, calendar, night, closing_time)
            await _write(
                connection,
                run,
                night=night,
                restatement=1,
                figures=await figures_of_night(connection, night, run, calendar),
                closed_by=closed_by,
                approved_by=approved_by,
                is_rehearsal=closing_time.is_rehearsal,
            )
            return (await closings_of(connection, night))[-1]
    except asyncpg.CheckViolationError as problem:
        if problem.constraint_name == _DAY_IS_OVER:
            raise UnfitError(f"{night} is not over by the clock of the database") from problem
        raise OnePersonError("who closes a day cannot approve it: that takes a second person") from problem
    finally:
        await connection.close()


async def _closable_run(
    connection: Connection, rules: ResolutionRules, calendar: Calendar, night: date, closing_time: ClosingTime
) -> RunRecord:
    """The newest run of a night; raises UnfitError where the night cannot be closed on it."""
    run = await latest_run(connection, night)
    if run is None:
        raise UnfitError(f"{night} was not reconciled yet")
    closing_time.refuse_early_run(run)
    red = await blockers(connection, run, rules, calendar)
    if red:
        raise UnfitError(f"{night} cannot be closed: {'; '.join(red)}")
    return run


async def _closed_before(connection: Connection, night: date, persons: tuple[str, str]) -> ClosedDay | None:
    """The closing of a night by these persons, None while it is open; raises UnfitError for other persons."""
    standing = await closings_of(connection, night)
    if not standing:
        return None
    if (standing[0].closed_by, standing[0].approved_by) != persons:
        raise UnfitError(f"{night} was closed by {standing[0].closed_by}")
    return standing[0]


async def restate(
    connection: Connection, run: RunRecord, calendar: Calendar, ended: RunEndings
) -> tuple[date, ...]:
    """Restate every closed night that this run changed, in its transaction; which nights those are.

    A night changes when a file that was taken in it is replaced, or when it is run again after its closing.
    """
    files = [kept_file.file for kept_file in await kept_files(connection)]
    replaced: dict[date, list[Row]] = {}
    for row in await connection.fetch(_REPLACED, run.id, BreakCode.FILE_SUPERSEDED.value):
        for item in files:
            if (item.state, item.institution, item.name) == (
                _REPLACED_STATE,
                row["institution"],
                row["file"],
            ):
                replaced.setdefault(item.night, []).append(row)
    newest = {item.night: item for item in await closings_of(connection)}
    nights = sorted({*replaced, run.night} & set(newest))
    for night in nights:
        before = newest[night]
        figures = await figures_of_night(connection, night, run, calendar)
        delta = {
            "restates": before.digest,
            "settled": _settled_changes(before.figures, figures),
            **_delta_of_files(replaced.get(night, []), files),
            **await _delta_of_breaks(connection, night, ended),
        }
        await _write(
            connection,
            run,
            night=night,
            restatement=before.restatement + 1,
            figures=figures,
            delta=delta,
        )
    return tuple(nights)


async def verify_closings(connection: Connection) -> str | None:
    """None where every closing is what was frozen and their numbers have no gap, or which one is not."""
    numbers: dict[date, int] = {}
    for closed_day in await closings_of(connection):
        numbers[closed_day.night] = numbers.get(closed_day.night, 0) + 1
        if closed_day.restatement != numbers[closed_day.night]:
            return f"restatement {numbers[closed_day.night]} of {closed_day.night} is missing"
        if not closed_day.verifies:
            name = f"{closed_day.night}, restatement {closed_day.restatement}"
            return f"the figures of {name}, are not those that were frozen"
    return None


def _delta_of_files(replaced: Sequence[Row], files: Sequence[FileRecord]) -> dict[str, object]:
    """The replaced files with their replacements and the hashes of lines that changed."""
    live = {(file.institution, file.day, file.cycle): file.name for file in files if file.state == "loaded"}
    changed_rows = [(row, list(from_json(row["told"]).get("rows", []))) for row in replaced]
    return {
        "files": [
            {
                "file": row["file"],
                "institution": row["institution"],
                "replaced_by": live.get((row["institution"], row["day"], row["cycle"]), ""),
                "rows": rows,
                "difference": row["difference"],
            }
            for row, rows in changed_rows
        ],
        "rows": sum(len(rows) for _, rows in changed_rows),
    }


async def _delta_of_breaks(connection: Connection, night: date, ended: RunEndings) -> dict[str, object]:
    """Which breaks of the night or before it ended, and which decisions about such were reversed."""
    break_ids = {*ended.breaks, *(reversal.break_id for reversal in ended.reversals)}
    rows = await connection.fetch(_UNTIL, list(break_ids), night)
    known = {UUID(str(row["id"])) for row in rows}
    ended_ids = {*ended.breaks} & known
    return {
        "ended": [
            [row["code"], row["institution"], row["reference"]]
            for row in rows
            if UUID(str(row["id"])) in ended_ids
        ],
        "reversed": [
            {
                "resolution": str(reversal.reverses),
                "by": str(reversal.id),
                "entry": str(reversal.entry_id) if reversal.postings else "",
                "amount": reversal.amount,
            }
            for reversal in ended.reversals
            if reversal.break_id in known
        ],
    }


def _settled_changes(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, list[object]]:
    """Institutions whose settled sum changed: before and after, in paisa."""
    old, new = before.get("settled"), after.get("settled")
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return {}
    names = sorted({*old, *new})
    return {name: [old.get(name, 0), new.get(name, 0)] for name in names if old.get(name) != new.get(name)}


async def _write(
    connection: Connection,
    run: RunRecord,
    *,
    night: date,
    restatement: int,
    figures: Mapping[str, object],
    delta: Mapping[str, object] | None = None,
    closed_by: str | None = None,
    approved_by: str | None = None,
    is_rehearsal: bool = False,
) -> None:
    """Write a closing; a restatement has no persons."""
    await connection.execute(
        _CLOSE,
        night,
        run.id,
        restatement,
        closed_by,
        approved_by,
        as_json(figures),
        figures_digest(figures),
        as_json(delta or {}),
        is_rehearsal,
    )


def _closed(row: Row) -> ClosedDay:
    values = dict(row)
    return ClosedDay(**values | {name: from_json(values[name]) for name in ("figures", "delta")})
