"""The data of receipts, as a protocol; `persistence` implements it.

Everything is read in one snapshot without locks, so a receipt shows a payment as it was at one moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.cart import Cart
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State


@dataclass(frozen=True, slots=True)
class PaidOrder:
    """The merchant of a payment, and its order as written.

    `customer` and `mobile` are the merchant's data about its customer; only their masked forms are shown.
    `cart` is without the delivery address, which no receipt shows. `shares` are those of a split,
    each with its payee's name, empty for the merchant itself; without a split there are none.
    """

    merchant_en: str
    merchant_bn: str
    trnx_id: str
    ekpay_trnx_id: str
    order_id: str
    details: str
    customer: str
    mobile: str
    cart: Cart | None = None
    shares: tuple[tuple[str, Money], ...] = ()


@dataclass(frozen=True, slots=True)
class PaidPayment:
    """A stored payment whose money a connector collected.

    `was_completed` says that it was completed once, also where it changed since. `bill` and `facts` are those
    of `collections.PaymentView`; `order` is None where the payee is a biller. `reference` is our own name of
    the movement of money, `provider_transaction` the connector's. `refunded` is back with the payer and
    `on_its_way` is owed to the payer; money that the payment never waited for counts in neither.
    """

    payment_id: UUID
    state: State
    was_completed: bool
    biller_id: str
    sums: Sums
    bill: Mapping[str, object]
    facts: Mapping[str, str]
    order: PaidOrder | None
    connector_id: str
    reference: str
    provider_transaction: str
    collected_at: datetime
    refunded: Money
    on_its_way: Money


class Receipts(Protocol):
    """Collected payments for receipts."""

    async def by_id(self, payment_id: UUID) -> PaidPayment | None:
        """The payment, or None: unknown, or not collected by a connector."""
        ...
