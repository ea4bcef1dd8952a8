"""The cases that two persons decide, as they are read under lock.

A case is a payment or a refund at which nothing further happens by itself, or has not for a long time. Its
digest changes with everything that a decision may rest on, so what was proposed about another state of it is
stale and is not carried out.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.collections.further_movements import UnbookedMovement
from ekpay_switch.domain.decisions.host_requests import HostRequest
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundState


class CaseKind(StrEnum):
    """What waits for two persons; the comment of each member says why."""

    REVIEW = "review"  # a payment is in review: facts disagree
    HELD = "held"  # its connector holds the payer's money for its risk
    STUCK_COLLECTION = "stuck_collection"  # its connector does not say whether it collected the money
    STUCK_DELIVERY = "stuck_delivery"  # its biller does not say whether it holds a payment, or has undone it
    MISMATCHED_MONEY = "mismatched_money"  # money that differs from its order, and is no reason of a review
    UNBOOKED_MONEY = "unbooked_money"  # its connector tells money under it that no account has
    DOUBTFUL_REFUND = "doubtful_refund"  # whether the connector gave the money back, nobody says or knows
    MISSING_RECEIPT = "missing_receipt"  # its biller does not give the final receipt of a completed payment
    COMPLETED = "completed"  # paid from a prefund; nothing waits, but it may be returned
    JOURNAL = "journal"  # no case: an entry that finance writes by hand


@dataclass(frozen=True, slots=True)
class HeldMoney:
    """What a connector says it holds for its risk under a try; it keeps `charge_basis_points` of it."""

    attempt_id: UUID
    amount: Money
    provider_transaction: str
    charge_basis_points: int


@dataclass(frozen=True, slots=True)
class BillerTraits:
    """What a decision must know of a biller.

    `from_deposit`: it takes each payment off our deposit there. `undoes`: it takes an accepted payment back
    on our call. `has_unique_receipt`: its receipt buys one service only. `receipt_comes_later`: it is asked
    for its final receipt after the payment.
    """

    from_deposit: bool = False
    undoes: bool = False
    has_unique_receipt: bool = False
    receipt_comes_later: bool = False


@dataclass(frozen=True, slots=True)
class PaymentCase:
    """A payment that waits for a decision, as of one moment under its lock.

    `came_from` is its state before it went to review, its present state if it is in none. The money came from
    `prefund`, or was collected by `connector_id`; the other one is empty. `in_suspense` is collected money
    that differs from the order and is not on its way back, and `late_posting` what its biller holds though
    the money went back: both in paisa. `echoed` is the amount that the biller says, if it says another than
    we booked. `last_facts` are those of its last step. `steps` counts its history, `sends` how often its
    delivery was begun, `late_answers` the answers of its far sides that came too late to set anything, and
    what their files say. `attempt_id` is the try that it is about, if it is about one. `unbooked` is money
    that its connector tells under it and that no account has. `is_returned`: two persons have returned it to
    its prefund already. `biller` says what its biller does. `host_request` is that of the try of a stuck
    collection.
    """

    kind: CaseKind
    payment_id: UUID
    partner_id: str
    lane: int
    payee: str
    state: State
    came_from: State
    steps: int
    sums: Sums
    prefund: str
    connector_id: str
    in_suspense: int = 0
    late_posting: int = 0
    echoed: int | None = None
    last_facts: Mapping[str, str] = field(default_factory=dict)
    held: HeldMoney | None = None
    is_returned: bool = False
    unbooked: tuple[UnbookedMovement, ...] = ()
    sends: int = 0
    late_answers: int = 0
    biller: BillerTraits = BillerTraits()
    attempt_id: UUID | None = None
    host_request: HostRequest = HostRequest.NONE

    @property
    def subject(self) -> UUID:
        """What a proposal about it names."""
        return self.payment_id


@dataclass(frozen=True, slots=True)
class RefundInDoubt:
    """A refund of which nobody knows whether its connector gave the money back; `steps` counts its history.

    Or one that is left to finance: its payer may have the money all the same. `sends` counts the sends,
    `late_answers` the answers of its connector that came too late to set anything, and what its files say.
    `had` is what the payer of a refund left to finance has of it already, by a chargeback or by another
    refund of its try that the connector has paid late; suspense holds a claim for as much.
    """

    refund_id: UUID
    payment_id: UUID
    partner_id: str
    lane: int
    connector_id: str
    state: RefundState
    amount: Money
    steps: int
    sends: int
    late_answers: int = 0
    had: Money = ZERO
    kind: CaseKind = CaseKind.DOUBTFUL_REFUND

    @property
    def subject(self) -> UUID:
        """What a proposal about it names."""
        return self.refund_id


Case = PaymentCase | RefundInDoubt


def case_digest(case: Case) -> bytes:
    """SHA-256 over everything that a decision about the case may rest on."""
    parts = [f"{name.name}={_canonical(getattr(case, name.name))}" for name in fields(case)]
    return hashlib.sha256("\x1f".join(["ekpay-case-1", *parts]).encode()).digest()


def _canonical(value: object) -> str:
    if isinstance(value, Mapping):
        return "\x1e".join(f"{name}={value[name]}" for name in sorted(value))
    return str(value)
