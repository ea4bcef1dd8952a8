"""The receipt of a payment that we collected: who was paid, for what, how much, and whether it still holds.

Read from our database alone: no far side is asked, nothing is written. Whatever names a payer is masked here,
so that a receipt may be shown as it is. Other names are as their owners wrote them.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.cart import Cart
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import FINAL_RECEIPT, RECEIPT, receipts_of
from ekpay_switch.flows.merchants.masked_carts import mask_cart
from ekpay_switch.ports.billers import Billers
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.receipts import PaidOrder, PaidPayment, Receipts
from ekpay_switch.security.masking import mask_account, mask_personal_text

_HIDDEN = "***"


class ReceiptStatus(StrEnum):
    """Whether a receipt still holds; the comment of each member is its meaning."""

    VALID = "valid"  # the payee has the money
    PARTLY_REFUNDED = "partly_refunded"  # part of the price is back with the payer
    REFUNDED = "refunded"  # the whole price is back with the payer
    UNKNOWN = "unknown"  # it was completed, and is under review now


@dataclass(frozen=True, slots=True)
class Name:
    """A name in both languages."""

    bangla: str
    english: str


@dataclass(frozen=True, slots=True)
class Purchase:
    """What was paid for; empty where unknown. Whatever names a payer is masked.

    `order_id` and `details` are the merchant's; `bill_number` and `account` the biller's, as are `proof` (its
    receipt or challan number) and the later `final_proof`. `cart` is the merchant's, as are the
    `shares` of a split, each with its payee's name, empty for the merchant itself.
    """

    order_id: str = ""
    details: str = ""
    customer: str = ""
    mobile: str = ""
    bill_number: str = ""
    account: str = ""
    proof: str = ""
    final_proof: str = ""
    cart: Cart | None = None
    shares: tuple[tuple[str, Money], ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt. Amounts are whole paisa, `paid_at` is UTC.

    `transaction` is our own name of the payment's money: ekPay's transaction id of a merchant's payment, else
    the reference that the connector knows. `merchant_transaction` is the merchant's, `connector_transaction`
    the connector's. `refunded` is back with the payer, `on_its_way` is owed to the payer.
    """

    payment_id: UUID
    status: ReceiptStatus
    payee: Name
    is_merchant: bool
    purchase: Purchase
    sums: Sums
    refunded: Money
    on_its_way: Money
    paid_at: datetime
    instrument: Name
    transaction: str
    merchant_transaction: str
    connector_transaction: str

    @property
    def paid_on(self) -> date:
        """The day of the payment in Dhaka."""
        return business_date(self.paid_at)


async def receipt_of(
    payment_id: UUID, receipts: Receipts, billers: Billers, connectors: Connectors
) -> Receipt | None:
    """The receipt of a payment, or None where there is none: unknown, not collected, or never completed."""
    paid = await receipts.by_id(payment_id)
    status = None if paid is None else _status(paid)
    if paid is None or status is None:
        return None
    order, connector = paid.order, connectors.by_id(paid.connector_id)
    instrument = Name(paid.connector_id, paid.connector_id)
    if connector is not None:
        instrument = Name(connector.profile.name_bn, connector.profile.name_en)
    return Receipt(
        payment_id=paid.payment_id,
        status=status,
        payee=_payee(paid, billers),
        is_merchant=order is not None,
        purchase=_purchase_by_order(order) if order is not None else _purchase_by_bill(paid, billers),
        sums=paid.sums,
        refunded=paid.refunded,
        on_its_way=paid.on_its_way,
        paid_at=paid.collected_at,
        instrument=instrument,
        transaction=order.ekpay_trnx_id if order is not None else paid.reference,
        merchant_transaction=order.trnx_id if order is not None else "",
        connector_transaction=paid.provider_transaction,
    )


def _status(paid: PaidPayment) -> ReceiptStatus | None:
    """The status of the receipt, None without one; a refunded price counts in full without the charges."""
    if paid.state is State.REFUNDED:
        return ReceiptStatus.REFUNDED
    if not paid.was_completed:
        return None
    if paid.state is not State.COMPLETED:
        return ReceiptStatus.UNKNOWN
    if paid.refunded >= paid.sums.billed_amount:
        return ReceiptStatus.REFUNDED
    return ReceiptStatus.PARTLY_REFUNDED if paid.refunded.minor else ReceiptStatus.VALID


def _payee(paid: PaidPayment, billers: Billers) -> Name:
    if paid.order is not None:
        return Name(paid.order.merchant_bn, paid.order.merchant_en)
    biller = billers.by_id(paid.biller_id)
    if biller is None:
        return Name(paid.biller_id, paid.biller_id)
    return Name(biller.profile.name_bn, biller.profile.name_en)


def _purchase_by_order(order: PaidOrder) -> Purchase:
    return Purchase(
        order_id=order.order_id,
        details=mask_personal_text(order.details),
        customer=mask_name(order.customer),
        mobile=mask_account(order.mobile),
        cart=None if order.cart is None else mask_cart(order.cart, keeps_address=False),
        shares=order.shares,
    )


def _purchase_by_bill(paid: PaidPayment, billers: Billers) -> Purchase:
    biller, proofs = billers.by_id(paid.biller_id), receipts_of(paid.facts)
    proof = proofs.get(RECEIPT, "")
    if biller is None or biller.profile.has_unique_receipt:
        # Anybody who knows this number could use the service that it bought.
        proof = mask_account(proof)
    return Purchase(
        bill_number=mask_account(str(paid.bill.get("number") or "")),
        account=mask_account(str(paid.bill.get("account") or "")),
        proof=proof,
        final_proof=proofs.get(FINAL_RECEIPT, ""),
    )


def mask_name(name: str) -> str:
    """A person's name by its first letters: `Rahela Khatun` is `R*** K***`."""
    return " ".join(f"{word[0]}{_HIDDEN}" for word in name.split())
