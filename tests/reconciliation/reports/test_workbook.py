"""The workbook: text stays text, amounts are exact, dates are dates, the same content is the same bytes."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import fastexcel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from reconciliation.reports.bilingual_table import Amount, BilingualTable, Cell, Column, Share, share
from reconciliation.reports.report_model import Report
from reconciliation.reports.wording import BilingualText
from reconciliation.reports.workbook import write_workbook
from reconciliation.reports.workbook_cells import EXACT_BELOW_PAISA, TEXT_MAX, Workbook
from tests.reconciliation.reports.stage import ROWS, SUN, cells, parts, reported, two_breaks

DAY = date(2026, 4, 5)
TITLE = BilingualText("A title", "শিরোনাম")
HOSTILE = (
    "=1+1",
    "+8801700000000",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "=cmd|' /C calc'!A0",
    "{=1+1}",
    "http://192.0.2.1/",
    "00123",
    "1e5",
    "nan",
    "<v>&amp;",
    "'=1",
)


def written(folder: Path, told: Sequence[Cell]) -> dict[str, tuple[str, str]]:
    """The cells of a sheet with one column."""
    path = folder / "book.xlsx"
    book = Workbook(path, folder, DAY, TITLE)
    table = BilingualTable(TITLE, (Column(TITLE),), tuple((cell,) for cell in told))
    book.sheet("Sheet", TITLE).table(table, alone=True)
    book.close()
    return cells(parts(path)["xl/worksheets/sheet1.xml"])


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return reported(two_breaks(tmp_path_factory.mktemp("told") / "month")).nights[0]


@pytest.fixture(scope="module")
def book(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    write_workbook(report, folder / "night.xlsx", folder)
    return folder / "night.xlsx"


def test_text_of_a_far_side_is_never_a_formula_a_link_or_a_number(tmp_path: Path) -> None:
    found = written(tmp_path, HOSTILE)
    assert {kind for kind, _ in found.values()} == {"inlineStr"}
    book = parts(tmp_path / "book.xlsx")
    sheet = book["xl/worksheets/sheet1.xml"]
    assert b"<f" not in sheet
    assert b"hyperlink" not in sheet
    shown = [text.strip() for _, text in list(found.values())[2:]]
    assert shown == [text.replace("\r", "_x000D_").strip() for text in HOSTILE]


def test_what_begins_as_a_formula_stays_text_when_somebody_edits_it(tmp_path: Path) -> None:
    written(tmp_path, HOSTILE)
    book = parts(tmp_path / "book.xlsx")
    looks = etree.fromstring(book["xl/styles.xml"]).find("{*}cellXfs")
    quoted = {str(place) for place, look in enumerate(looks) if look.get("quotePrefix") == "1"}
    styles = [
        cell.get("s") for cell in etree.fromstring(book["xl/worksheets/sheet1.xml"]).iterfind(".//{*}c")
    ][2:]
    assert [style in quoted for style in styles] == [text[0] in "=+-@\t\r" for text in HOSTILE]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paisa=st.lists(st.integers(1 - EXACT_BELOW_PAISA, EXACT_BELOW_PAISA - 1), min_size=1, max_size=200))
def test_an_amount_is_written_to_the_paisa(tmp_path: Path, paisa: list[int]) -> None:
    found = written(tmp_path, [Amount(one) for one in paisa])
    told = [found[f"A{place + 3}"] for place in range(len(paisa))]
    assert {kind for kind, _ in told} == {"n"}
    assert [float(text) for _, text in told] == [one / 100 for one in paisa], "the nearest double there is"
    assert [round(Decimal(text), 2) * 100 for _, text in told] == paisa, "and as it is shown, every paisa"


@pytest.mark.parametrize("paisa", [EXACT_BELOW_PAISA, -EXACT_BELOW_PAISA - 1, 10**18 + 1])
def test_an_amount_beyond_a_double_is_text_and_not_rounded(tmp_path: Path, paisa: int) -> None:
    kind, text = written(tmp_path, [Amount(paisa)])["A3"]
    assert (kind, Decimal(text.replace(",", ""))) == ("inlineStr", Decimal(paisa) / 100)


def test_the_largest_exact_amounts_are_exact(tmp_path: Path) -> None:
    most = EXACT_BELOW_PAISA - 1
    found = written(tmp_path, [Amount(most), Amount(-most), Amount(29), Amount(123435)])
    assert [found[f"A{row}"][1] for row in (3, 4, 5, 6)] == [
        "8796093022207.99",
        "-8796093022207.99",
        "0.29",
        "1234.35",
    ]
    assert EXACT_BELOW_PAISA == 2**43 * 100


def test_long_text_is_cut_to_what_a_cell_holds(tmp_path: Path) -> None:
    assert len(written(tmp_path, ["x" * 40_000])["A3"][1]) == TEXT_MAX


def test_nothing_is_no_cell(tmp_path: Path) -> None:
    assert set(written(tmp_path, [None, "", 0])) == {"A1", "A2", "A5"}


def test_a_share_is_never_rounded_up() -> None:
    assert (share(99_999, 100_000), share(3, 3), share(0, 0)) == (9_999, 10_000, None)
    assert isinstance(share(1, 2), Share)


# ---- a whole book


def test_the_sheets_of_a_night(book: Path) -> None:
    assert fastexcel.read_excel(book).sheet_names == [
        "Summary · সারসংক্ষেপ",
        "Positions · অবস্থান",
        "Charts · লেখচিত্র",
        "npsb",
        "stmt_janata",
        "Breaks · গরমিল",
        "Fees · ফি",
        "Control totals · যোগফল",
        "Evidence · প্রমাণ",
    ]


def test_breaks_read_back_with_their_amounts_and_dates(book: Path) -> None:
    sheet = fastexcel.read_excel(book).load_sheet("Breaks · গরমিল", header_row=1).to_polars()
    assert sheet["Code\nকোড"].to_list() == ["LEDGER_ONLY", "AMOUNT"]
    assert sheet["Exposure, taka\nঝুঁকির অঙ্ক, টাকা"].to_list() == [1000.01, 999.97]
    assert [one.date() for one in sheet["Found\nপাওয়া গেছে"]] == [SUN, SUN]
    assert sheet["Reference\nরেফারেন্স"].to_list() == [ROWS[0].ours, ROWS[1].ours], "zeros in front stay"


def test_control_totals_read_back(book: Path) -> None:
    sheet = (
        fastexcel.read_excel(book).load_sheet("Control totals · যোগফল", header_row=1, n_rows=4).to_polars()
    )
    assert sheet["Rows stated\nলেখা সারি"].to_list() == [0, 0, 0, 7]
    assert sheet["Settled, taka\nপরিশোধ্য, টাকা"].to_list()[3] == (5 + sum(row.gross for row in ROWS[2:])) / 100
    assert set(sheet["Agrees\nমেলে"]) == {"yes · হ্যাঁ"}


def test_digests_of_files_and_every_invariant_stand_in_the_evidence(book: Path, report: Report) -> None:
    sheet = fastexcel.read_excel(book).load_sheet("Evidence · প্রমাণ", header_row=None).to_polars()
    told = {cell for column in sheet.iter_columns() for cell in column if cell is not None}
    assert {line.sha256 for line in report.files} <= told
    assert set(report.evidence.values()) <= told
    assert sum("order independence" in cell for cell in told) == 1


def test_headings_are_frozen_and_breaks_can_be_filtered(book: Path) -> None:
    names = fastexcel.read_excel(book).sheet_names
    for place, name in enumerate(names, start=1):
        sheet = parts(book)[f"xl/worksheets/sheet{place}.xml"]
        alone = name.startswith(("Positions", "Breaks", "Fees", "Control"))
        assert (b'state="frozen"' in sheet) is not name.startswith("Charts")
        assert (b"<autoFilter" in sheet) is alone
        assert b"<f>" not in sheet


def test_charts_are_native_and_show_values_before_anybody_computes_them(book: Path, report: Report) -> None:
    charts = {name: text for name, text in parts(book).items() if name.startswith("xl/charts/chart")}
    assert len(charts) == 5
    waterfall = charts["xl/charts/chart1.xml"].decode()
    values = re.findall(r"<c:numCache>(.*?)</c:numCache>", waterfall)
    shown = [[Decimal(one) for one in re.findall(r"<c:v>(.*?)</c:v>", cache)] for cache in values]
    steps = [Decimal(line.exposure) / 100 for line in report.codes]
    assert shown == [[Decimal(0), steps[0]], steps]
    assert not any(name.startswith("xl/media") for name in parts(book))


def test_the_same_report_is_the_same_bytes_and_its_date_is_the_business_date(
    book: Path, report: Report, tmp_path: Path
) -> None:
    write_workbook(report, tmp_path / "again.xlsx", tmp_path)
    assert (tmp_path / "again.xlsx").read_bytes() == book.read_bytes()
    assert b"2026-04-05T00:00:00Z</dcterms:created>" in parts(book)["docProps/core.xml"]
    write_workbook(replace(report, breaks=()), tmp_path / "other.xlsx", tmp_path)
    assert (tmp_path / "other.xlsx").read_bytes() != book.read_bytes()


def test_a_night_without_anything_can_be_written(report: Report, tmp_path: Path) -> None:
    empty = replace(report, institutions=(), codes=(), breaks=(), fees=(), files=(), books=())
    write_workbook(empty, tmp_path / "empty.xlsx", tmp_path)
    assert len(fastexcel.read_excel(tmp_path / "empty.xlsx").sheet_names) == 7
