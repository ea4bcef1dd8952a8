"""A report as PDF: the page content as plain data, typeset by a child process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

from ekpay_switch.domain.money import group_digits, grouped_taka
from ekpay_switch.web.receipts.typesetter import ENVIRONMENT
from reconciliation.errors import ReportError
from reconciliation.reports import audit_tables as proofs
from reconciliation.reports import finance_tables as tables
from reconciliation.reports.bilingual_table import Amount, BilingualTable, Cell, Share
from reconciliation.reports.report_model import Report
from reconciliation.reports.wording import CHECK_RESULTS, EVIDENCE, INVARIANTS, BilingualText

PROGRAM = "reconciliation.reports.typeset"
SECONDS_MAX = 30.0
# What is listed one by one; the workbook has them all.
BREAKS_LISTED_MAX = 40
_CELL_MAX, _LISTED_MAX, _WORDS_MAX = 44, 34, 300
_PDF = b"%PDF-"
_LATE = BilingualText("Files late, corrected or missing", "দেরিতে আসা, সংশোধিত বা না আসা ফাইল")
_NOT_MATCHED = BilingualText("Not matched", "মেলেনি")
# A bar beside the column that it draws; headed like it, a page would have two columns of one name.
_COMPARED = BilingualText("Against the largest", "সবচেয়ে বড়টির তুলনায়")
_LISTED = ("Code", "Institution", "Reference", "Age, business days", "Deadline", "Exposure, taka")
_CODES = ("Code", "Found", "Ended", "Open", "Overdue", "Exposure, taka")
_AGES = ("Business days", "Open", "Exposure, taka")
_NIGHTS = (
    "Night",
    "Files on time",
    "Files late",
    "Files missing",
    "Match rate",
    "Open breaks",
    "Exposure, taka",
)
_FEES = (
    "Institution",
    "Gross matched, taka",
    "Fee and VAT by schedule, taka",
    "Fee and VAT kept, taka",
    "Rounding, taka",
    "Open fee breaks",
)
_OUTCOMES = ("Institution", "Code", "Rows", "Net, taka")
_FILES = ("File", "State", "Due", "Came", "Late, business days")
_POSITIONS = (
    "Institution",
    "Settled, taka",
    "Gross agreed, taka",
    "Fees, taka",
    "Rounding, taka",
    "Suspense, taka",
)
_INSTITUTIONS = ("Institution", "Ours matched", "Ours matched, taka", "Theirs matched, taka", "Match rate")


def pdf(report: Report, command: Sequence[str] = (sys.executable, "-m", PROGRAM)) -> bytes:
    """The PDF of a report.

    Raises:
        ReportError: it could not be set, or not in time.
    """
    return set_as_pdf(page_content(report), command)


def set_as_pdf(page: Mapping[str, Any], command: Sequence[str]) -> bytes:
    """What a typesetting program makes of the content of a page.

    Raises:
        ReportError: it could not be set, or not in time.
    """
    content = json.dumps(page, ensure_ascii=False).encode()
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, input=content, capture_output=True, env=_environment(), timeout=SECONDS_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ReportError(f"the PDF could not be set: {type(problem).__name__}") from problem
    if done.returncode != 0 or not done.stdout.startswith(_PDF):
        why = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise ReportError(f"the PDF could not be set: {why}")
    return done.stdout


def _environment() -> dict[str, str]:
    """That of a child that typesets, and where our modules are if Python was told so."""
    found = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return ENVIRONMENT | found


def page_content(report: Report) -> dict[str, Any]:
    """The whole content of the page, as text except the lengths of bars."""
    from reconciliation.reports.charts import pictures  # noqa: PLC0415 - heavy, and needed by a page alone

    return {
        "title": _words(tables.title(report)),
        "dated": int(datetime.combine(report.last, time(), tzinfo=UTC).timestamp()),
        "facts": [{"en": en, "bn": bn, "value": _text(value)} for en, bn, value in tables.facts(report).rows],
        "checks": [
            {
                "name": _words(INVARIANTS[item.name]),
                "held": item.result,
                "outcome": _words(CHECK_RESULTS[item.result]),
                "words": _short(item.words),
            }
            for item in report.checks
        ],
        "ages": _part(tables.ages(report), _AGES, bar="Open"),
        "pictures": [
            {"title": _words(item.title), "told": item.description, "svg": item.svg}
            for item in pictures(report)
        ],
        "parts": _parts(report),
        "evidence": [{**_words(EVIDENCE[name]), "value": value} for name, value in report.evidence.items()],
    }


def _parts(report: Report) -> list[dict[str, Any]]:
    late = [
        line for line in report.files if line.arrived_on is None or (line.late and line.state == "loaded")
    ]
    largest = report.open_breaks[:BREAKS_LISTED_MAX]
    listed = _part(tables.breaks(largest), _LISTED)
    listed["rows"] = [[_short(cell, _LISTED_MAX) for cell in row] for row in listed["rows"]]
    listed["under"] = [_words(BilingualText(line.explained.en, line.explained.bn)) for line in largest]
    listed["note"] = _more(len(report.open_breaks) - len(largest))
    return [
        _part(tables.codes(report), _CODES, bar="Exposure, taka"),
        _part(tables.institutions(report), _INSTITUTIONS, bar="Match rate"),
        _part(tables.positions(report), _POSITIONS),
        _part(tables.fees(report), _FEES),
        *([_part(tables.outcomes(report), _OUTCOMES)] if report.outcomes else []),
        _part(tables.nights(report), _NIGHTS, bar="Match rate"),
        {**_part(proofs.files(late), _FILES, bar="Late, business days"), "heading": _words(_LATE)},
        listed,
    ]


def _more(rest: int) -> dict[str, str] | None:
    if not rest:
        return None
    return {
        "en": f"The largest are listed; {group_digits(rest)} more stand in the workbook.",
        "bn": f"সবচেয়ে বড়গুলো দেওয়া হলো; আরও {group_digits(rest)}টি ওয়ার্কবুকে আছে।",
    }


def _part(table: BilingualTable, headings: Iterable[str], *, bar: str | None = None) -> dict[str, Any]:
    """The columns that fit on a page, followed by a bar for the values of column `bar`."""
    places = [table.index(heading) for heading in headings]
    part = {
        "heading": _words(table.words),
        "columns": [
            {**_words(table.columns[place].words), "right": _is_figure(table, place)} for place in places
        ],
        "rows": [[_short(_text(row[place]), _CELL_MAX) for place in places] for row in table.rows],
        "bars": None,
        "under": None,
        "note": None,
    }
    if bar is not None:
        part |= _bars(table, table.index(bar))
    return part


def _bars(table: BilingualTable, place: int) -> dict[str, Any]:
    """Lengths in thousandths of the longest; none where no cell is a number.

    The bar of a rate shows the part that is not matched, since most rates are near 100 %.
    """
    cells = [row[place] for row in table.rows]
    if not any(isinstance(cell, int) for cell in cells):
        return {}
    is_rate = any(isinstance(cell, Share) for cell in cells)
    values = [_lacking(cell) if is_rate else cell if isinstance(cell, int) else 0 for cell in cells]
    longest = max(values, default=0)
    return {
        "bars": [value * 1000 // longest if longest else 0 for value in values],
        "bar": _words(_NOT_MATCHED if is_rate else _COMPARED),
        "alarming": is_rate,
    }


def _lacking(cell: Cell) -> int:
    return 10_000 - cell if isinstance(cell, Share) else 0


def _is_figure(table: BilingualTable, place: int) -> bool:
    return any(isinstance(row[place], int) for row in table.rows)


def _short(text: str, most: int = _WORDS_MAX) -> str:
    """A reference is a far side's text; one without end would leave the page."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(cell: Cell) -> str:
    match cell:
        case Amount():
            return grouped_taka(cell)
        case Share():
            return f"{cell // 100}.{cell % 100:02d}%"
        case int():
            return group_digits(cell)
        case _:
            return "" if cell is None else str(cell)


def _words(words: BilingualText) -> dict[str, str]:
    return {"en": _short(words.en), "bn": _short(words.bn)}
