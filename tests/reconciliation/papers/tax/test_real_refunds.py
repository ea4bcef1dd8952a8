"""What the switch itself writes for a sale of a merchant and its refunds, as invoices read it."""

import pytest

from ekpay_switch.domain.merchants.shares import apportion
from reconciliation.papers.period import Period
from reconciliation.papers.tax.month_documents import MonthDocuments, read_month_documents
from tests.persistence.collections.merchant_money_setup import AMOUNT, SPLIT, Stall
from tests.persistence.conftest import stall
from tests.persistence.refunds.refund_setup import NO
from tests.persistence.refunds.test_refunds_in_shares import CHARGES, WEIGHTS, taken
from tests.reconciliation.settlement.sample_lines import CONFIG

__all__ = ["stall"]
DATES = "SELECT min(business_date), max(business_date) FROM journal_entries"


async def documents_of(stall: Stall) -> MonthDocuments:
    ((first, last),) = await stall.books.rows(DATES)
    connection = await stall.books.database.connect()
    try:
        period = Period(first.replace(day=1), last)
        return await read_month_documents(connection, CONFIG, period, is_rehearsal=True)
    finally:
        await connection.close()


@pytest.mark.parametrize("amounts", [[50_000], [1, 2, 333, 10_000], [AMOUNT + sum(CHARGES)]])
async def test_a_sale_is_invoiced_and_its_refunds_are_one_credit_note(
    stall: Stall, amounts: list[int]
) -> None:
    await stall.agreement("returned")
    held = await stall.sold(SPLIT)
    for amount in amounts:
        await taken(stall, held, amount)
    invoice, credit_note = (await documents_of(stall)).documents
    assert (invoice.party, invoice.sums) == ("shop", tuple(CHARGES))
    assert credit_note.sums == tuple(apportion(sum(amounts), WEIGHTS + CHARGES))[4:]
    assert credit_note.content["lines"][0]["of"] == invoice.name
    assert {line["rate"] for line in invoice.content["lines"]} == {1500}


async def test_a_refund_that_fails_leaves_the_invoice_alone(stall: Stall) -> None:
    await stall.agreement("returned")
    held = await stall.sold(SPLIT)
    failing = await taken(stall, held, 50_000)
    await stall.office.record(await stall.office.sent(failing.view.refund_id), NO)
    (invoice,) = (await documents_of(stall)).documents
    assert invoice.sums == tuple(CHARGES)
