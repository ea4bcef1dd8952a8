"""A line of the sends journal to test with."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.domain.payments.sends import PrefundClaim, Send, SendKind
from ekpay_switch.security.sealed_fields import Sealer

NOON = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
CODE_KEY, SEALER = b"c" * 32, Sealer(b"s" * 32)


def a_send(number: int = 1, *, reference: str = "") -> Send:
    """The first step of a payment of bank1 that nobody has claimed."""
    payment_id, ours = UUID(int=number), reference or f"A{number}"
    sums = Sums(Money(105_000), Money(0), Money(500), Money(75))
    order = PayOrder(
        payment_id=payment_id,
        biller_id="desco_postpaid",
        reference=ours,
        sums=sums,
        biller_quote={"billToken": "of 092512345678", "mobile": "01711000000"},
        scroll_no=7,
        business_date=date(2026, 3, 1),
        send_before=0.0,
        step="pay",
    )
    claim = PrefundClaim(
        attempt_id=UUID(int=1_000 + number),
        lane=0,
        reference=f"R{number}",
        fingerprint=b"what was ordered",
        quote_id=f"Q{number}",
        request_reference="F" * 24,
        bucket="postpaid",
        bill_key="092512345678",
        bill_number="092512345678",
        account="12345678",
        quote_expires_at=NOON + timedelta(minutes=15),
    )
    return Send(
        kind=SendKind.PAY,
        far_side="desco_postpaid",
        reference=ours,
        step="pay",
        payment_id=payment_id,
        partner_id="bank1",
        amount=sums.billed_amount,
        sent_at=NOON,
        send_until=NOON + timedelta(seconds=10),
        order=order,
        claim=claim,
    )
