"""Commit a run in one transaction: before it nothing of the run exists, after it everything.

Lock order: the event chain, the books (reversals of decisions about breaks that ended or reopened), payments
that receive evidence from files, the alarms of breaks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import polars as pl

from ekpay_switch.ports.finance import Finance
from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.canonical_row import FAMILY, IDENTITY, LEDGER, MATCHED
from reconciliation.intake.file_register import Arrival
from reconciliation.nightly.break_changes import BreakChanges, break_id
from reconciliation.nightly.break_records import movements_of_findings, records_of
from reconciliation.nightly.inbox import TakenFile
from reconciliation.nightly.judge_run import JudgedRun
from reconciliation.nightly.trust_cover_figures import cover_figures
from reconciliation.nightly.unknown_outcomes import Absence, FamilyAnswer, answers_of, repeated_absences
from reconciliation.resolutions.withdrawn_decisions import ChangedBreak, react_to_run
from reconciliation.results import event_chain as chain
from reconciliation.results.break_alarms import raise_break_alarms
from reconciliation.results.break_results import write_breaks
from reconciliation.results.event_chain import NewEvent
from reconciliation.results.file_results import write_files, write_states
from reconciliation.results.match_groups import Member, release, write_groups
from reconciliation.results.records import BreakEventKind, BreakRecord, BreakState, FileRecord, RunRecord
from reconciliation.results.run_state import NIGHT, RunState
from reconciliation.results.runs import write_participants, write_run
from reconciliation.results.table_values import Connection, from_json
from reconciliation.unidentified.item_store import standing_debits

_STATES: Final = """
SELECT b.id, b.exposure, e.state FROM reconciliation.breaks b
CROSS JOIN LATERAL (
  SELECT state FROM reconciliation.break_events WHERE break_id = b.id ORDER BY seq DESC LIMIT 1
) e
WHERE b.id = ANY ($1::uuid[])
"""
_KNOWN: Final = """
SELECT b.code, b.institution, b.reference, b.first_seen FROM reconciliation.breaks b
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (code, institution, reference)
  USING (code, institution, reference)
"""
# Absences reported by exactly one earlier night, of breaks that still stand.
_ABSENT_ONCE: Final = """
SELECT b.institution, b.reference, b.day, min(e.facts::text) AS facts
FROM reconciliation.breaks b
JOIN reconciliation.break_events e ON e.break_id = b.id
WHERE b.code = $1 AND b.day IS NOT NULL AND b.id = ANY ($2::uuid[])
  AND e.event = 'answered' AND e.facts ->> 'says' = 'absent'
  AND NOT EXISTS (SELECT FROM reconciliation.break_events o
    WHERE o.break_id = b.id AND o.event = 'answered' AND o.facts ->> 'says' <> 'absent')
GROUP BY b.id
HAVING count(*) = 1 AND max(e.night) < $3
"""
# Final states of a break.
_SETTLED: Final = (BreakState.CLOSED, BreakState.RESOLVED)


@dataclass(frozen=True, slots=True)
class RunCommit:
    """A judged run with everything that its commit needs."""

    id: UUID
    seq: int
    number: int
    started_at: datetime
    before: RunState
    judged: JudgedRun
    taken_files: tuple[TakenFile, ...]
    last_line: int


@dataclass(frozen=True, slots=True)
class _BreakWrites:
    """What the commit writes about breaks: changes, new records, answers, and earlier states."""

    changes: BreakChanges
    breaks: Sequence[BreakRecord]
    answers: Sequence[FamilyAnswer]
    states: Mapping[UUID, tuple[BreakState, int]]


async def known_breaks(connection: Connection, findings: Sequence[BreakFinding]) -> dict[FindingKey, date]:
    """The first night of each of these findings that an earlier run found."""
    columns = (
        [finding.key.code.value for finding in findings],
        [finding.key.institution for finding in findings],
        [finding.key.reference for finding in findings],
    )
    rows = await connection.fetch(_KNOWN, *columns)
    return {FindingKey(BreakCode(code), name, reference): first for code, name, reference, first in rows}


async def commit_run(
    connection: Connection, finance: Finance, run: RunCommit, changes: BreakChanges
) -> RunRecord:
    """Write a run with everything that follows from it; returns the record of the run.

    Raises:
        asyncpg.UniqueViolationError: another run was committed meanwhile, or a row of ours is matched twice.
    """
    async with connection.transaction():
        head = await chain.newest_number(connection)
        writes = await _break_writes(connection, run, changes)
        events = _events(run, writes)
        left = await standing_debits(connection)
        covered = _cover_figures(run.judged, await finance.books.balances(connection), left)
        figures = covered | {"events": head + len(events)}
        record = await write_run(connection, _record(run, writes, figures), list(run.judged.sheet.values()))
        await _write_files(connection, run)
        new = {name: day for name, day in run.judged.part.since.items() if name not in run.before.since}
        await write_participants(connection, run.id, new)
        await _write_groups(connection, run)
        await write_breaks(connection, writes.breaks)
        await chain.append(connection, events)
        await _react(connection, finance, record, changes)
        await finance.evidence.tell(connection, [answer.file_answer for answer in writes.answers])
        await raise_break_alarms(connection, finance)
    return record


async def _break_writes(connection: Connection, run: RunCommit, changes: BreakChanges) -> _BreakWrites:
    night, setting = run.judged.night, run.judged.setting
    standing = {break_id(key) for key in run.before.standing}
    rows = await connection.fetch(_STATES, list(standing | {break_id(key) for key in changes.reopened}))
    states = {row["id"]: (BreakState(row["state"]), row["exposure"]) for row in rows}
    still = [break_id(key) for key in run.before.standing if key not in changes.closed]
    once = await connection.fetch(_ABSENT_ONCE, BreakCode.UNKNOWN_OPEN.value, still, night.date)
    absences = [
        Absence(
            FindingKey(BreakCode.UNKNOWN_OPEN, row["institution"], row["reference"]),
            row["day"],
            from_json(row["facts"]),
        )
        for row in once
    ]
    answers = answers_of(night, setting)
    answered = {(answer.institution, answer.reference) for answer in answers}
    silent = [
        absence for absence in absences if (absence.key.institution, absence.key.reference) not in answered
    ]
    again = repeated_absences(silent, night.date, setting, run.judged.progress.register)
    movements = await movements_of_findings(connection, night, changes.new_findings)
    breaks = records_of(changes.new_findings, night, setting, run.id, movements)
    return _BreakWrites(changes, breaks, [*answers, *again], states)


def _cover_figures(judged: JudgedRun, balances: Mapping[str, int], left: Mapping[str, int]) -> dict[str, int]:
    return cover_figures(balances, judged.progress.register.loaded_files(), judged.setting.kinds, left)


def _record(run: RunCommit, writes: _BreakWrites, more: Mapping[str, int]) -> RunRecord:
    judged = run.judged
    before = run.before.run
    return RunRecord(
        id=run.id,
        seq=run.seq,
        night=judged.night.date,
        number=run.number,
        identity=judged.identity,
        identity_digest=judged.identity_digest,
        findings_digest=writes.changes.digest(before.findings_digest if before else "", judged.night.date),
        outcome_digest=judged.outcome_digest,
        rows_digest=judged.rows_digest,
        last_line=run.last_line,
        figures=dict(judged.figures) | _open_figures(writes) | dict(more),
        invariants=judged.invariants,
        sql=judged.sql,
        started_at=run.started_at,
    )


def _open_figures(writes: _BreakWrites) -> dict[str, int]:
    """Counts of breaks, and the exposure in paisa of those that are open after the run."""
    closed = {break_id(key) for key in writes.changes.closed}
    reopened = {break_id(key) for key in writes.changes.reopened}
    exposures = [
        exposure
        for break_number, (state, exposure) in writes.states.items()
        if break_number in reopened or (break_number not in closed and state not in _SETTLED)
    ]
    new = [break_number.exposure for break_number in writes.breaks]
    return {
        "found": len(writes.breaks),
        "reopened": len(reopened),
        "ended": len(closed),
        "open": len(exposures) + len(new),
        "exposure": sum(exposures) + sum(new),
    }


async def _write_files(connection: Connection, run: RunCommit) -> None:
    arrivals = run.judged.progress.register.arrivals
    known = run.before.files
    arrived = arrivals[len(known) :]
    taken_files = {(arrival.name, arrival.sha256): arrival for arrival in run.taken_files}
    records = [_file(arrival, taken_files[arrival.name.text, arrival.sha256], run) for arrival in arrived]
    places = await write_files(connection, run.id, records)
    states = [
        (kept_file.id, now.state.value, now.rounding)
        for kept_file, now in zip(known, arrivals, strict=False)
        if (kept_file.file.state, kept_file.file.rounding) != (now.state.value, now.rounding)
    ]
    states += [
        (place, arrival.state.value, arrival.rounding) for place, arrival in zip(places, arrived, strict=True)
    ]
    await write_states(connection, run.id, states)


def _file(arrival: Arrival, taken_file: TakenFile, run: RunCommit) -> FileRecord:
    key = arrival.name.key
    layout = run.judged.setting.layouts.get(key.institution)
    controls = dict(arrival.controls) | ({"refused": arrival.refusal} if arrival.refusal else {})
    return FileRecord(
        name=arrival.name.text,
        institution=key.institution,
        day=key.day,
        cycle=key.cycle,
        correction=arrival.name.correction,
        sha256=arrival.sha256,
        source=taken_file.source,
        received_at=taken_file.received_at,
        night=arrival.night,
        layout_version="" if layout is None else layout.version,
        state=arrival.state.value,
        rows=arrival.rows,
        settled=arrival.settled,
        sequence=arrival.sequence,
        closing=arrival.closing,
        rounding=arrival.rounding,
        controls=controls,
    )


async def _write_groups(connection: Connection, run: RunCommit) -> None:
    night = run.judged.night
    matched = pl.col("verdict") == MATCHED
    earlier = pl.concat([night.pool.filter(matched).select(IDENTITY), night.replaced.select(IDENTITY)])
    await release(connection, run.id, _members(earlier))
    rows = night.judged.rows.filter(matched).with_columns(
        _group=pl.struct(FAMILY).rank("dense").cast(pl.Int64), _size=pl.len().over(FAMILY)
    )
    group_rows = rows.filter((pl.col("source") == LEDGER) | (pl.col("_size") > 2))  # noqa: PLR2004 - a pair
    await write_groups(connection, run.id, group_rows.select("_group", *IDENTITY).iter_rows())


def _members(rows: pl.DataFrame) -> list[Member]:
    return list(rows.iter_rows())


def _events(run: RunCommit, writes: _BreakWrites) -> list[NewEvent]:
    """Found, answered, closed, reopened: a fixed order, so that a repeated run gives the same events."""
    night, changes = run.judged.night.date, writes.changes
    facts = {"run": run.seq}

    def event(key: FindingKey, kind: BreakEventKind, state: BreakState, **more: object) -> NewEvent:
        return NewEvent(break_id(key), night, NIGHT, kind, state, facts | more)

    found_events = [
        event(finding.key, BreakEventKind.FOUND, BreakState.OPEN) for finding in changes.new_findings
    ]
    answered = [
        event(key, BreakEventKind.ANSWERED, state, **answer.facts)
        for answer in writes.answers
        for key, state in _breaks_of(answer, run.before, writes)
    ]
    closed = [
        event(key, BreakEventKind.CLOSED, BreakState.CLOSED, reason=reason)
        for key, reason in changes.closed.items()
    ]
    reopened = [event(key, BreakEventKind.REOPENED, BreakState.OPEN) for key in changes.reopened]
    return [*found_events, *answered, *closed, *reopened]


def _breaks_of(
    answer: FamilyAnswer, before: RunState, writes: _BreakWrites
) -> list[tuple[FindingKey, BreakState]]:
    """The standing breaks of an answered family, each with its state, which an answer does not change."""
    place = (answer.institution, answer.reference)
    new_states = {finding.key: BreakState.OPEN for finding in writes.changes.new_findings}
    standing = {
        key: writes.states[break_id(key)][0]
        for key in (*before.standing, *writes.changes.reopened)
        if break_id(key) in writes.states
    }
    states = new_states | standing
    return sorted((key, state) for key, state in states.items() if (key.institution, key.reference) == place)


async def _react(connection: Connection, finance: Finance, record: RunRecord, changes: BreakChanges) -> None:
    """Reverse, let lapse and restate what was decided about breaks that this run closed or reopened."""
    changed = [ChangedBreak(break_id(key), BreakState.CLOSED) for key in changes.closed]
    changed += [ChangedBreak(break_id(key), BreakState.OPEN) for key in changes.reopened]
    await react_to_run(connection, finance, record, changed)
