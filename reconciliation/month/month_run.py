"""A month: the nights in order over a folder, the seal, then the key and the comparison."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reconciliation.breaks.codes import read_rules
from reconciliation.calendar import read_calendar
from reconciliation.digests import sha256_of, sha256_of_lines
from reconciliation.engine.invariants import Checks
from reconciliation.engine.night import Night, Progress, Setting, run_night
from reconciliation.engine.payouts import Payouts
from reconciliation.engine.row_store import Store
from reconciliation.engine.seal import Identity, seal
from reconciliation.intake.file_register import Register
from reconciliation.intake.file_schedule import Schedule
from reconciliation.intake.participants import only, with_banks
from reconciliation.matching.engines import DuckDbEngine, Engine, PolarsEngine
from reconciliation.month.comparison import Report, compare
from reconciliation.month.evidence import write_evidence
from reconciliation.month.month_folder import Month, month_of
from reconciliation.month.sealed_key import open_key
from reconciliation.reports.month_files import Reports
from reconciliation.statement.layout import read_layouts

# Called after each night with its number and how many there are.
Watcher = Callable[[int, int, Night], None]


def setting_of(config: Path, month: Month) -> Setting:
    """What the run goes by; files are expected of those whom the books or files of the month name."""
    layouts = read_layouts(config / "statements")
    calendar = only(with_banks(month.named(), layouts), read_calendar(config / "calendar.toml"))
    schedule = Schedule(calendar, month.nights[0], month.nights[-1])
    return Setting(layouts, read_rules(config / "breaks.toml"), calendar, schedule)


def fresh(setting: Setting, folder: Path) -> Progress:
    """The state before the first night."""
    return Progress(Store(folder), Register(), Payouts(setting.layouts, setting.schedule))


def identity_of(month: Month, config: Path, calendar_version: str) -> Identity:
    """SHA-256 over what went in: ledger days, files with their nights, rules and calendar."""
    rules = [config / "breaks.toml", *sorted((config / "statements").glob("*.toml"))]
    files = [
        f"{night.isoformat()} {path.name} {sha256_of(path.read_bytes())}"
        for night in month.nights
        for path in sorted(month.files(night).iterdir())
    ]
    ledger = [f"{night} {sha256_of(month.ledger(night).read_bytes())}" for night in month.nights]
    return Identity(
        ledger_sha256=sha256_of_lines(ledger),
        files_sha256=sha256_of_lines(files),
        rules_sha256=sha256_of_lines(f"{path.name} {sha256_of(path.read_bytes())}" for path in rules),
        calendar_version=calendar_version,
    )


def run_nights(month: Month, setting: Setting, progress: Progress, engine: Engine, watch: Watcher) -> None:
    """Every night in its order."""
    for number, night in enumerate(month.nights, start=1):
        done = run_night(month.inputs(night), setting, progress, engine)
        watch(number, len(month.nights), done)


def run_month(folder: Path, config: Path, state: Path, watch: Watcher, reports: Path | None = None) -> Report:
    """Find, prove, seal, leave reports where they are wanted; only then open the key and compare.

    Raises:
        MonthError: the folder is no month, or its key is not sealed.
        ReportError: a report could not be made.
    """
    month = month_of(folder)
    setting = setting_of(config, month)
    progress = fresh(setting, state / "rows")
    (state / "spill").mkdir(parents=True, exist_ok=True)
    duckdb = DuckDbEngine(state / "spill")
    checks = Checks(month, setting, progress, (duckdb, PolarsEngine()))
    leaving = None if reports is None else Reports(reports, checks)

    def check_and_watch(number: int, count: int, night: Night) -> None:
        checks.after(night)
        if leaving is not None:
            leaving.after(night)
        watch(number, count, night)

    try:
        run_nights(month, setting, progress, duckdb, check_and_watch)
        checks.at_the_end()
    finally:
        duckdb.close()
    identity = identity_of(month, config, setting.calendar.version)
    nights_by_finding = {key: night for key, (night, _) in progress.found.items()}
    sealed = seal(nights_by_finding, identity, state)
    write_evidence(progress, setting, checks, month.nights[-1], state)
    if leaving is not None:
        leaving.at_the_end(identity, sealed)
    # Only now: nothing above may know what was seeded.
    key = open_key(folder / "key", sealed)
    report = compare(nights_by_finding, key, sealed)
    return replace(report, rows=progress.rows, invariants=checks.outcome())
