"""Settlement files checked against the frozen lines of their date, before the nightly run.

Nothing is written, and no state of earlier nights is read: neither earlier files nor which file is expected
or was replaced. So a row that repeats an earlier file is no break here, and sequence gaps are not seen.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl

from reconciliation.breaks.codes import BreakCode, BreakRules, read_rules
from reconciliation.breaks.explanation import Break, Explainer
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.calendar import Calendar, read_calendar
from reconciliation.canonical_row import FILE, LEDGER, MATCHED, OPEN, QUIET
from reconciliation.engine.explain_findings import explain_findings
from reconciliation.engine.payouts import Payouts
from reconciliation.errors import MonthError, SourceError
from reconciliation.intake.file_names import FileName, LogicalKey, parse_file_name
from reconciliation.intake.file_register import FileRegister
from reconciliation.intake.file_schedule import FileSchedule
from reconciliation.intake.inbox_delivery import BYTES_MAX, parse_expected_name
from reconciliation.intake.participants import only_participants
from reconciliation.matching.due_windows import span_of
from reconciliation.matching.engine_choice import ByInstitution
from reconciliation.matching.engines import DuckDbEngine, Engine, PolarsEngine, digest
from reconciliation.matching.frozen_lines import DayLines, FrozenLines, newest_line
from reconciliation.matching.institution_day import InstitutionDay, JudgedDay, judge_day
from reconciliation.matching.row_pool import JudgedPool, with_rounding_broken
from reconciliation.mirror.mirrored_lines import MirroredLines, Mirrors
from reconciliation.postgres_arrow import Database
from reconciliation.statement.layout import Layout, read_layout

CODES: Final = "breaks.toml"
CALENDAR: Final = "calendar.toml"
STATEMENTS: Final = "statements"


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Files of one institution and date that are to be checked; `missing` are the cycles without a file."""

    day: InstitutionDay
    calendar: Calendar
    missing: tuple[int, ...]
    rules: BreakRules

    @property
    def institution(self) -> str:
        """Whose files they are."""
        return self.day.layout.institution


def check_requests(config: Path, paths: Sequence[Path]) -> tuple[CheckRequest, ...]:
    """One request for each institution and date, from the names of the files.

    Raises:
        SourceError: a name is not that of a settlement file, or no such file is expected.
        ConfigurationError: a layout, the calendar or the codes are wrong.
    """
    together: dict[tuple[str, date], list[Path]] = {}
    for path in paths:
        key = _key(path)
        together.setdefault((key.institution, key.day), []).append(path)
    # Layouts first: an unknown file is refused before anything else is read.
    layouts = [_layout(config, mine[0]) for mine in together.values()]
    setting = _CheckSetting(read_calendar(config / CALENDAR), read_rules(config / CODES))
    return tuple(
        _check_request(setting, layout, day, mine)
        for layout, ((_, day), mine) in zip(layouts, together.items(), strict=True)
    )


@dataclass(frozen=True, slots=True)
class _CheckSetting:
    """The configuration that all requests share."""

    calendar: Calendar
    rules: BreakRules


def _key(path: Path) -> LogicalKey:
    try:
        return parse_file_name(path.name).key
    except MonthError as problem:
        raise SourceError(f"{problem}: <institution>_<yyyymmdd>_<cycle>[_c<n>].<extension>") from problem


def _layout(config: Path, path: Path) -> Layout:
    institution = _key(path).institution
    place = config / STATEMENTS / f"{institution}.toml"
    if not place.is_file():
        raise SourceError(f"{path.name}: no layout of an institution {institution}")
    layout = read_layout(place)
    if layout.kind == "statement":
        raise SourceError(f"{path.name}: statements of banks are matched with payouts, by a night alone")
    return layout


def _check_request(setting: _CheckSetting, layout: Layout, day: date, paths: Sequence[Path]) -> CheckRequest:
    """The request for the files of one institution and date."""
    institution = layout.institution
    calendar = only_participants({institution}, setting.calendar)
    if institution not in calendar.institutions:
        raise SourceError(f"{institution} has no times in {CALENDAR}")
    schedule = FileSchedule(calendar, day, day, {institution: day})
    files: dict[FileName, Path] = {}
    for path in paths:
        name = parse_expected_name(path.name, {institution: layout})
        _refuse_unfit(name, path, schedule)
        if any(previous.key == name.key for previous in files):
            raise SourceError(f"{name.text}: two files of cycle {name.key.cycle}, give the one that counts")
        files[name] = path
    cycles = range(1, schedule.cycles(institution) + 1)
    missing = tuple(cycle for cycle in cycles if all(name.key.cycle != cycle for name in files))
    ordered = dict(sorted(files.items()))
    return CheckRequest(
        InstitutionDay(layout, day, ordered, is_whole=not missing), calendar, missing, setting.rules
    )


def _refuse_unfit(name: FileName, path: Path, schedule: FileSchedule) -> None:
    if not schedule.takes(name.key):
        raise SourceError(f"{name.text}: no file of this date and cycle is expected")
    if not path.is_file():
        raise SourceError(f"{name.text} is no file")
    if path.stat().st_size > BYTES_MAX:
        raise SourceError(f"{name.text}: more than {BYTES_MAX} bytes")


@dataclass(frozen=True)
class CheckResult:
    """The result of a check, amounts in paisa; `mirrored` counts our lines that were read from mirrors."""

    request: CheckRequest
    judged: JudgedDay
    mirrored: int = 0

    @cached_property
    def findings(self) -> tuple[BreakFinding, ...]:
        """Every break, ordered by code and reference."""
        findings = [*self.judged.judged.findings, *_rounding(self.judged.judged, self.request)]
        return tuple(sorted(findings, key=_place))

    @property
    def agrees(self) -> bool:
        """Whether there is no break."""
        return not self.findings

    @property
    def by_code(self) -> Mapping[str, tuple[int, int, int]]:
        """How many breaks of each code there are, their amounts and their differences, both without sign."""
        totals: dict[str, tuple[int, int, int]] = {}
        # Findings stand in the order of their codes.
        for code, same in groupby(self.findings, key=lambda finding: finding.key.code):
            amounts = [(abs(finding.amount), abs(finding.difference)) for finding in same]
            totals[code.value] = len(amounts), *(sum(column) for column in zip(*amounts, strict=True))
        return totals

    @property
    def digest(self) -> str:
        """SHA-256 over the groups that were not settled at first sight: the same by every engine."""
        return digest(self.judged.judged.groups)

    @cached_property
    def _rows(self) -> pl.DataFrame:
        return with_rounding_broken(self.judged.judged, _off_by_too_much(self.judged.judged, self.request))

    @property
    def matched_counts(self) -> tuple[int, int]:
        """Matched lines of ours of the date, and matched rows of theirs."""
        mine = (pl.col("source") == LEDGER) & self._of_the_date
        theirs = pl.col("source") == FILE
        unmatched = [
            self._rows.filter(side & (pl.col("verdict") != MATCHED)).height for side in (mine, theirs)
        ]
        return self.judged.ours - unmatched[0], sum(self.judged.theirs.values()) - unmatched[1]

    @property
    def waiting_count(self) -> int:
        """Our lines of the date in no file yet; a missing cycle or the next date may have them."""
        return self._count(LEDGER, OPEN)

    @property
    def quiet(self) -> int:
        """Our lines of the date that failed and need not be in any file."""
        return self._count(LEDGER, QUIET)

    @property
    def of_other_dates(self) -> int:
        """Rows of theirs that are matched with lines of other dates."""
        elsewhere = pl.col("reference").is_in(sorted(self.judged.elsewhere))
        theirs = (pl.col("source") == FILE) & (pl.col("verdict") == MATCHED)
        return self._rows.filter(theirs & elsewhere).height

    def explain_first(self, count: int) -> list[Break]:
        """The first breaks with their explanation for people."""
        day = self.request.day.date
        schedule = FileSchedule(self.request.calendar, day, day, {})
        payouts = Payouts({self.request.institution: self.request.day.layout}, schedule)
        explained_findings = explain_findings(self.findings[:count], self._rows, FileRegister(), payouts)
        explainer = Explainer(self.request.rules, self.request.calendar)
        return [explainer.explain(finding, day, day) for finding in explained_findings]

    @property
    def _of_the_date(self) -> pl.Expr:
        return pl.col("due_date") == self.request.day.date

    def _count(self, source: int, verdict: str) -> int:
        condition = (pl.col("source") == source) & (pl.col("verdict") == verdict) & self._of_the_date
        return self._rows.filter(condition).height


def _place(finding: BreakFinding) -> tuple[object, ...]:
    key = finding.key
    return key.code, key.institution, key.reference, finding.file, finding.rows


def check_lines(
    books: Database, request: CheckRequest, engine: Engine | None = None, mirrors: Mirrors | None = None
) -> CheckResult:
    """Judge the files against our frozen lines of their date, through mirrors where there are any.

    Raises:
        SourceError: the lines of the date are not frozen yet.
        UnreadableFileError: a file is refused as a whole.
        adbc_driver_manager.Error: the database cannot be reached, or refuses.
    """
    day, calendar = request.day.date, request.calendar
    last = newest_line(books, day)
    if last is None:
        raise SourceError(f"the window of {day} is not closed yet: no line of that date is frozen")
    frozen = FrozenLines(books, request.institution, span_of(calendar, request.institution, day), last)
    lines = frozen if mirrors is None else MirroredLines(frozen, mirrors)
    judged = _judged(request, lines, engine)
    return CheckResult(request, judged, lines.mirrored if isinstance(lines, MirroredLines) else 0)


def _judged(request: CheckRequest, lines: DayLines, engine: Engine | None) -> JudgedDay:
    if engine is not None:
        return judge_day(request.day, lines, request.calendar, engine)
    with TemporaryDirectory(prefix="ekpay-check-") as spill:
        duckdb = DuckDbEngine(Path(spill))
        try:
            return judge_day(request.day, lines, request.calendar, ByInstitution(PolarsEngine(), duckdb))
        finally:
            duckdb.close()


def _off_by_too_much(judged: JudgedPool, request: CheckRequest) -> set[str]:
    """The files with more one-paisa differences than the rounding bound allows."""
    if not judged.rounded:
        return set()
    bound = request.rules.rounding_bound_paisa
    return {
        origin for origin, paisa in Counter(row.origin for row in judged.rounded).items() if paisa > bound
    }


def _rounding(judged: JudgedPool, request: CheckRequest) -> list[BreakFinding]:
    off = _off_by_too_much(judged, request)
    return [
        BreakFinding(
            FindingKey(BreakCode.ROUNDING, request.institution, name.text),
            file=name.text,
            day=name.key.day,
            difference=sum(row.origin == name.text for row in judged.rounded),
        )
        for name in request.day.files
        if name.text in off
    ]
