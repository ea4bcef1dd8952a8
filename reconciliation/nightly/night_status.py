"""The status of a night: files against their deadline, match rates, breaks, exposure, and what is red."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ekpay_switch.ports.finance import Finance
from reconciliation.engine.invariants import Invariant
from reconciliation.intake.file_names import LogicalKey, expected_name
from reconciliation.intake.file_register import Arrival, FileState
from reconciliation.nightly.inbox import Inbox, WaitingFile
from reconciliation.nightly.night_configuration import NightRules
from reconciliation.nightly.night_start import deadline
from reconciliation.nightly.run_totals import UNWATCHED
from reconciliation.results.break_results import read_breaks
from reconciliation.results.file_results import kept_files
from reconciliation.results.night_folders import NightFolders
from reconciliation.results.records import BreakFilter, BreakRecord, BreakState, RunRecord
from reconciliation.results.run_state import register_of
from reconciliation.results.runs import latest_run
from reconciliation.results.table_values import Connection

_SINCE = """
SELECT p.institution, p.since FROM reconciliation.participants p
JOIN reconciliation.runs r ON r.id = p.run_id WHERE r.seq <= $1 ORDER BY p.institution
"""
OVER = (BreakState.CLOSED, BreakState.RESOLVED)


@dataclass(frozen=True, slots=True)
class FileCounts:
    """The files of one institution in a night: expected, in time, late, missing, and refused."""

    institution: str
    expected: int
    in_time: int
    late: int
    missing: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows of one institution a night decided and matched, both sides together."""

    institution: str
    matched: int
    decided: int

    @property
    def rate(self) -> str:
        """Matched of all that was decided, rounded down to a tenth of a per cent; empty where nothing was."""
        if not self.decided:
            return ""
        tenths = self.matched * 1000 // self.decided
        return f"{tenths // 10}.{tenths % 10} %"


@dataclass(frozen=True, slots=True)
class CodeCounts:
    """Breaks of one code: found in this night, open after it, and what is at risk in paisa."""

    code: str
    found_count: int
    open: int
    exposure: int


@dataclass(frozen=True, slots=True)
class NightStatus:
    """A night by its newest run; `red` names in words what somebody has to look at."""

    run: RunRecord
    invariants: Mapping[str, str]
    deadline: datetime
    files: tuple[FileCounts, ...]
    rows: tuple[RowCounts, ...]
    codes: tuple[CodeCounts, ...]
    unwatched: Mapping[str, int]
    waiting: tuple[str, ...]
    strangers: tuple[str, ...]
    red: tuple[str, ...]


async def status_of(finance: Finance, night: date | None) -> NightStatus | None:
    """The status of a night, by default the newest; None where it has no run."""
    rules, folders = NightRules.read(finance.config), NightFolders.of(finance.home_folder)
    connection = await finance.connect("audit")
    try:
        run = await latest_run(connection, night)
        if run is None:
            return None
        files = await _files(connection, run, rules)
        breaks = await read_breaks(
            connection, BreakFilter(), run.night, rules.calendar, events_up_to=run.night
        )
    finally:
        await connection.close()
    return _status(run, rules, Inbox(folders).waiting_files(), files, breaks)


def _status(
    run: RunRecord,
    rules: NightRules,
    laid: Sequence[WaitingFile],
    files: tuple[FileCounts, ...],
    breaks: Sequence[BreakRecord],
) -> NightStatus:
    prefix = f"{UNWATCHED}."
    unwatched = {
        name.removeprefix(prefix): count for name, count in run.figures.items() if name.startswith(prefix)
    }
    strangers = tuple(file.path.name for file in laid if file.day is None)
    return NightStatus(
        run,
        {file.value: run.invariants[file.value] for file in Invariant if file.value in run.invariants},
        deadline(run.night, rules.settings.cut_off_minutes),
        files,
        _rows(run),
        _codes(run.night, breaks),
        unwatched,
        tuple(file.path.name for file in laid if file.day is not None),
        strangers,
        tuple(_red(run, files, unwatched, strangers)),
    )


def _red(
    run: RunRecord, files: Sequence[FileCounts], unwatched: Mapping[str, int], strangers: Sequence[str]
) -> list[str]:
    words = [
        f"{name} does not hold: {outcome}" for name, outcome in run.invariants.items() if outcome != "hold"
    ]
    missing = [name for line in files for name in line.missing]
    if missing:
        words.append(
            f"a file is missing: {missing[0]}"
            if len(missing) == 1
            else f"{len(missing)} files are missing, the first is {missing[0]}"
        )
    refused = [words_of_file for line in files for words_of_file in line.refused]
    if refused:
        words.append(
            f"a file is refused: {refused[0]}"
            if len(refused) == 1
            else f"{len(refused)} files are refused, the first is {refused[0]}"
        )
    words += [
        f"nobody watches {name}, {count} lines of our books name it" for name, count in unwatched.items()
    ]
    if strangers:
        words.append(f"{len(strangers)} files in the inbox have names that say nothing: {strangers[0]}")
    return words


async def _files(connection: Connection, run: RunRecord, rules: NightRules) -> tuple[FileCounts, ...]:
    since = {row["institution"]: row["since"] for row in await connection.fetch(_SINCE, run.seq)}
    since = {
        name: day
        for name, day in since.items()
        if name in rules.layouts and name in rules.calendar.institutions
    }
    schedule = rules.setting(run.night, since).schedule
    register = register_of(kept_file.file for kept_file in await kept_files(connection, run.seq))
    first: dict[LogicalKey, Arrival] = {}
    for arrival in register.arrivals:
        if arrival.fulfils:
            first.setdefault(arrival.name.key, arrival)
    tonight = {key for key, arrival in first.items() if arrival.night == run.night}
    lines = []
    for name in sorted({*since, *(key.institution for key in tonight)}):
        mine = {key for key in tonight if key.institution == name}
        due = schedule.arrivals
        late = {key for key in mine if due.get(key, run.night) < run.night}
        missing = [
            expected_name(key, rules.layouts[name])
            for key in sorted(schedule.due_by(run.night))
            if key.institution == name and key not in first
        ]
        without_effect = [
            f"{file.name.text}: {file.refusal}"
            for file in register.arrivals
            if file.night == run.night
            and file.name.key.institution == name
            and file.state is FileState.REFUSED
        ]
        expected = sum(key.institution == name and night == run.night for key, night in due.items())
        lines.append(
            FileCounts(
                name, expected, len(mine) - len(late), len(late), tuple(missing), tuple(without_effect)
            )
        )
    return tuple(lines)


def _rows(run: RunRecord) -> tuple[RowCounts, ...]:
    prefix = "decided."
    names = [name.removeprefix(prefix) for name in run.figures if name.startswith(prefix)]
    return tuple(
        RowCounts(name, run.figures.get(f"matched.{name}", 0), run.figures[f"{prefix}{name}"])
        for name in sorted(names)
    )


def _codes(night: date, breaks: Sequence[BreakRecord]) -> tuple[CodeCounts, ...]:
    lines = []
    for code in sorted({record.code for record in breaks}):
        mine = [record for record in breaks if record.code == code]
        open_breaks = [record for record in mine if record.state not in OVER]
        found_count = sum(record.first_seen == night for record in mine)
        if open_breaks or found_count:
            lines.append(
                CodeCounts(
                    code, found_count, len(open_breaks), sum(record.exposure for record in open_breaks)
                )
            )
    return tuple(lines)
