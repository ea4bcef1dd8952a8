"""Things to test with, by article: sensible where the test does not care."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from ekpay_switch.domain.bill import Bill, Quote
from ekpay_switch.domain.fees import Fee
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payments.claims import Claim
from ekpay_switch.flows.bills.fetch_bill import FetchOrder
from ekpay_switch.flows.payments.pay_bill import PartnerPayOrder
from ekpay_switch.ports.world import Partner
from ekpay_switch.security.pass_keys import hash_pass_key
from tests.fakes.world import NOON, SmallWorld

BILL_NO = "092512345678"
PASS_KEY = "a pass key that opens nothing"
SECRET = "0123456789abcdefABCDEF0123456789"
TOTAL = 105_000  # what a bill asks for, in paisa
CHARGED = 575  # our fee of 5.00 and 15 % VAT on it
TAKEN = TOTAL + CHARGED
PREFUND = "prefund:bank1:postpaid"


def a_bill(number: str = BILL_NO, total: int = TOTAL, *, is_paid: bool = False) -> Bill:
    return Bill(
        bill_key=number,
        bill_number=number,
        account=number[-8:],
        amount=Money(total - 5_000),
        vat=Money(5_000),
        late_fee=Money(0),
        total=Money(total),
        is_paid=is_paid,
        details={"customer_name": "Rahela Khatun"},
        biller_quote={"billToken": f"token of {number}"},
    )


def a_quote(quote_id: str = "Q1", bill: Bill | None = None, *, partner_id: str = "bank1") -> Quote:
    return Quote(
        quote_id=quote_id,
        partner_id=partner_id,
        request_reference="F" * 24,
        biller_id="desco_postpaid",
        bucket="postpaid",
        bill=bill or a_bill(),
        fee=Fee(Money(500), Money(75), "test"),
        expires_at=NOON + timedelta(minutes=15),
    )


def a_claim(number: int = 1, quote_id: str = "Q1", *, paid: int = TOTAL, reference: str = "") -> Claim:
    return Claim(
        payment_id=UUID(int=number),
        attempt_id=UUID(int=1_000 + number),
        attempt_reference=f"A{number}",
        partner_id="bank1",
        lane=0,
        reference=reference or f"R{number}",
        fingerprint=f"{quote_id} {paid}".encode(),
        quote_id=quote_id,
        biller_id="desco_postpaid",
        paid=Money(paid),
        stated_total=None,
        stated_fee=None,
        send_seconds=10,
        lease_seconds=30,
        scroll_series="desco_postpaid",
    )


def a_partner(partner_id: str = "bank1", number: int = 101, *, secret: str = SECRET) -> Partner:
    return Partner(
        id=partner_id,
        nd_id=f"NS{number}",
        syndct_id=f"s{number}",
        user_id=f"{partner_id}-user",
        lane=0,
        generation=1,
        is_active=True,
        pass_key_hash=hash_pass_key(PASS_KEY),
        secrets=(secret.encode(),),
    )


def a_fetch(bill_no: str = BILL_NO, ekpay_biller_id: str = "b025") -> FetchOrder:
    return FetchOrder("bank1", "F" * 24, ekpay_biller_id, {"bll_no": bill_no})


def an_order(reference: str = "R1", quote_id: str = "Q1", *, paid: int = TOTAL) -> PartnerPayOrder:
    return PartnerPayOrder(
        partner_id="bank1",
        lane=0,
        reference=reference,
        fingerprint=f"{quote_id} {paid}".encode(),
        quote_id=quote_id,
        ekpay_biller_id="b025",
        paid=Money(paid),
        stated_total=Money(TOTAL),
        stated_fee=Money(CHARGED),
        answer_before=1_025.0,
    )


def a_world(*, prefund: int = 1_000_000) -> SmallWorld:
    """A partner with money, a biller with one bill, and a quote on it."""
    small = SmallWorld()
    small.books.top_up("bank1", "postpaid", prefund)
    small.biller.bills[BILL_NO] = a_bill()
    quote = a_quote()
    small.books.quotes["bank1", quote.quote_id] = quote
    small.partners.add(a_partner())
    return small


def quote_another(small: SmallWorld, quote_id: str, total: int = TOTAL, number: str = "") -> None:
    """One more quote of bank1, on a bill of its own unless a number is given."""
    bill = a_bill(number or f"{len(small.books.quotes):012d}", total)
    small.books.quotes["bank1", quote_id] = replace(a_quote(quote_id), bill=bill)
