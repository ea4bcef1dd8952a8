"""A month: the nights in order over a folder, the seal, then the key and the comparison."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from reconciliation.breaks.codes import read_rules
from reconciliation.calendar import read_calendar
from reconciliation.digests import sha256_of, sha256_of_lines
from reconciliation.engine.invariants import MonthChecks
from reconciliation.engine.night import Night, RunConfiguration, RunProgress, run_night
from reconciliation.engine.payouts import Payouts
from reconciliation.engine.row_store import RowStore
from reconciliation.engine.seal import RunIdentity, seal
from reconciliation.intake.file_register import FileRegister
from reconciliation.intake.file_schedule import FileSchedule
from reconciliation.intake.participants import only_participants, with_banks
from reconciliation.matching.engines import DuckDbEngine, Engine, PolarsEngine
from reconciliation.month.comparison import MonthComparison, compare
from reconciliation.month.evidence import write_evidence
from reconciliation.month.month_folder import Month, month_of
from reconciliation.month.sealed_key import open_key
from reconciliation.nightly.night_configuration import NIGHT, read_night_settings
from reconciliation.reports.month_files import MonthReports
from reconciliation.statement.isolated_reader import IsolatedReader
from reconciliation.statement.layout import read_layouts

# Called after each night with its number and how many there are.
Watcher = Callable[[int, int, Night], None]


def setting_of(config: Path, month: Month) -> RunConfiguration:
    """The configuration of the run; files are expected of institutions in the month's books or files."""
    layouts = read_layouts(config / "statements")
    calendar = only_participants(
        with_banks(month.named_institutions(), layouts), read_calendar(config / "calendar.toml")
    )
    schedule = FileSchedule(calendar, month.nights[0], month.nights[-1])
    return RunConfiguration(layouts, read_rules(config / "breaks.toml"), calendar, schedule)


def empty_progress(setting: RunConfiguration, folder: Path) -> RunProgress:
    """The state before the first night."""
    return RunProgress(RowStore(folder), FileRegister(), Payouts(setting.layouts, setting.schedule))


def identity_of(month: Month, config: Path, calendar_version: str) -> RunIdentity:
    """SHA-256 over the inputs: ledger days, files with their nights, rules and calendar."""
    rules = [config / "breaks.toml", *sorted((config / "statements").glob("*.toml"))]
    files = [
        f"{night.isoformat()} {path.name} {sha256_of(path.read_bytes())}"
        for night in month.nights
        for path in sorted(month.files(night).iterdir())
    ]
    ledger = [f"{night} {sha256_of(month.ledger(night).read_bytes())}" for night in month.nights]
    return RunIdentity(
        ledger_sha256=sha256_of_lines(ledger),
        files_sha256=sha256_of_lines(files),
        rules_sha256=sha256_of_lines(f"{path.name} {sha256_of(path.read_bytes())}" for path in rules),
        calendar_version=calendar_version,
    )


def run_all_nights(
    month: Month, setting: RunConfiguration, progress: RunProgress, engine: Engine, watch: Watcher
) -> None:
    """Every night in its order."""
    for number, night in enumerate(month.nights, start=1):
        done = run_night(month.inputs(night), setting, progress, engine)
        watch(number, len(month.nights), done)


def run_month(
    folder: Path, config: Path, state: Path, watch: Watcher, reports: Path | None = None
) -> MonthComparison:
    """Run all nights, check, seal, write reports if `reports` is given; only then open the key and compare.

    Raises:
        MonthError: the folder is no month, or its key is not sealed.
        ReportError: a report could not be made.
    """
    month, spill = month_of(folder), state / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    limits = read_night_settings(config / NIGHT).reading
    duckdb = DuckDbEngine(spill)
    with closing(duckdb), IsolatedReader(limits, spill) as reader:
        setting = replace(setting_of(config, month), reader=reader)
        progress = empty_progress(setting, state / "rows")
        checks = MonthChecks(month, setting, progress, (duckdb, PolarsEngine()))
        leaving = None if reports is None else MonthReports(reports, checks)

        def check_and_watch(number: int, count: int, night: Night) -> None:
            checks.after(night)
            if leaving is not None:
                leaving.after(night)
            watch(number, count, night)

        run_all_nights(month, setting, progress, duckdb, check_and_watch)
        checks.at_the_end()
    identity = identity_of(month, config, setting.calendar.version)
    nights_by_finding = {key: night for key, (night, _) in progress.findings.items()}
    sealed = seal(nights_by_finding, identity, state)
    write_evidence(progress, setting, checks, month.nights[-1], state)
    if leaving is not None:
        leaving.at_the_end(identity, sealed)
    # Only now: nothing above may know what was seeded.
    key = open_key(folder / "key", sealed)
    report = compare(nights_by_finding, key, sealed)
    return replace(report, rows=progress.rows, invariants=checks.outcome())
