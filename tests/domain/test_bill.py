from dataclasses import replace
from datetime import UTC, datetime

from ekpay_switch.domain.bill import Bill, ChargeLine, Quote
from ekpay_switch.domain.fees import Fee
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money

BILL = Bill(
    bill_key="012345678901",
    bill_number="012345678901",
    account="10000007",
    amount=Money(95_000),
    vat=Money(4_000),
    late_fee=Money(1_000),
    total=Money(100_000),
)
QUOTE = Quote(
    quote_id="Q1",
    partner_id="bank1",
    request_reference="REQ1",
    biller_id="desco_postpaid",
    bucket="postpaid",
    bill=BILL,
    fee=Fee(Money(500), Money(75), "2026-01"),
    expires_at=datetime(2026, 3, 1, tzinfo=UTC),
)


def test_a_partner_pays_the_bill_and_our_fee_and_no_connector_charge() -> None:
    assert QUOTE.sums == Sums(amount=Money(100_000), charge=Money(0), fee=Money(500), vat=Money(75))


def test_what_may_be_paid_once_is_the_bill_or_else_the_quote() -> None:
    assert QUOTE.bill_key == "012345678901"
    assert replace(QUOTE, bill=replace(BILL, bill_key="")).bill_key == "quote:Q1"


def test_a_rebate_is_stored_as_it_was_stated() -> None:
    assert ChargeLine("rebate", Money(-2_550)).as_json() == {"label": "rebate", "amount": -2_550}
