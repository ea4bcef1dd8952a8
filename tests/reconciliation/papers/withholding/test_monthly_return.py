"""The return of withheld tax: by section and rate, equal to the account to the paisa."""

import csv
from dataclasses import replace
from datetime import date
from pathlib import Path

import fastexcel
import pytest

from ekpay_switch.edge_kit.bilingual_text import in_bangla
from reconciliation.errors import ReportError
from reconciliation.papers.tax.issuer import read_invoice_settings
from reconciliation.papers.withholding.monthly_return import (
    SectionLine,
    WithholdingReturn,
    income_year_begin,
)
from reconciliation.papers.withholding.return_paper import (
    return_page,
    write_return_csv,
    write_return_pdf,
    write_return_workbook,
)
from tests.reconciliation.papers.withholding.withheld_month import APRIL_30, MAY, WithheldMonth
from tests.reconciliation.settlement.payout_desk import sweep
from tests.reconciliation.settlement.sample_lines import CONFIG

AGENTS = SectionLine("94", 1_000, 1, 50_005, 5_001, 0, 0, 5_001)
BILLERS = SectionLine("89", 200, 1, 100_025, 2_001, 0, 0, 2_001)


def movements(result: WithholdingReturn) -> tuple[int, int, int, int, int]:
    return result.opening, result.withheld_tax, result.restored_tax, result.swept, result.closing


async def test_it_agrees_with_the_account_from_month_to_month(taxed: WithheldMonth) -> None:
    april = await taxed.monthly_return()
    assert list(april.lines) == [BILLERS, AGENTS]
    assert movements(april) == (0, 7_002, 0, 0, 7_002)
    await sweep(taxed.stage, "withheld-tax", APRIL_30, 5_000)
    await taxed.reject("biller")
    may = await taxed.monthly_return(MAY)
    assert list(may.lines) == [
        SectionLine("89", 200, 1, 0, 0, 100_025, 2_001, 0),
        SectionLine("94", 1_000, 0, 0, 0, 0, 0, 5_001),
    ]
    assert movements(may) == (7_002, 0, 2_001, 5_000, 1)


async def test_what_the_account_did_not_move_by_is_refused(taxed: WithheldMonth) -> None:
    april = await taxed.monthly_return()
    with pytest.raises(ReportError, match="withheld_tax_payable opens with 0 and closes with 7002 paisa"):
        replace(april, swept=1)


@pytest.mark.parametrize(
    ("day", "begin"),
    [(date(2026, 6, 30), date(2025, 7, 1)), (date(2026, 7, 1), date(2026, 7, 1))],
)
def test_the_income_year_begins_in_july(day: date, begin: date) -> None:
    assert income_year_begin(day) == begin


async def test_it_is_written_in_both_languages(taxed: WithheldMonth, tmp_path: Path) -> None:
    result, settings = await taxed.monthly_return(), read_invoice_settings(CONFIG)
    table, book, page = (tmp_path / f"return.{form}" for form in ("csv", "xlsx", "pdf"))
    write_return_csv(result, table)
    *rows, control = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    assert [(row["section"], row["percent"], row["tax"]) for row in rows] == [
        ("89", "2", "20.01"),
        ("94", "10", "50.01"),
    ]
    assert control["restored"] == "70.02"
    write_return_workbook(result, book, tmp_path)
    cells = str(fastexcel.read_excel(book).load_sheet(0, header_row=None).to_polars().rows())
    assert "উৎসে কর্তিত" in cells
    assert "50.01" in cells
    write_return_pdf(result, settings, page, is_rehearsal=True)
    assert page.read_bytes().startswith(b"%PDF")
    text = return_page(result, settings, is_rehearsal=True)
    assert text["account"][-1]["taka"] == {"en": "70.02 taka", "bn": in_bangla("70.02 টাকা")}
    assert text["rows"][1]["rate"] == "10%"
    assert text["mark"] is not None
