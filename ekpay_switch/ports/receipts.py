"""What a receipt is made of, as a protocol; `persistence` implements it.

Everything is read in one snapshot and nothing is locked: a receipt changes nothing, and a payment that moves
meanwhile is told as it stood at one moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State


@dataclass(frozen=True, slots=True)
class PaidOrder:
    """A merchant's part of a payment: who it is, and its order as it wrote it.

    `customer` and `mobile` are the merchant's words about its customer; only their masked forms are shown.
    """

    merchant_en: str
    merchant_bn: str
    trnx_id: str
    ekpay_trnx_id: str
    order_id: str
    details: str
    customer: str
    mobile: str


@dataclass(frozen=True, slots=True)
class PaidPayment:
    """A payment whose money a connector brought, as it stands.

    `was_completed` says that it was completed once, whatever became of it since. `bill` and `facts` are those
    of `collect_ports.PaymentView`; `order` is None where the payee is a biller. `reference` is our own name
    of the movement of money, `provider_transaction` the connector's. `refunded` is back with the payer and
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
    """Payments as far as their receipts need them."""

    async def paid(self, payment_id: UUID) -> PaidPayment | None:
        """The payment, or None: unknown, or no connector has brought its money."""
        ...
