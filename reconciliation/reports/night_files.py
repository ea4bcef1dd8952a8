"""Writes the reports of one committed run: workbook, PDF, and JSON for programs.

Files are written elsewhere and moved into place, so a reader never sees half of one, and a report that is
made again has the same bytes. Their digests are printed with them, so that a copy can be checked later.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ekpay_switch.ports.finance import Connection
from reconciliation.nightly.night_configuration import NightRules
from reconciliation.reports.night_report import ReportTerms, night_report, read_report_sources
from reconciliation.reports.pdf import pdf
from reconciliation.reports.report_model import Report
from reconciliation.reports.workbook import write_workbook
from reconciliation.results.night_folders import NightFolders
from reconciliation.results.records import RunRecord

FORMS: Final = ("xlsx", "pdf", "json")
_JSON_KEYS: Final = {"explained": "told", "arrived_on": "came", "found_count": "found", "result": "held"}


async def read_report(home: Path, connection: Connection, run: RunRecord, rules: NightRules) -> Report:
    """The report of a run, from the tables and the rows that it left."""
    kinds = {name: layout.kind for name, layout in rules.layouts.items()}
    terms = ReportTerms(rules.calendar, kinds, rules.codes.version)
    standing = await read_report_sources(connection, run, rules.calendar)
    return night_report(standing, NightFolders.of(home).rows, terms)


async def write_night_reports(
    home: Path, connection: Connection, run: RunRecord, rules: NightRules, out: Path
) -> list[Path]:
    """Write workbook, PDF and JSON of a run's night into a folder, which is made if it is not there.

    Raises:
        ReportError: the PDF could not be set; the files written until then are right.
    """
    report = await read_report(home, connection, run, rules)
    return write_report(report, out, FORMS)


def write_report(report: Report, out: Path, forms: tuple[str, ...] = FORMS) -> list[Path]:
    """Write a report in these forms.

    Raises:
        ReportError: the PDF could not be set.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = []
    with TemporaryDirectory(prefix=".being-written-", dir=out) as folder:
        scratch = Path(folder)
        for form in forms:
            made = scratch / f"{report.name}.{form}"
            if form == "xlsx":
                write_workbook(report, made, scratch)
            elif form == "pdf":
                made.write_bytes(pdf(report))
            else:
                made.write_text(as_json(report) + "\n", encoding="utf-8")
            written.append(made.replace(out / made.name))
    return written


def as_json(report: Report) -> str:
    """The report for programs: the names of the model, amounts in whole paisa, dates in Dhaka."""
    content = _with_json_keys(asdict(report)) | {"name": report.name}
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True, default=_plain)


def _with_json_keys(value: Any) -> Any:  # noqa: ANN401 - any part of a report
    """The value with the keys of the published JSON, of which some differ from the names of the model."""
    if isinstance(value, dict):
        return {_JSON_KEYS.get(name, name): _with_json_keys(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_with_json_keys(part) for part in value]
    return value


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
