"""A cart of bills, and how each of its bills ends (docs/adr/0118).

The portal is a merchant of this installation and a partner with a prefund. A cart is one payment to it, by
the checkout that all merchants use. Once that payment is completed, each bill is paid from the portal's
prefund like any partner's, and what a biller did not take goes back to the payer by a refund of the payment.
This module only decides; `persistence.carts` locks, reads, calls it and writes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Sums, prefund_account
from ekpay_switch.domain.merchants.merchant import Share, share_account
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.ends import PrefundEnd, prefund_end
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.domain.refunds.refund_steps import RefundStep
from ekpay_switch.domain.refusals import Refusal

PORTAL = "portal"
"""The partner id of the portal, and what its ledger accounts are called by."""
BUCKETS = ("postpaid", "prepaid")
# A quote that expires sooner is renewed before its bill is ordered or paid.
QUOTE_LEFT_MIN = timedelta(minutes=2)
_BILL_REFERENCE = re.compile(r"(?P<first>cart:[0-9a-f]{32}:[1-9][0-9]*)(?::(?P<nth>[1-9][0-9]*))?")


class BillEnd(StrEnum):
    """How a bill of a paid cart ended; an open one has no end yet."""

    PAID = "paid"  # its biller has the money
    GIVEN_BACK = "given_back"  # its biller has nothing, and its payer is owed the amount with its charges


class CartRefusal(StrEnum):
    """Why a cart was left as it is; no money moved."""

    EMPTY = "empty"  # there is nothing to pay
    TOO_MANY_BILLS = "too_many_bills"
    ALREADY_PAID = "already_paid"  # the bill, as its biller says
    AMOUNT_CHANGED = "amount_changed"  # of a bill, since it was shown; the cart has the new amount
    BILL_GONE = "bill_gone"  # a bill of the cart can no longer be paid; the cart is without it
    UNAVAILABLE = "unavailable"  # a biller does not answer now
    CLOSED = "closed"  # the portal takes no payments
    NOT_OVER = "not_over"  # the payment of a cart whose bills were to be paid again


class PaidUp(StrEnum):
    """What became of the payment of an ordered cart."""

    WAITS = "waits"  # the payer may still pay, or the money is on its way
    FUNDED = "funded"  # the money stands in the portal's prefund
    NEVER_PAID = "never_paid"  # it was cancelled, refused or has expired: no bill is paid
    IN_REVIEW = "in_review"  # two persons decide


@dataclass(frozen=True, slots=True)
class CartBill:
    """One bill as it was fetched.

    `fields` name it by the manifest's parameters. `bill` is what its payer may be shown (`shown_bill`).
    `amount` is what the biller is to be paid.
    """

    biller_id: str
    bucket: str
    fields: Mapping[str, str]
    bill: Mapping[str, object]
    bill_key: str
    amount: Money
    quote_id: str
    quote_expires_at: datetime
    fetched_at: datetime

    def is_quoted(self, now: datetime) -> bool:
        """Whether its quote will still be alive when a payment begins now."""
        return self.quote_expires_at > now + QUOTE_LEFT_MIN


@dataclass(frozen=True, slots=True)
class BillInCart:
    """A bill in its cart; `reference` is that of its payment from the prefund, made before any money moves.

    The fields from `payment_id` to `receipts` are those of that payment, None or empty while there is none;
    `receipts` prove it at its biller (`domain.payments.delivery.receipts_of`). A bill that is paid in
    stand-in has a further payment for each further try, and `reference` is that of the newest; it goes back
    after `stand_in_until`, None for any other bill (`stand_in_deadline`).
    """

    seq: int
    reference: str
    bill: CartBill
    payment_id: UUID | None = None
    state: State | None = None
    refusal: Refusal | None = None
    receipts: Mapping[str, str] = field(default_factory=dict)
    end: BillEnd | None = None
    stand_in_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CartRefund:
    """A refund of the payment of a cart, for bills that were given back, by their numbers in the cart.

    `reference` is its idempotency key; `state` is the refund's, None until it is recorded, and `steps` are
    what its history proves. `provider_reference` is what its connector calls it, or empty.
    """

    reference: str
    seqs: tuple[int, ...]
    amount: Money
    state: RefundState | None = None
    steps: tuple[RefundStep, ...] = ()
    provider_reference: str = ""


@dataclass(frozen=True, slots=True)
class CartPayment:
    """The payment of an ordered cart; `updated_at` is when its state changed last."""

    payment_id: UUID
    state: State
    sums: Sums
    checkout_reference: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StoredCart:
    """A cart with its bills in order; `reference` is unguessable, and whoever has it may see and pay it.

    An ordered cart never changes, and has its `payment` once that is recorded.
    `read_at` is the database's now.
    """

    cart_id: UUID
    reference: str
    created_at: datetime
    read_at: datetime
    bills: tuple[BillInCart, ...] = ()
    is_ordered: bool = False
    is_funded: bool = False
    payment: CartPayment | None = None
    refunds: tuple[CartRefund, ...] = ()

    @property
    def amount(self) -> Money:
        """What all bills cost together, without charges."""
        return total(stored.bill.amount for stored in self.bills)

    @property
    def open_bills(self) -> tuple[BillInCart, ...]:
        """The bills that have not ended yet."""
        return tuple(stored for stored in self.bills if stored.end is None)

    @property
    def paid_up(self) -> PaidUp:
        """What became of its payment."""
        return PaidUp.FUNDED if self.is_funded else paid_up(self.payment)


def paid_up(payment: CartPayment | None) -> PaidUp:
    """What became of the payment of a cart whose money has not moved to the prefund (yet).

    A payment that was refunded as a whole pays no bill either.
    """
    state = None if payment is None else payment.state
    match state:
        case None | State.CREATED | State.COLLECTING | State.FUNDED | State.DELIVERING | State.COMPLETED:
            return PaidUp.WAITS
        case State.DECLINED | State.EXPIRED | State.REFUNDING | State.REFUNDED:
            return PaidUp.NEVER_PAID
        case State.IN_REVIEW:
            return PaidUp.IN_REVIEW
        case _:
            assert_never(state)


def portal_prefunds() -> tuple[str, ...]:
    """The accounts that bills of carts are paid from, and nothing else."""
    return tuple(prefund_account(PORTAL, bucket) for bucket in BUCKETS)


def portal_payable() -> str:
    """The account that the payment of a cart is credited to."""
    return share_account(PORTAL, Share("", None, Money(0)))


def bill_reference(cart_id: UUID, seq: int, nth: int = 1) -> str:
    """The reference of the nth payment of one bill; only a bill in stand-in has more than one."""
    return f"cart:{cart_id.hex}:{seq}" if nth == 1 else f"cart:{cart_id.hex}:{seq}:{nth}"


def bill_of_reference(reference: str) -> tuple[str, int]:
    """The reference of the first payment of a bill, and which payment of it this reference is of.

    Raises:
        ValueError: `bill_reference` makes no such reference.
    """
    match = _BILL_REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"{reference!r} is not the reference of a bill's payment")
    return match["first"], int(match["nth"] or 1)


def stand_in_deadline(
    promised: datetime | None, funded_at: datetime, stand_in: timedelta, now: datetime
) -> datetime | None:
    """Until when a bill whose payment was never sent is paid in stand-in; None where it goes back now.

    `stand_in` is how long after its cart was funded, nothing where stand-in is not allowed. What was
    `promised` to the payer stands, whatever is allowed by now.
    """
    until = promised or funded_at + stand_in
    return until if now < until else None


def bill_end_of(state: State | None) -> BillEnd | None:
    """How a bill ended, by the state of its payment; None while it is open."""
    end = prefund_end(state)
    return None if end is None else _ENDS[end]


_ENDS = {PrefundEnd.PAID: BillEnd.PAID, PrefundEnd.BACK: BillEnd.GIVEN_BACK}


def without_refund(bills: Sequence[BillInCart], refunds: Sequence[CartRefund]) -> tuple[BillInCart, ...]:
    """The bills that were given back and that no refund is planned for."""
    planned = {seq for refund in refunds for seq in refund.seqs}
    return tuple(stored for stored in bills if stored.end is BillEnd.GIVEN_BACK and stored.seq not in planned)
