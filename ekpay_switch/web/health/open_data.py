"""The same as CSV for programs: one line for each institution, in English and ASCII digits."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime

from ekpay_switch.domain.spreadsheet_cells import without_formula
from ekpay_switch.web.health.lines import HealthLine

COLUMNS = (
    "institution", "name", "kind", "grade", "tries", "approved", "business_declines", "technical_failures",
    "unknown", "p50_seconds", "p95_seconds", "oldest_unknown_at", "stopped_until", "as_of",
)  # fmt: skip


def csv_of(lines: Iterable[HealthLine]) -> str:
    """All lines; what is not known is empty, instants are RFC 3339 in UTC."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow(_cells(line))
    return sheet.getvalue()


def _cells(line: HealthLine) -> list[object]:
    record = line.record
    head: list[object] = [line.id, without_formula(line.name_en), line.group, line.grade.value]
    if record is None:
        return [*head, *[""] * 8, _instant(line.until), ""]
    return [
        *head, record.tries, record.approved, record.declined, record.failed, record.unknown,
        _seconds(record.p50_seconds), _seconds(record.p95_seconds), _instant(record.oldest_unknown),
        _instant(line.until), _instant(record.at),
    ]  # fmt: skip


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _instant(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="seconds")
