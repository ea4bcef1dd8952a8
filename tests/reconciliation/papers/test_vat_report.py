"""VAT by whose payments it was taken on, tied to the account that owes it to the state."""

from dataclasses import replace
from datetime import date

import pytest

from ekpay_switch.domain.ledger.entries import Entry, decrease, increase
from reconciliation.errors import ReportError
from reconciliation.papers.period import Period
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.papers.trial_balance import read_trial_balance
from reconciliation.papers.vat_report import EarnedLine, VatReport, read_vat_report
from tests.reconciliation.papers.month_of_books import APRIL_1, APRIL_30, MonthOfBooks

PAYMENT = """
WITH p AS (
  INSERT INTO payments (id, partner_id, lane, reference, fingerprint, biller_id, bill_key, bucket, currency,
    amount, charge, fee, vat, state, biller_quote, business_date, epoch, steps)
  VALUES (gen_random_uuid(), 'bank1', 0, 'R1', '', 'desco', 'k', 'postpaid', 'BDT', 1, 0, 5, 1, 'completed',
    '{}', '2026-04-01', 1, 2) RETURNING id)
UPDATE journal_entries AS e SET payment_id = p.id FROM p WHERE e.moment = 'delivered'
"""


async def report_of(month: MonthOfBooks, period: Period) -> VatReport:
    async with read_snapshot(month.finance) as connection:
        return await read_vat_report(connection, await read_trial_balance(connection, period))


async def test_vat_stands_by_party_and_what_was_paid_to_the_state_beside_it(month: MonthOfBooks) -> None:
    await month.stage.books.tell(PAYMENT)
    paid = Entry.of("journal", (decrease("vat_payable", 70), decrease("settlement_bank", 70)))
    await month.post(date(2026, 4, 15), paid)
    await month.post(APRIL_30, Entry.of("journal", (increase("charge_income", 9), increase("write_off", 9))))
    report = await report_of(month, Period(APRIL_1, APRIL_30))
    assert report.lines == [EarnedLine("", "journal", 0, 9, 0, -70), EarnedLine("bank1", "", 1, 0, 500, 75)]
    assert (report.vat_before, report.vat, report.vat_after) == (0, 5, 5)
    assert (await report_of(month, Period(date(2026, 5, 1), date(2026, 5, 31)))).lines == []
    earned = report.lines[1]
    for wrong in (replace(earned, charges=1), replace(earned, fees=1), replace(earned, vat=1)):
        with pytest.raises(ReportError, match="its lines by"):
            VatReport(report.trial_balance, [report.lines[0], wrong])
