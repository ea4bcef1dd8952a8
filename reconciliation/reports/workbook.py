"""The workbook of a night or a month: sheets for finance, with charts that stay live."""

from pathlib import Path
from typing import Any

from reconciliation.reports import audit_tables as proofs
from reconciliation.reports import finance_tables as tables
from reconciliation.reports.report_model import Report
from reconciliation.reports.wording import KINDS, BilingualText
from reconciliation.reports.workbook_cells import TableRange, Workbook, WorkbookSheet

_CHART = {"width": 760, "height": 360}
_COLOURS = {"main": "#1F6F54", "late": "#D9952B", "missing": "#B5362B"}
_AGE_COLOURS = {
    "type": "3_color_scale",
    "min_color": "#FFFFFF",
    "mid_color": "#F9E3B4",
    "max_color": "#E79A90",
    "min_type": "num",
    "mid_type": "num",
    "max_type": "num",
    "min_value": 0,
    "mid_value": 3,
    "max_value": 10,
}


def write_workbook(report: Report, path: Path, scratch: Path) -> None:
    """Write a report to `path`; `scratch` is where sheets lie until the book is closed."""
    title = tables.title(report)
    book = Workbook(path, scratch, report.last, title)
    summary = book.sheet("Summary · সারসংক্ষেপ", title)
    summary.table(tables.facts(report))
    summary.table(tables.institutions(report))
    ranges = {
        "codes": summary.table(tables.codes(report)),
        "ages": summary.table(tables.ages(report)),
        "nights": summary.table(tables.nights(report)),
    }
    if report.outcomes:
        summary.table(tables.outcomes(report))
    summary.worksheet.freeze_panes(1, 1)
    ranges["positions"] = book.sheet("Positions · অবস্থান", title).table(tables.positions(report), alone=True)
    _charts(book, ranges)
    for line in report.institutions:
        _institution(book, report, line.institution)
    _breaks(book.sheet("Breaks · গরমিল", title), report)
    fees = book.sheet("Fees · ফি", title)
    fees.table(tables.fees(report), alone=True)
    totals = book.sheet("Control totals · যোগফল", title)
    totals.table(proofs.files(report.files), alone=True)
    totals.table(proofs.books(report))
    _evidence(book.sheet("Evidence · প্রমাণ", title), report)
    book.close()


def _institution(book: Workbook, report: Report, institution: str) -> None:
    """One institution on one sheet, with all of its tables."""
    kind = next(line.kind for line in report.institutions if line.institution == institution)
    sheet = book.sheet(institution, BilingualText(f"{institution}, {KINDS[kind].en}", KINDS[kind].bn))
    sheet.worksheet.freeze_panes(1, 1)
    sheet.table(tables.fates(report, institution))
    sheet.table(tables.fees(report, institution))
    sheet.table(proofs.files(file for file in report.files if file.institution == institution))
    sheet.table(
        tables.breaks(broken for broken in report.breaks if broken.explained.institution == institution)
    )


def _breaks(sheet: WorkbookSheet, report: Report) -> None:
    place = sheet.table(tables.breaks(report.breaks), alone=True)
    age = place.table.index("Age, business days")
    sheet.worksheet.conditional_format(place.first, age, place.last, age, _AGE_COLOURS)


def _evidence(sheet: WorkbookSheet, report: Report) -> None:
    sheet.table(proofs.checks(report))
    sheet.table(proofs.evidence(report))
    sheet.table(proofs.digests(report))
    sheet.worksheet.freeze_panes(1, 1)


# ---- charts


def _charts(book: Workbook, ranges: dict[str, TableRange]) -> None:
    sheet = book.sheet("Charts · লেখচিত্র", BilingualText("Charts", "লেখচিত্র"))
    sheet.worksheet.fit_to_pages(1, 1)
    charts = (
        ("A3", _waterfall(book, ranges["codes"])),
        ("M3", _ageing(book, ranges["ages"])),
        ("A23", _match_rate(book, ranges["nights"])),
        ("M23", _arrivals(book, ranges["nights"])),
        ("A43", _positions(book, ranges["positions"])),
    )
    for cell, chart in charts:
        sheet.worksheet.insert_chart(cell, chart)


def _waterfall(book: Workbook, place: TableRange) -> Any:  # noqa: ANN401 - a chart of XlsxWriter
    """Each code's open exposure stands on those before it."""
    title = BilingualText("Open exposure by code, taka", "কোড অনুযায়ী অনিষ্পন্ন ঝুঁকি, টাকা")
    chart = _chart(book, title, stacked=True)
    base = {"fill": {"none": True}, "border": {"none": True}}
    chart.add_series({**_series(place, "Code", "Exposure before"), **base})
    chart.add_series({**_series(place, "Code", "Exposure, taka"), "fill": {"color": _COLOURS["main"]}})
    chart.set_legend({"none": True})
    return chart


def _ageing(book: Workbook, place: TableRange) -> Any:  # noqa: ANN401 - the same
    chart = _chart(book, BilingualText("Open breaks by business days", "কর্মদিবস অনুযায়ী অনিষ্পন্ন গরমিল"))
    chart.add_series({**_series(place, "Business days", "Open"), "fill": {"color": _COLOURS["main"]}})
    chart.set_legend({"none": True})
    return chart


def _positions(book: Workbook, place: TableRange) -> Any:  # noqa: ANN401 - the same
    """What each institution owes for its files, and how much of it is not agreed."""
    chart = _chart(book, BilingualText("Net positions, taka", "নিট অবস্থান, টাকা"))
    for heading, colour in (("Settled, taka", "main"), ("Suspense, taka", "late")):
        series = _series(place, "Institution", heading)
        chart.add_series({**series, "name": heading, "fill": {"color": _COLOURS[colour]}})
    chart.set_legend({"position": "bottom"})
    return chart


def _match_rate(book: Workbook, place: TableRange) -> Any:  # noqa: ANN401 - the same
    chart = _chart(book, BilingualText("Match rate night by night", "রাত অনুযায়ী মিলের হার"), kind="line")
    # A line of one night is a point.
    point = {"type": "circle", "fill": {"color": _COLOURS["main"]}, "border": {"color": _COLOURS["main"]}}
    series = _series(place, "Night", "Match rate")
    chart.add_series({**series, "line": {"color": _COLOURS["main"]}, "marker": point})
    chart.set_x_axis({"date_axis": True, "num_format": "dd mmm"})
    chart.set_y_axis({"num_format": "0.0%", "max": 1})
    chart.set_legend({"none": True})
    return chart


def _arrivals(book: Workbook, place: TableRange) -> Any:  # noqa: ANN401 - the same
    """Files by the night of their arrival; what is missing, by the night in which it was due."""
    chart = _chart(book, BilingualText("Files against their deadline", "সময়সীমার তুলনায় ফাইল"), stacked=True)
    for heading, colour in (("Files on time", "main"), ("Files late", "late"), ("Files missing", "missing")):
        series = _series(place, "Night", heading)
        chart.add_series({**series, "name": heading, "fill": {"color": _COLOURS[colour]}})
    chart.set_x_axis({"date_axis": True, "num_format": "dd mmm"})
    chart.set_legend({"position": "bottom"})
    return chart


def _chart(book: Workbook, title: BilingualText, *, kind: str = "column", stacked: bool = False) -> Any:  # noqa: ANN401
    options = {"type": kind, "subtype": "stacked"} if stacked else {"type": kind}
    chart = book.workbook.add_chart(options)
    chart.set_title({"name": title.bilingual, "name_font": {"size": 12}})
    chart.set_size(_CHART)
    return chart


def _series(place: TableRange, categories: str, values: str) -> dict[str, Any]:
    """A series with its values beside it: the cells are no longer in memory when the chart is written."""
    return {
        "categories": place.cells(categories),
        "categories_data": place.values(categories),
        "values": place.cells(values),
        "values_data": place.values(values),
        "gap": 60,
    }
