"""Money calls as the sends journal knows them: what is asked again after a restore (docs/adr/0088)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.collections.connector_calls import CollectOrder, RefundOrder
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.payments.delivery import PayOrder


class SendKind(StrEnum):
    """Which money call it is."""

    PAY = "pay"  # a step of a payment, to its biller
    EXECUTE = "execute"  # to a connector, which takes the payer's money
    REFUND = "refund"  # to a connector, which gives it back


@dataclass(frozen=True, slots=True)
class PrefundClaim:
    """What a partner ordered, as far as its payment can be booked again from it.

    `reference` is the partner's own, `request_reference` that of its fetch; `account` is the biller's name of
    the payer, or empty. `quote_expires_at` is UTC.
    """

    attempt_id: UUID
    lane: int
    reference: str
    fingerprint: bytes
    quote_id: str
    request_reference: str
    bucket: str
    bill_key: str
    bill_number: str = field(repr=False)
    account: str = field(repr=False)
    quote_expires_at: datetime


@dataclass(frozen=True, slots=True)
class Send:
    """One money call that is about to be sent; at `sent_at` (UTC) or later, and not after `send_until`.

    `reference` is ours at the far side and `sends` the number of the send under it. `order` is that of a
    delivery and `claim` that of a partner's prefund; a collected payment has none. `amount` is what the far
    side is told.
    """

    kind: SendKind
    far_side: str
    reference: str
    step: str
    payment_id: UUID
    partner_id: str
    amount: Money
    sent_at: datetime
    send_until: datetime
    sends: int = 1
    order: PayOrder | None = None
    claim: PrefundClaim | None = None


def connector_send(
    kind: SendKind,
    order: CollectOrder | RefundOrder,
    *,
    payment_id: UUID,
    partner_id: str,
    sends: int,
    sent_at: datetime,
    send_seconds: float,
) -> Send:
    """One call of a connector, which has a single step and may leave for `send_seconds` from `sent_at`."""
    return Send(
        kind=kind,
        far_side=order.connector_id,
        reference=order.reference,
        step=kind.value,
        payment_id=payment_id,
        partner_id=partner_id,
        amount=order.amount,
        sent_at=sent_at,
        send_until=sent_at + timedelta(seconds=send_seconds),
        sends=sends,
    )


def prefund_claim(started: StartedClaim) -> PrefundClaim:
    """What the journal keeps of a claim that is being delivered."""
    claim, quote = started.claim, started.quote
    return PrefundClaim(
        attempt_id=claim.attempt_id,
        lane=claim.lane,
        reference=claim.reference,
        fingerprint=claim.fingerprint,
        quote_id=claim.quote_id,
        request_reference=quote.request_reference,
        bucket=quote.bucket,
        bill_key=quote.bill_key,
        bill_number=quote.bill_number,
        account=quote.account,
        quote_expires_at=quote.expires_at,
    )
