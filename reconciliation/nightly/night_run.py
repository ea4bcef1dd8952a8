"""A night: windows closed, files and lines judged, everything kept in one transaction. Read it top to bottom.

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

from ekpay_switch.ports.finance import Finance
from ekpay_switch.security.identifiers import uuid7
from reconciliation.canonical_row import complete
from reconciliation.errors import NightError, ReportError
from reconciliation.intake.ledger_rows import read_new_lines
from reconciliation.nightly.break_changes import changes_of
from reconciliation.nightly.commit_run import Committing, commit, known_breaks
from reconciliation.nightly.inbox import Inbox, Taken
from reconciliation.nightly.judge_run import Brought, Ground, Judge
from reconciliation.nightly.mirror_windows import mirror_windows
from reconciliation.nightly.night_configuration import NightRules
from reconciliation.results.night_folders import Places
from reconciliation.results.records import RunRecord
from reconciliation.results.run_state import Before, digest_of, read_state
from reconciliation.results.runs import latest_run
from reconciliation.results.table_values import Connection
from reconciliation.settlement.store.expected_debits import expected_debits

LOCK: Final = "SELECT pg_try_advisory_lock(8, 1)"
UNLOCK: Final = "SELECT pg_advisory_unlock(8, 1)"
_FIRST_WINDOW: Final = "SELECT min(business_date) FROM settlement_windows"
_ONE_DAY: Final = timedelta(days=1)


class Step(StrEnum):
    """Where a night is; told before each step begins."""

    CLOSE = "closing windows"
    READ = "reading what stands"
    TAKE = "taking files in"
    LINES = "reading our books"
    JUDGE = "judging and proving"
    COMMIT = "committing"
    CLEAR = "clearing the inbox"
    MIRROR = "mirroring frozen lines"
    REPORT = "leaving reports"
    DONE = "done"


Watcher = Callable[[date, Step], None]


class Reporter(Protocol):
    """Leaves the reports of a run that was committed, unless they are there, and says where."""

    async def __call__(self, connection: Connection, run: RunRecord, rules: NightRules, /) -> Sequence[Path]:
        """Raises ReportError or OSError where a report cannot be made; the run stands all the same."""
        ...


@dataclass(frozen=True, slots=True)
class Around:
    """Who watches a night, and who leaves its reports."""

    watch: Watcher
    report: Reporter | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of a night; `is_new` is false where it stood already and there was nothing to add.

    `waiting` are names of files that still lie in the inbox, `left` the reports, `complaint` what went wrong
    with them behind the commit, `unmirrored` why lines have no mirror yet, for which a check is slower.
    """

    run: RunRecord
    is_new: bool
    waiting: tuple[str, ...] = ()
    left: tuple[Path, ...] = ()
    complaint: str = ""
    unmirrored: str = ""


async def run_nights(finance: Finance, wanted: date, around: Around) -> list[Ran]:
    """Run a night, and before it every earlier one that has no run yet.

    Raises:
        NightError: another run is going on, or the rows of the last run are not what was committed.
    """
    places, rules = Places.of(finance.home), NightRules.read(finance.config)
    async with _locked(finance) as connection:
        # A run that was killed behind its commit may lack its reports.
        newest = await latest_run(connection)
        if newest is not None:
            await _reports(connection, newest, places, around.report)
        return [
            await _run_night(connection, finance, night, (places, rules), around)
            for night in await _nights(connection, wanted)
        ]


async def _run_night(
    connection: Connection,
    finance: Finance,
    night: date,
    given: tuple[Places, NightRules],
    around: Around,
) -> Ran:
    (places, rules), watch = given, around.watch
    started_at, inbox = datetime.now(UTC), Inbox(places)

    watch(night, Step.CLOSE)
    await finance.windows.close(night)

    watch(night, Step.READ)
    before = await read_state(connection, places.rows)
    _check_rows(before, places)
    inbox.settle(before.seq)

    watch(night, Step.TAKE)
    taken = inbox.take(before.seq + 1, night)

    watch(night, Step.LINES)
    brought = await _brought(connection, finance, night, before, taken)
    if before.run is not None and before.run.night == night and brought.is_nothing:
        stands = Ran(before.run, is_new=False, waiting=_names(inbox))
        return await _with_what_follows(connection, finance, stands, given, around)

    watch(night, Step.JUDGE)
    rules.keep(places.rules)
    ground = Ground(finance.url("audit"), inbox, places.rows, places.spill)
    judged = Judge(rules, ground).judge(before, brought)

    watch(night, Step.COMMIT)
    known = await known_breaks(connection, judged.night.findings)
    changes = changes_of(judged.night, before.standing, known, judged.progress)
    number = before.run.number + 1 if before.run is not None and before.run.night == night else 1
    committing = Committing(
        uuid7(), before.seq + 1, number, started_at, before, judged, tuple(taken), brought.lines.last
    )
    run = await commit(connection, finance, committing, changes)

    watch(night, Step.CLEAR)
    inbox.settle(run.seq)
    ran = Ran(run, is_new=True, waiting=_names(inbox))
    return await _with_what_follows(connection, finance, ran, given, around)


async def _with_what_follows(
    connection: Connection,
    finance: Finance,
    ran: Ran,
    given: tuple[Places, NightRules],
    around: Around,
) -> Ran:
    """Mirror the lines of a run that stands, and leave its reports; what fails undoes nothing and is said."""
    (places, rules), night = given, ran.run.night
    around.watch(night, Step.MIRROR)
    unmirrored = await mirror_windows(connection, finance, rules.layouts, night)

    around.watch(night, Step.REPORT)
    left, complaint = await _reports(connection, ran.run, places, around.report)
    around.watch(night, Step.DONE)
    return replace(ran, left=left, complaint=complaint, unmirrored=unmirrored)


@asynccontextmanager
async def _locked(finance: Finance) -> AsyncIterator[Connection]:
    connection = await finance.connect()
    try:
        if not await connection.fetchval(LOCK):
            raise NightError("another run is going on; nothing was changed")
        yield connection
    finally:
        # With the connection goes the lock.
        await connection.close()


async def _nights(connection: Connection, wanted: date) -> Sequence[date]:
    """Every night from the one after the newest run up to the wanted one, or the newest itself again."""
    newest = await latest_run(connection)
    if newest is not None:
        first = newest.night if wanted <= newest.night else newest.night + _ONE_DAY
    else:
        window = await connection.fetchval(_FIRST_WINDOW)
        first = wanted if window is None else min(window, wanted)
    return [first + timedelta(days=step) for step in range(max(1, (wanted - first).days + 1))]


def _check_rows(before: Before, places: Places) -> None:
    """The rows that a run begins with must be those that the last one left."""
    if before.run is None:
        return
    folder = places.rows / f"{before.run.seq:06d}"
    if not folder.is_dir() or digest_of(folder) != before.run.rows_digest:
        raise NightError(f"the rows of run {before.run.seq} in {folder.name} are not what was committed")


async def _brought(
    connection: Connection, finance: Finance, night: date, before: Before, taken: Sequence[Taken]
) -> Brought:
    lines = read_new_lines(finance.url("audit"), before.last_line, night)
    return Brought(night, lines, tuple(taken), await _instructed(connection, before))


async def _instructed(connection: Connection, before: Before) -> pl.DataFrame:
    """Debits that banks must book for our own instructions, of those that no run has taken."""
    rows = complete(await expected_debits(connection))
    return rows.filter(~pl.col("origin").is_in(list(before.carried.instructions)))


async def _reports(
    connection: Connection, run: RunRecord, places: Places, report: Reporter | None
) -> tuple[tuple[Path, ...], str]:
    """Leave the reports of a run by the rules of its day. One that fails undoes nothing; it is said."""
    if report is None:
        return (), ""
    try:
        return tuple(await report(connection, run, NightRules.read(places.rules / run.identity["rules"]))), ""
    except (ReportError, OSError) as problem:
        return (), str(problem)


def _names(inbox: Inbox) -> tuple[str, ...]:
    return tuple(one.path.name for one in inbox.waiting())
