"""Reports of small months: night by night, as a whole run would make them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from zipfile import ZipFile

from lxml import etree

from reconciliation.engine.invariants import Invariant, MonthChecks
from reconciliation.engine.night import run_night
from reconciliation.engine.seal import RunIdentity, Seal
from reconciliation.matching.engines import PolarsEngine
from reconciliation.month.month_run import empty_progress
from reconciliation.reports.report_model import BreakLine, Report
from reconciliation.reports.run_collector import Collector
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.small_month import SmallMonth

SUN, MON, TUE, WED = (date(2026, 4, day) for day in (5, 6, 7, 8))
ROWS = [
    Movement(f"{number:012d}", at("2026-04-05 10:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 9)
]
IDENTITY = RunIdentity("1" * 64, "2" * 64, "3" * 64, "a version")
_SHEET = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


@dataclass
class Reported:
    """A report for each night, and one of them all."""

    nights: list[Report] = field(default_factory=list)
    checks: MonthChecks | None = None
    month: Report | None = None

    @property
    def whole(self) -> Report:
        assert self.month is not None
        return self.month


def reported(month: SmallMonth, broken: Mapping[Invariant, str] = MappingProxyType({})) -> Reported:
    """Write a month out, reconcile it and report; `broken` is what is found not to hold."""
    folder, setting = month.write(), month.setting
    progress, engine = empty_progress(setting, month.folder / "rows"), PolarsEngine()
    checks = MonthChecks(folder, setting, progress, (engine, engine), dict(broken))
    collector = Collector(checks)
    done = Reported(checks=checks)
    for night in month.nights:
        one = run_night(folder.inputs(night), setting, progress, engine)
        checks.after(one)
        done.nights.append(collector.night(one))
    checks.at_the_end()
    done.month = collector.month(IDENTITY, Seal("4" * 64, month.folder / "seal.json"))
    return done


def two_breaks(folder: Path) -> SmallMonth:
    """Three days of NPSB: on Sunday a wrong amount and a missing row; the correction of Monday has it all."""
    month = SmallMonth(folder, ["npsb"], days=3).book("npsb", *ROWS)
    month.send("npsb", [ROWS[1].but(gross=5), *ROWS[2:]], SUN)
    return month.send("npsb", ROWS, SUN, correction=1, night=1)


def states(report: Report) -> list[tuple[str, date, date | None]]:
    """Code, night and end of every break of a report, in order of codes."""
    return sorted((one.explained.code, one.explained.night, one.ended) for one in report.breaks)


def of_code(report: Report, code: str) -> BreakLine:
    (line,) = [one for one in report.breaks if one.explained.code == code]
    return line


def parts(book: Path) -> dict[str, bytes]:
    """Every file inside a workbook."""
    with ZipFile(book) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def cells(sheet: bytes) -> dict[str, tuple[str, str]]:
    """Cell → its type (`n` for a number) and what is written in it, letter by letter."""
    found = {}
    for cell in etree.fromstring(sheet).iterfind(".//s:c", _SHEET):
        told = cell.findtext("s:v", None, _SHEET)
        text = cell.findtext("s:is/s:t", None, _SHEET)
        found[cell.get("r")] = (cell.get("t", "n"), told if text is None else text)
    return found
