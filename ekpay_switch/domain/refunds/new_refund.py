"""Whether a refund may be accepted: what is asked for, what is read under lock, and why it is refused."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.merchants.shares import Split
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.burden import UNNAMED, Burden
from ekpay_switch.domain.refunds.refund import RefundKind


class RefundRefusal(StrEnum):
    """Why a refund was refused; nothing was written."""

    UNKNOWN_PAYMENT = "unknown_payment"  # or another partner's: the answer does not tell which
    NOT_REFUNDABLE = "not_refundable"  # it is not completed, or was not collected by a connector
    FINAL = "payment_is_final"  # its biller takes nothing back, and nobody is named who bears the refund
    EXCEEDS_REMAINING = "refund_exceeds_remaining"
    TOO_MANY_PARTS = "too_many_refunds"  # the connector allows no more refunds of one payment
    TOO_LATE = "refund_period_over"  # the connector's refund period is over
    OTHER_CURRENCY = "currency_mismatch"
    DEBT_LIMIT = "debt_limit_reached"  # the refund would exceed the merchant's debt limit
    OTHER_CONTENT = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class NewRefund:
    """A request to refund a completed payment, whole or in part.

    `reference` is the caller's idempotency key; `fingerprint` covers what a repeat must equal. `requested_by`
    is a person of the staff, or `api:` and the partner. Where `needs_approval`, a second person has to
    approve. `burden` says who bears it. `from_suspense` is the part of a chargeback that its payee does not
    give (`chargebacks`).
    """

    refund_id: UUID
    payment_id: UUID
    partner_id: str
    reference: str
    fingerprint: bytes
    amount: Money
    reason: str
    requested_by: str
    needs_approval: bool
    kind: RefundKind = RefundKind.REFUND
    burden: Burden = UNNAMED
    from_suspense: Money = ZERO


@dataclass(frozen=True, slots=True)
class Refundable:
    """What is read under lock before a refund is accepted.

    `collected` is what the try collected, `refunded` the running total, `amount_max` the limit of the running
    total: what the payee was credited, since charges stay, unless a merchant's agreement returns them
    (architecture.md 4). `parts` counts the refunds that are not freed. `split` is a merchant payment's, None
    where a bill was paid. `charged_back` is what chargebacks took of the try, `from_suspense` the part of it
    that is not in the running total, and `paid_late` what its connector paid after the refund had ended.
    `is_funding` says that the try's money paid for the payment.
    """

    payment_state: State
    collected: Money | None
    refunded: Money
    amount_max: Money
    parts: int
    parts_max: int
    collected_at: datetime | None
    now: datetime
    days_max: int
    split: Split | None = None
    charged_back: Money = ZERO
    from_suspense: Money = ZERO
    paid_late: Money = ZERO
    is_funding: bool = True


def refuse_refund(new: NewRefund, payment: Refundable) -> RefundRefusal | None:
    """The first reason that applies; None where the refund may be accepted (a chargeback: `chargebacks`).

    A bill whose biller takes nothing back needs somebody who is named to bear it. What chargebacks took from
    suspense, and what a connector paid late, is back with the payer and is not given again.
    """
    is_completed = payment.payment_state is State.COMPLETED
    if not is_completed or payment.collected is None or payment.collected_at is None:
        return RefundRefusal.NOT_REFUNDABLE
    if new.amount.currency != payment.collected.currency:
        return RefundRefusal.OTHER_CURRENCY
    taken = new.amount + payment.refunded
    with_payer = payment.from_suspense + payment.paid_late
    is_too_much = taken > payment.amount_max or taken + with_payer > payment.collected
    age = payment.now - payment.collected_at
    is_final = payment.split is None and not new.burden.biller_takes_back
    checks = (
        (RefundRefusal.FINAL, is_final and not new.burden.is_named),
        (RefundRefusal.EXCEEDS_REMAINING, is_too_much),
        (RefundRefusal.TOO_MANY_PARTS, payment.parts >= payment.parts_max),
        (RefundRefusal.TOO_LATE, age.days >= payment.days_max),
    )
    refusal = next((refusal for refusal, applies in checks if applies), None)
    split = payment.split
    if refusal is None and split is not None and not split.covers(new.amount):
        return RefundRefusal.DEBT_LIMIT
    return refusal


def takes_two_persons(new: NewRefund, payment: Refundable) -> bool:
    """Whether a second person has to approve: by the request, a named bearer or the merchant's refund limit.

    All refunds of a payment together count against the limit, so that small parts cannot evade it.
    """
    is_alone = payment.split is None or new.amount + payment.refunded <= payment.split.single_approval_max
    return new.needs_approval or new.burden.is_named or not is_alone
