"""How a workbook looks: on the screen, and printed by whoever keeps paper."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from ekpay_switch.domain.money import grouped_taka
from reconciliation.reports.bilingual_table import Amount, BilingualTable, Cell, Share, columns
from reconciliation.reports.report_model import Report
from reconciliation.reports.wording import BilingualText
from reconciliation.reports.workbook import write_workbook
from reconciliation.reports.workbook_cells import TEXT_WIDTH_MAX, Workbook
from tests.reconciliation.reports.stage import parts, reported, two_breaks

TITLE = BilingualText("R&D of a day", "দিনের হিসাব")
COLUMNS = columns(("Account", "হিসাব", 10), ("Rows", "সারি", 4), ("Net, taka", "নিট, টাকা", 4))
_A4 = "9"


def _sheet(folder: Path, rows: Sequence[tuple[Cell, ...]], *, has_total: bool = False) -> etree._Element:
    book = Workbook(folder / "book.xlsx", folder, date(2026, 4, 5), TITLE)
    table = BilingualTable(TITLE, COLUMNS, tuple(rows), has_total=has_total)
    book.sheet("Sheet", TITLE).table(table, alone=True)
    book.close()
    return etree.fromstring(parts(folder / "book.xlsx")["xl/worksheets/sheet1.xml"])


def _widths(sheet: etree._Element) -> list[float]:
    return [float(column.get("width")) for column in sheet.iterfind(".//{*}col")]


def _looks(folder: Path, sheet: etree._Element, row: int) -> list[etree._Element]:
    looks = etree.fromstring(parts(folder / "book.xlsx")["xl/styles.xml"]).find("{*}cellXfs")
    return [looks[int(cell.get("s"))] for cell in sheet.iterfind(f".//{{*}}row[@r='{row}']/{{*}}c")]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return reported(two_breaks(tmp_path_factory.mktemp("told") / "month")).nights[0]


def test_every_sheet_prints_on_a4_landscape_one_page_wide_with_its_first_rows_repeated(
    report: Report, tmp_path: Path
) -> None:
    write_workbook(report, tmp_path / "night.xlsx", tmp_path)

    book = parts(tmp_path / "night.xlsx")
    sheets = [etree.fromstring(text) for name, text in book.items() if name.startswith("xl/worksheets/sheet")]
    assert len(sheets) > 5
    for sheet in sheets:
        page = sheet.find("{*}pageSetup")
        has_charts = sheet.find("{*}drawing") is not None
        assert (page.get("paperSize"), page.get("orientation")) == (_A4, "landscape")
        assert page.get("fitToHeight") == (None if has_charts else "0"), "charts fit on one page"
        assert sheet.find("{*}sheetPr/{*}pageSetUpPr").get("fitToPage") == "1"
        assert "&P / &N" in sheet.findtext("{*}headerFooter/{*}oddFooter")
    names = etree.fromstring(book["xl/workbook.xml"]).iterfind(".//{*}definedName")
    repeated = [name for name in names if name.get("name") == "_xlnm.Print_Titles"]
    assert len(repeated) == len(sheets)


def test_every_series_of_a_chart_with_a_legend_has_a_name(report: Report, tmp_path: Path) -> None:
    write_workbook(report, tmp_path / "night.xlsx", tmp_path)

    book = parts(tmp_path / "night.xlsx")
    charts = [etree.fromstring(text) for name, text in book.items() if name.startswith("xl/charts/chart")]
    with_legend = [chart for chart in charts if chart.find(".//{*}legend") is not None]
    assert len(with_legend) == 2
    for chart in with_legend:
        series = [order.getparent() for order in chart.iterfind(".//{*}order")]
        assert [one.find("{*}tx") is None for one in series] == [False] * len(series)


def test_headings_stay_in_sight_and_are_repeated_on_paper(tmp_path: Path) -> None:
    sheet = _sheet(tmp_path, [("cash", 1, Amount(100))])

    assert sheet.find(".//{*}pane").get("topLeftCell") == "B3"
    book = etree.fromstring(parts(tmp_path / "book.xlsx")["xl/workbook.xml"])
    names = {name.get("name"): name.text for name in book.iterfind(".//{*}definedName")}
    assert names["_xlnm.Print_Titles"] == "Sheet!$2:$2"


def test_a_title_with_an_ampersand_is_printed_as_it_is(tmp_path: Path) -> None:
    assert "&8R&&D of a day" in _sheet(tmp_path, []).findtext("{*}headerFooter/{*}oddFooter")


def test_a_column_holds_its_widest_number_and_text(tmp_path: Path) -> None:
    short, digest = Amount(-123_456_789_012_345), "c" * 64
    sheet = _sheet(tmp_path, [("cash", 12_345_678, short), (digest, 1, Amount(1))])

    account, count, net = _widths(sheet)
    assert TEXT_WIDTH_MAX < account < TEXT_WIDTH_MAX + 4
    assert count >= len("12,345,678")
    assert net >= len("-1,234,567,890,123.45")


@pytest.mark.parametrize("paisa", [1_00_00_000, 99_99_99_999, -1_00_00_00_000, 12_34_56_78_90_123])
def test_an_amount_makes_its_column_as_wide_as_its_grouped_digits(tmp_path: Path, paisa: int) -> None:
    account, _, net = _widths(_sheet(tmp_path, [(grouped_taka(paisa), 1, Amount(paisa))]))

    assert net == account


def test_capitals_take_more_room_than_small_letters(tmp_path: Path) -> None:
    (small, *_), (large, *_) = (_widths(_sheet(tmp_path, [(text * 30, 1, None)])) for text in "wW")

    assert large > small * 1.2


@pytest.mark.parametrize("text", ["a word " * 30, "W" * 60])
def test_a_text_too_long_for_a_column_goes_on_in_further_lines(tmp_path: Path, text: str) -> None:
    sheet = _sheet(tmp_path, [(text, 1, None), ("short", 1, None)])

    long, short = (_looks(tmp_path, sheet, row)[0].find("{*}alignment") for row in (3, 4))
    assert (long.get("wrapText"), short.get("wrapText")) == ("1", None)


def test_headings_of_numbers_stand_above_their_numbers(tmp_path: Path) -> None:
    sheet = _sheet(tmp_path, [("cash", Share(5), None)])

    sides = [look.find("{*}alignment").get("horizontal") for look in _looks(tmp_path, sheet, 2)]
    assert sides == [None, "right", "right"]
    (text, number) = _looks(tmp_path, sheet, 3)
    assert number.find("{*}alignment").get("indent") == "1"
    assert text.find("{*}alignment").get("horizontal") is None


def test_a_total_is_set_off_and_no_filter_moves_it(tmp_path: Path) -> None:
    rows: list[tuple[Cell, ...]] = [
        ("cash", 1, Amount(1)),
        ("bank", 1, Amount(2)),
        ("Total", None, Amount(3)),
    ]
    sheet = _sheet(tmp_path, rows, has_total=True)

    styles = etree.fromstring(parts(tmp_path / "book.xlsx")["xl/styles.xml"])
    borders = styles.find("{*}borders")
    total = _looks(tmp_path, sheet, 5)
    assert len(total) == 3
    assert all(borders[int(look.get("borderId"))].find("{*}top").get("style") for look in total)
    assert all(styles.find("{*}fonts")[int(look.get("fontId"))].find("{*}b") is not None for look in total)
    assert sheet.find("{*}autoFilter").get("ref") == "A2:C4"
