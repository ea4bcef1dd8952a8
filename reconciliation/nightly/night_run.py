"""The nightly run: close windows, judge files and frozen lines, commit everything in one transaction.

It may be killed anywhere and run again: what is not committed is thrown away, what is committed stands, and
the same inputs give the same digests. Two at once are kept apart by an advisory lock that belongs to the
connection on which the run is committed, so a run that lost its lock cannot commit.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import polars as pl
from asyncpg import PostgresError

from ekpay_switch.ports.disputes import ChargebackRowAnswer
from ekpay_switch.ports.finance import Finance
from ekpay_switch.security.identifiers import uuid7
from reconciliation.calendar import read_calendar
from reconciliation.canonical_row import complete, no_rows
from reconciliation.engine.row_store import RowStore
from reconciliation.errors import NightError, ReportError
from reconciliation.intake.ledger_rows import read_new_lines
from reconciliation.nightly.break_changes import changes_of
from reconciliation.nightly.chargeback_disputes import record_chargebacks
from reconciliation.nightly.commit_run import RunCommit, commit_run, known_breaks
from reconciliation.nightly.inbox import Inbox, TakenFile
from reconciliation.nightly.judge_run import RunInputs, RunJudge, RunLocations
from reconciliation.nightly.mirror_windows import mirror_windows
from reconciliation.nightly.night_configuration import NightRules
from reconciliation.results.night_folders import NightFolders
from reconciliation.results.records import RunRecord
from reconciliation.results.run_state import RunState, folder_digest, read_state
from reconciliation.results.runs import latest_run
from reconciliation.results.table_values import Connection
from reconciliation.settlement.instructions.account_registry import read_registry
from reconciliation.settlement.store.expected_debits import expected_debits
from reconciliation.settlement.store.expected_transfers import OwnStatement, booked_transfers

LOCK: Final = "SELECT pg_try_advisory_lock(8, 1)"
_FIRST_WINDOW: Final = "SELECT min(business_date) FROM settlement_windows"
_ONE_DAY: Final = timedelta(days=1)


class NightStep(StrEnum):
    """The progress of a night, reported before each step."""

    CLOSE = "closing windows"
    READ = "reading what stands"
    TAKE = "taking files in"
    LINES = "reading our books"
    JUDGE = "judging and proving"
    COMMIT = "committing"
    CLEAR = "clearing the inbox"
    DISPUTE = "opening disputes"
    MIRROR = "mirroring frozen lines"
    REPORT = "leaving reports"
    DONE = "done"


Watcher = Callable[[date, NightStep], None]


class Reporter(Protocol):
    """Writes the reports of a committed run, unless they exist; returns their paths."""

    async def __call__(self, connection: Connection, run: RunRecord, rules: NightRules, /) -> Sequence[Path]:
        """Raises ReportError or OSError where a report cannot be made; the run stands all the same."""
        ...


@dataclass(frozen=True, slots=True)
class NightContext:
    """Who is shown the progress of a night, and what writes its reports."""

    watch: Watcher
    report: Reporter | None = None


@dataclass(frozen=True, slots=True)
class NightOutcome:
    """The result of a night; `is_new` is false where its run existed already and nothing was new.

    `waiting` are names of files that are still in the inbox, `chargebacks` what became of the chargeback rows
    that our books do not have. `dispute_failure` says why not each of them was passed on, `report_failure`
    why reports are missing, `mirror_failure` why lines have no mirror yet, which makes a check slower; the
    commit stands all the same.
    """

    run: RunRecord
    is_new: bool
    waiting: tuple[str, ...] = ()
    chargebacks: tuple[ChargebackRowAnswer, ...] = ()
    dispute_failure: str = ""
    reports: tuple[Path, ...] = ()
    report_failure: str = ""
    mirror_failure: str = ""


@dataclass(frozen=True, slots=True)
class _NightWork:
    """What every step of a night needs; `connection` holds the lock of nightly runs."""

    connection: Connection
    finance: Finance
    folders: NightFolders
    rules: NightRules
    context: NightContext


async def run_nights(finance: Finance, last_night: date, context: NightContext) -> list[NightOutcome]:
    """Run a night, and before it every earlier one that has no run yet.

    Raises:
        NightError: another run is going on, or the rows of the last run are not what was committed.
    """
    folders, rules = NightFolders.of(finance.home_folder), NightRules.read(finance.config)
    async with _locked(finance) as connection:
        # A run that was killed after its commit may lack its reports.
        newest = await latest_run(connection)
        if newest is not None:
            await _reports(connection, newest, folders, context.report)
        work = _NightWork(connection, finance, folders, rules, context)
        return [await _run_night(work, night) for night in await _nights(connection, last_night)]


async def _run_night(work: _NightWork, night: date) -> NightOutcome:
    connection, finance, folders = work.connection, work.finance, work.folders
    watch, started_at, inbox = work.context.watch, datetime.now(UTC), Inbox(folders)

    watch(night, NightStep.CLOSE)
    await finance.windows.close(night)

    watch(night, NightStep.READ)
    before = await read_state(connection, folders.rows)
    _check_rows(before, folders)
    if before.run is not None:
        # One that was killed after its commit may not have opened its disputes.
        await _record_chargebacks(work, before.run)
    inbox.remove_committed(before.seq)

    watch(night, NightStep.TAKE)
    taken_files = inbox.take(before.seq + 1, night)

    watch(night, NightStep.LINES)
    inputs = await _read_inputs(connection, finance, night, before, taken_files)
    if before.run is not None and before.run.night == night and inputs.is_empty:
        standing = NightOutcome(before.run, is_new=False, waiting=_names(inbox))
        return await _after_commit(work, standing)

    watch(night, NightStep.JUDGE)
    work.rules.write(folders.rules)
    locations = RunLocations(finance.url("audit"), inbox, folders.rows, folders.spill)
    judged = RunJudge(work.rules, locations).judge(before, inputs)

    watch(night, NightStep.COMMIT)
    known = await known_breaks(connection, judged.night.findings)
    changes = changes_of(judged.night, before.standing, known, judged.progress)
    number = before.run.number + 1 if before.run is not None and before.run.night == night else 1
    run_commit = RunCommit(
        uuid7(), before.seq + 1, number, started_at, before, judged, tuple(taken_files), inputs.lines.last
    )
    run = await commit_run(connection, finance, run_commit, changes)

    watch(night, NightStep.CLEAR)
    inbox.remove_committed(run.seq)
    return await _after_commit(work, NightOutcome(run, is_new=True, waiting=_names(inbox)))


async def _after_commit(work: _NightWork, outcome: NightOutcome) -> NightOutcome:
    """Open the disputes of a committed run, mirror its lines, write its reports; the run stands in any case.

    Why disputes were not opened, lines not mirrored or reports not written is returned.
    """
    watch, night = work.context.watch, outcome.run.night
    watch(night, NightStep.DISPUTE)
    chargebacks, dispute_failure = tuple[ChargebackRowAnswer, ...](), ""
    try:
        chargebacks = await _record_chargebacks(work, outcome.run)
    except PostgresError as problem:
        dispute_failure = str(problem)

    watch(night, NightStep.MIRROR)
    mirror_failure = await mirror_windows(work.connection, work.finance, work.rules.layouts, night)

    watch(night, NightStep.REPORT)
    reports, report_failure = await _reports(work.connection, outcome.run, work.folders, work.context.report)
    watch(night, NightStep.DONE)
    return replace(
        outcome,
        chargebacks=chargebacks,
        dispute_failure=dispute_failure,
        reports=reports,
        report_failure=report_failure,
        mirror_failure=mirror_failure,
    )


async def _record_chargebacks(work: _NightWork, run: RunRecord) -> tuple[ChargebackRowAnswer, ...]:
    return await record_chargebacks(work.connection, work.finance, run, work.folders.rows, work.rules.layouts)


@asynccontextmanager
async def _locked(finance: Finance) -> AsyncIterator[Connection]:
    connection = await finance.connect()
    try:
        if not await connection.fetchval(LOCK):
            raise NightError("another run is going on; nothing was changed")
        yield connection
    finally:
        # The lock ends with the connection.
        await connection.close()


async def _nights(connection: Connection, last_night: date) -> Sequence[date]:
    """Every night after the newest run up to `last_night`, or the newest one again."""
    newest = await latest_run(connection)
    if newest is not None:
        first = newest.night if last_night <= newest.night else newest.night + _ONE_DAY
    else:
        window = await connection.fetchval(_FIRST_WINDOW)
        first = last_night if window is None else min(window, last_night)
    return [first + timedelta(days=step) for step in range(max(1, (last_night - first).days + 1))]


def _check_rows(before: RunState, folders: NightFolders) -> None:
    """Refuse unless the rows on disk are those that the last run committed."""
    if before.run is None:
        return
    folder = folders.rows / f"{before.run.seq:06d}"
    if not folder.is_dir() or folder_digest(folder) != before.run.rows_digest:
        raise NightError(f"the rows of run {before.run.seq} in {folder.name} are not what was committed")


async def _read_inputs(
    connection: Connection, finance: Finance, night: date, before: RunState, taken_files: Sequence[TakenFile]
) -> RunInputs:
    lines = read_new_lines(finance.url("audit"), before.last_line, night)
    expected = pl.concat(
        [await _instructed(connection, before), await _transferred(connection, finance, before)]
    )
    return RunInputs(night, lines, tuple(taken_files), expected)


async def _instructed(connection: Connection, before: RunState) -> pl.DataFrame:
    """Debits that banks must book for our own instructions and that no run has taken yet."""
    rows = complete(await expected_debits(connection))
    return rows.filter(~pl.col("origin").is_in(list(before.carried.instructions)))


async def _transferred(connection: Connection, finance: Finance, before: RunState) -> pl.DataFrame:
    """Lines that our banks must have for what is booked by a reference, and that no run has taken."""
    transfers = await booked_transfers(connection, finance)
    if not transfers:
        return no_rows()
    debtor = read_registry(finance.config / "settlement.toml").debtor.statement
    store = RowStore(NightFolders.of(finance.home_folder).rows, before.seq, before.carried.withdrawn)
    calendar = read_calendar(finance.config / "calendar.toml")
    found = [no_rows()]
    for statement in sorted({transfer.bank or debtor for transfer in transfers}):
        since = before.since.get(statement)
        if before.run is not None and since is None:
            continue
        own = OwnStatement(statement, calendar, store, set(before.carried.instructions))
        rows = own.rows([transfer for transfer in transfers if (transfer.bank or debtor) == statement])
        found.append(rows if since is None else rows.filter(pl.col("due_date") >= since))
    return pl.concat(found)


async def _reports(
    connection: Connection, run: RunRecord, folders: NightFolders, report: Reporter | None
) -> tuple[tuple[Path, ...], str]:
    """Write the reports of a run by the rules of its day; a failure undoes nothing and is returned."""
    if report is None:
        return (), ""
    try:
        rules = NightRules.read(folders.rules / run.identity["rules"], are_kept=True)
        return tuple(await report(connection, run, rules)), ""
    except (ReportError, OSError) as problem:
        return (), str(problem)


def _names(inbox: Inbox) -> tuple[str, ...]:
    return tuple(file.path.name for file in inbox.waiting_files())
