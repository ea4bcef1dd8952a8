"""The VAT return: output tax by rate under the notes of the form, equal to the accounts to the paisa."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from reconciliation.errors import ReportError
from reconciliation.papers.period import Period
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.papers.tax.earned_parts import read_month_earnings
from reconciliation.papers.tax.issuer import read_invoice_settings
from reconciliation.papers.tax.vat_return import UNKNOWN_TO_US, VatReturn, vat_return_of
from reconciliation.papers.tax.vat_return_paper import (
    vat_return_page,
    write_vat_return_csv,
    write_vat_return_pdf,
)
from reconciliation.papers.trial_balance import read_trial_balance
from reconciliation.papers.vat_report import read_vat_report
from tests.reconciliation.papers.month_of_books import APRIL_30
from tests.reconciliation.papers.tax.earnings import APRIL, MAY, MAY_2, MonthOfEarnings
from tests.reconciliation.settlement.sample_lines import CONFIG


async def return_of(earnings: MonthOfEarnings, period: Period, rates: tuple[int, ...] = (1500,)) -> VatReturn:
    async with read_snapshot(earnings.month.finance) as connection:
        report = await read_vat_report(connection, await read_trial_balance(connection, period))
        return vat_return_of(await read_month_earnings(connection, report, rates), 1500)


def lines_of(vat_return: VatReturn) -> list[tuple[str, str, int | None, int, int]]:
    return [(line.part, line.note, line.rate, line.value, line.vat) for line in vat_return.lines]


async def test_output_tax_stands_by_rate_and_the_rest_beside_it(earnings: MonthOfEarnings) -> None:
    await earnings.journal(APRIL_30, 70)
    result = await return_of(earnings, APRIL)
    assert lines_of(result) == [
        ("3", "4", 1500, 2_240, 335),
        ("", "", None, 750, 0),
        ("", "", None, 0, -70),
    ]
    assert (result.output_value, result.output_vat) == (2_240, 335)
    (vat,) = result.earnings.vat_report.trial_balance.of_accounts(["vat_payable"])
    assert sum(line.vat for line in result.lines) == vat.credit - vat.debit


async def test_credit_notes_and_other_rates_have_notes_of_their_own(earnings: MonthOfEarnings) -> None:
    for fee, vat in ((10_000, 750), (10_000, 0), (10_000, 333)):
        await earnings.earn(MAY_2, "bank1", "desco_postpaid", charge=0, fee=fee, vat=vat)
    assert lines_of(await return_of(earnings, MAY, (0, 750, 1500))) == [
        ("3", "1-3", 0, 10_000, 0),
        ("3", "7", 750, 10_000, 750),
        ("3", "", None, 10_000, 333),
        ("6", "31", None, -435, -65),
        ("", "", None, -375, 0),
    ]


async def test_an_empty_month_is_a_return_of_nothing(earnings: MonthOfEarnings) -> None:
    result = await return_of(earnings, Period.of_month("2026-03"))
    assert (result.lines, result.output_vat) == ([], 0)


async def test_lines_that_are_not_what_the_accounts_moved_by_are_refused(earnings: MonthOfEarnings) -> None:
    result = await return_of(earnings, APRIL)
    with pytest.raises(ReportError, match="value and VAT moved by"):
        VatReturn(result.earnings, [replace(result.lines[0], vat=334), *result.lines[1:]])


async def test_it_is_written_in_both_languages_and_names_what_we_do_not_know(
    earnings: MonthOfEarnings, tmp_path: Path
) -> None:
    result = await return_of(earnings, APRIL)
    settings = read_invoice_settings(CONFIG)
    page = vat_return_page(result, settings, is_rehearsal=True)
    assert page["rows"][0]["note"] == "4"
    assert page["owed"][2]["taka"] == {"en": "3.35 taka", "bn": "৩.৩৫ টাকা"}
    assert len(page["unknown"]) == len(UNKNOWN_TO_US)
    write_vat_return_csv(result, tmp_path / "return.csv")
    *rows, control = csv.DictReader((tmp_path / "return.csv").read_text(encoding="utf-8").splitlines())
    assert [list(row.values())[4:] for row in rows] == [["15", "22.40", "3.35"], ["", "7.50", "0.00"]]
    assert list(control.values())[3:7] == ["value", "29.90", "vat", "3.35"]
    for name in ("one.pdf", "two.pdf"):
        write_vat_return_pdf(result, settings, tmp_path / name, is_rehearsal=True)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
