"""One night: open items, new rows of ours and new files go in; findings and what is open come out.

The core of the month over folders and of the night over the real books: neither folder nor database here.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from reconciliation.breaks.codes import BreakCode, BreakRules
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.calendar import Calendar
from reconciliation.canonical_row import FAMILY, LEDGER, no_rows
from reconciliation.engine.awaited_files import AwaitedFiles, awaited_file_of
from reconciliation.engine.explain_findings import explain_findings, with_changed_lines
from reconciliation.engine.payouts import NEVER, Payouts
from reconciliation.engine.row_store import RowStore, latest_rows, pool_rows
from reconciliation.intake.file_names import LogicalKey
from reconciliation.intake.file_register import FileRegister
from reconciliation.intake.file_schedule import FileSchedule
from reconciliation.intake.receive_files import IncomingFile, Intake, ReceivedFiles
from reconciliation.matching.due_windows import due_states, with_due, with_windows
from reconciliation.matching.engines import Engine
from reconciliation.matching.reference_keys import lookup_keys, stranger_families, with_references
from reconciliation.matching.row_family import InstitutionKind, PoolRow
from reconciliation.matching.row_pool import JudgedPool, judge_pool, with_rounding_broken
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import FileReader, ReaderInHere


@dataclass(frozen=True, slots=True)
class RunConfiguration:
    """The configuration of a run: layouts, rules, calendar, expected files, and who reads files."""

    layouts: Mapping[str, Layout]
    rules: BreakRules
    calendar: Calendar
    schedule: FileSchedule
    reader: FileReader = field(default_factory=ReaderInHere)

    @property
    def kinds(self) -> Mapping[str, InstitutionKind]:
        """The kind of each institution: funds, delivery or statement."""
        return {institution: layout.kind for institution, layout in self.layouts.items()}

    @property
    def billers(self) -> frozenset[str]:
        """The institutions to which we deliver, so that we owe them what they have posted."""
        return frozenset(name for name, kind in self.kinds.items() if kind == "delivery")


@dataclass(slots=True)
class RunProgress:
    """What changes from night to night."""

    store: RowStore
    register: FileRegister
    payouts: Payouts
    findings: dict[FindingKey, tuple[date, BreakFinding]] = field(default_factory=dict)
    rows: int = 0


@dataclass(frozen=True, slots=True)
class NightInputs:
    """The new inputs of a night.

    `ours` are rows of our books, whose due dates are still to be worked out. `expected` are further rows of
    ours that have one (what banks must book). `replaced` are origins of rows of ours that newer ones replace.
    """

    date: date
    ours: pl.DataFrame
    files: tuple[IncomingFile, ...] = ()
    expected: pl.DataFrame = field(default_factory=no_rows)
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Night:
    """The results of a night, for checks, reports and progress.

    `replaced` are rows of earlier nights that no longer count, with their last verdicts.
    """

    inputs: NightInputs
    pool: pl.DataFrame
    judged: JudgedPool
    received: ReceivedFiles
    findings: tuple[BreakFinding, ...]
    replaced: pl.DataFrame

    @property
    def date(self) -> date:
        """Which night it is."""
        return self.inputs.date


def run_night(inputs: NightInputs, setting: RunConfiguration, progress: RunProgress, engine: Engine) -> Night:
    """Read a night's files, judge the families that they touch and rows that are due, store the rows."""
    intake = Intake(setting.layouts, setting.schedule, progress.register, setting.reader)
    received = intake.receive(inputs.files, inputs.date)
    ours = with_windows(inputs.ours, setting.calendar)
    expected, replaced = progress.payouts.update_expected_rows(progress.register)
    already_withdrawn = set(progress.store.withdrawn)
    withdrawn = [
        origin
        for origin in (*received.withdrawn, *replaced, *inputs.replaced)
        if origin not in already_withdrawn
    ]
    settled, still_open = progress.store.of_origins(withdrawn), progress.store.open_of_origins(withdrawn)
    progress.store.withdrawn.extend(withdrawn)
    received.findings = with_changed_lines(received, settled)
    statements = [name for name, kind in setting.kinds.items() if kind == "statement"]
    pool = _pool(received, pl.concat([ours, expected, inputs.expected]), settled, progress, statements)
    pool = pool_with_due(pool, setting, progress.register, progress.payouts)
    judged = judge_pool(pool, engine, setting.kinds)
    rounding = _rounding(judged.rounded, received.loaded, setting, progress.register)
    judged.rows = with_rounding_broken(judged, files_over_rounding_bound(judged, setting, progress.register))
    progress.store.write_run(judged.rows)
    progress.rows += ours.height + sum(frame.height for frame in received.frames)
    waiting = AwaitedFiles(setting.calendar.institutions, _awaited_keys(progress))
    findings = [*received.findings, *judged.findings, *rounding]
    new = _new_findings(findings, inputs.date, judged, progress, waiting)
    return Night(inputs, pool, judged, received, new, latest_rows(settled, still_open))


def _awaited_keys(progress: RunProgress) -> set[LogicalKey]:
    """The files that breaks of earlier nights wait for, and that have not come since."""
    files = (awaited_file_of(finding) for _, finding in progress.findings.values())
    return {key for key in files if key is not None and progress.register.loaded_file_of(key) is None}


def _pool(
    received: ReceivedFiles,
    ours: pl.DataFrame,
    replaced: pl.DataFrame,
    progress: RunProgress,
    statements: Collection[str],
) -> pl.DataFrame:
    """Open rows, new rows, and settled rows of the families that a new or withdrawn row belongs to."""
    store = progress.store
    carried = store.open_rows()
    theirs = pl.concat(received.frames) if received.frames else no_rows()
    # A correction may replace a file of the same night.
    theirs = theirs.filter(~pl.col("origin").is_in(store.withdrawn))
    lookups = lookup_keys(theirs)
    bookings = theirs.filter(pl.col("institution").is_in(statements))
    earlier = pl.concat([store.known_names(lookups), store.of_families(stranger_families(bookings)), carried])
    known = pl.concat([earlier.filter(pl.col("source") == LEDGER), ours])
    new = pl.concat([ours, with_references(theirs, known)])
    touched = pl.concat([new.select(FAMILY), replaced.select(FAMILY)]).unique()
    return pool_rows(store.of_families(touched), carried, new)


def pool_with_due(
    pool: pl.DataFrame, setting: RunConfiguration, register: FileRegister, payouts: Payouts
) -> pl.DataFrame:
    """The pool with `due`; a bank entry of a batch that still lacks a file waits for it."""
    statements = [name for name, layout in setting.layouts.items() if layout.kind == "statement"]
    waits = (
        pl.col("institution").is_in(statements)
        & (pl.col("source") != LEDGER)
        & pl.col("reference").is_in(payouts.incomplete_batches(register))
    )
    theirs = pl.when(pl.col("source") == LEDGER).then("due_date").when(waits).then(pl.lit(NEVER))
    states = due_states(setting.calendar, complete_dates(setting.schedule, register))
    return with_due(pool.with_columns(due_date=theirs.otherwise(None)), states)


def complete_dates(schedule: FileSchedule, register: FileRegister) -> Mapping[str, set[date]]:
    """The dates of each institution of which every cycle is loaded."""
    cycles: dict[tuple[str, date], int] = {}
    for arrival in register.loaded_files():
        place = (arrival.name.key.institution, arrival.name.key.day)
        cycles[place] = cycles.get(place, 0) + 1
    complete: dict[str, set[date]] = {}
    for (institution, day), loaded in cycles.items():
        if loaded == schedule.cycles(institution):
            complete.setdefault(institution, set()).add(day)
    return complete


def files_over_rounding_bound(
    judged: JudgedPool, setting: RunConfiguration, register: FileRegister
) -> set[str]:
    """The files with more one-paisa differences than the rounding bound allows."""
    bound = setting.rules.rounding_bound_paisa
    return {row.origin for row in judged.rounded if register.loaded_file_named(row.origin).rounding > bound}


def _rounding(
    rounded: Iterable[PoolRow], loaded: Collection[str], setting: RunConfiguration, register: FileRegister
) -> list[BreakFinding]:
    """The files of this night whose rows are off by more together than chance allows (case 8)."""
    sums: dict[str, int] = {}
    for row in rounded:
        if row.origin in loaded:
            sums[row.origin] = sums.get(row.origin, 0) + 1
    findings = []
    for origin, paisa in sorted(sums.items()):
        arrival = register.loaded_file_named(origin)
        register.set_rounding(arrival, paisa)
        if paisa > setting.rules.rounding_bound_paisa:
            name = arrival.name
            findings.append(
                BreakFinding(
                    FindingKey(BreakCode.ROUNDING, name.key.institution, origin),
                    file=origin,
                    day=name.key.day,
                    difference=paisa,
                )
            )
    return findings


def _new_findings(
    findings: Iterable[BreakFinding],
    night: date,
    judged: JudgedPool,
    progress: RunProgress,
    waiting: AwaitedFiles,
) -> tuple[BreakFinding, ...]:
    """Findings that no earlier night had, explained; each is counted once."""
    new: dict[FindingKey, BreakFinding] = {}
    for finding in findings:
        if finding.key not in progress.findings and finding.key not in new:
            new[finding.key] = finding
    explained_findings = explain_findings(
        tuple(new.values()), judged.rows, progress.register, progress.payouts, waiting
    )
    progress.findings |= {finding.key: (night, finding) for finding in explained_findings}
    return explained_findings
