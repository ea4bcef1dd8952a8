"""Paid payments in memory: the port `Receipts`, and things to make receipts of."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.ports.receipts import PaidOrder, PaidPayment

PAYMENT_ID = UUID("01a214f9-2d49-72cb-999b-92d548914d32")
PAID_AT = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)  # half past midnight of 2 March in Dhaka
SUMS = Sums(Money(100_000), Money(1_500), Money(500), Money(75))


def a_paid_order(**changes: Any) -> PaidOrder:  # noqa: ANN401 - its fields
    order = PaidOrder(
        merchant_en="ekShop",
        merchant_bn="ইকশপ",
        trnx_id="ES20260301000042",
        ekpay_trnx_id="EKP260301A1B2C3D4",
        order_id="ORD-42",
        details="২টি নকশিকাঁথা",
        customer="Rahela Khatun",
        mobile="01712345678",
    )
    return replace(order, **changes)


def a_merchants_payment(**changes: Any) -> PaidPayment:  # noqa: ANN401 - its fields
    paid = PaidPayment(
        payment_id=PAYMENT_ID,
        state=State.COMPLETED,
        was_completed=True,
        biller_id="merchant:ekshop",
        sums=SUMS,
        bill={},
        facts={},
        order=a_paid_order(),
        connector_id="bkash",
        reference="R" * 26,
        provider_transaction="AK7XQ2LM9P",
        collected_at=PAID_AT,
        refunded=Money(0),
        on_its_way=Money(0),
    )
    return replace(paid, **changes)


def a_paid_bill(**changes: Any) -> PaidPayment:  # noqa: ANN401 - its fields
    paid = a_merchants_payment(
        biller_id="desco_postpaid",
        order=None,
        bill={"number": "092512345678", "account": "12345678", "amount": 100_000},
        facts={"receipt": "DESCO-7781", "final_receipt": "", "payer_account_tail": "770"},
    )
    return replace(paid, **changes)


@dataclass
class FakeReceipts:
    """Payments as tests put them there."""

    payments: dict[UUID, PaidPayment] = field(default_factory=dict)

    def put(self, paid: PaidPayment) -> PaidPayment:
        self.payments[paid.payment_id] = paid
        return paid

    async def by_id(self, payment_id: UUID) -> PaidPayment | None:
        return self.payments.get(payment_id)
