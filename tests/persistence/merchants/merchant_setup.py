"""Merchants over real books: a merchant with payees, and orders of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.collections.new_tries import NewTry
from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.merchants.directory import PostgresMerchants
from ekpay_switch.persistence.merchants.payments import PostgresMerchantPayments
from ekpay_switch.persistence.short_transactions import Connect, ShortTransactions, TransactionLimits
from ekpay_switch.ports.merchants import MerchantOpened, MerchantPayment, NewMerchantPayment, OrderText
from ekpay_switch.security.identifiers import unguessable, uuid7
from tests.persistence.books import CUSTOMERS, Books
from tests.persistence.collections.collection_setup import HOLD_SECONDS, Till, open_till

NEW_PARTNER = "INSERT INTO partners (id, name, lane) VALUES ($1, $2, $3)"
NEW_MERCHANT = """
INSERT INTO merchants (partner_id, mer_reg_id, name_bn, pass_key_hash, fee_plan, charges_on_refund,
  return_hosts, networks, refund_limit, debt_limit)
VALUES ($1, $2, $3, 'hash', 'merchant', 'kept', '["shop.example"]', '["192.0.2.0/24"]', 500000, 100000)
"""
NEW_ENDPOINT = """
INSERT INTO notification_endpoints (id, partner_id, url, kind) VALUES ($1, $2, 'ipn', 'ipn')
"""
NEW_PAYEE = "INSERT INTO merchant_payees (partner_id, code, kind, name) VALUES ($1, $2, $3, $2)"
BKASH, CARD = (
    Charges(Money(1_575), Money(500), Money(75)),
    Charges(Money(2_100), Money(500), Money(75)),
)
ORDER = {
    "cust_id": "007",
    "cust_name": "Rahela",
    "cust_mobo_no": "+8801700000000",
    "cust_email": None,
    "cust_mail_addr": "12 Mirpur Road",
    "trnx_amt": "1050.0",
    "trnx_currency": "BDT",
    "ord_id": "42",
    "ord_det": "নতুন জামা",
    "req_timestamp": "2026-03-10 12:00:00 GMT+6",
}
IPN_URI = "https://shop.example/ipn"


@dataclass
class Shop:
    """One test's merchants upon its books; the till has the tries of their payments."""

    books: Books
    till: Till
    directory: PostgresMerchants
    payments: PostgresMerchantPayments

    async def merchant(
        self, name: str = "shop", lane: int = 0, payees: dict[str, PayeeKind] | None = None
    ) -> str:
        await self.books.tell(NEW_PARTNER, name, f"{name} Ltd.", lane)
        await self.books.tell(NEW_MERCHANT, name, f"{name}_test", "দোকান")
        await self.books.tell(NEW_ENDPOINT, uuid7(), name)
        for code, kind in (payees or {}).items():
            await self.books.tell(NEW_PAYEE, name, code, str(kind))
        return name

    def new(self, trnx_id: str = "", **changes: Any) -> NewMerchantPayment:  # noqa: ANN401 - its fields
        payment_id = uuid7()
        amount = Money(105_000)
        new = NewMerchantPayment(
            payment_id=payment_id,
            partner_id="shop",
            lane=0,
            text=a_text(trnx_id or payment_id.hex),
            amount=amount,
            fingerprint=b"all but req_timestamp and mac_addr",
            checkout_reference=unguessable(),
            ekpay_trnx_id=f"260310120000{payment_id.hex[-5:]}",
            token_expires_at=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30_000),
            return_url=f"https://pay.example/pay/checkout/{payment_id.hex}",
            shares=(Share("", None, amount),),
        )
        return replace(new, **changes)

    async def opened(self, new: NewMerchantPayment | None = None) -> MerchantPayment:
        answer = await self.payments.open(new or self.new())
        assert isinstance(answer, MerchantOpened), answer
        return answer.payment

    async def begun(
        self,
        payment: MerchantPayment,
        charges: Charges = BKASH,
        nth: int | None = None,
        connector: str = "bkash",
    ) -> LockedTry:
        """A try of the payment, held by its maker."""
        held = await self.till.collections.open_try(
            payment.partner_id, payment.payment_id, a_priced_try(charges, nth, connector), 0.0
        )
        assert isinstance(held, LockedTry), held
        return held

    async def seen(self, payment_id: UUID) -> MerchantPayment:
        found = await self.payments.by_id(payment_id)
        assert found is not None
        return found


def a_text(trnx_id: str, **changes: Any) -> OrderText:  # noqa: ANN401 - fields of OrderText
    s_uri, f_uri, c_uri = (f"https://shop.example/{word}?order=7" for word in ("done", "failed", "cancelled"))
    text = OrderText(trnx_id, ORDER, s_uri, f_uri, c_uri, "3", "ipn@shop.example", IPN_URI)
    return replace(text, **changes)


def a_priced_try(charges: Charges | None = BKASH, nth: int | None = None, connector: str = "bkash") -> NewTry:
    return NewTry(uuid7(), unguessable(), connector, 10.0, HOLD_SECONDS, charges=charges, nth=nth)


@asynccontextmanager
async def open_shop(
    books: Books, connect: Connect | None = None, connections: int = 4
) -> AsyncIterator[Shop]:
    engine = books.database.engine()
    limits = TransactionLimits(connections)
    transactions = ShortTransactions(connect or books.database.connect_hot, limits)
    async with open_till(books, connect, connections) as till:
        payments = PostgresMerchantPayments(engine, transactions, CUSTOMERS)
        yield Shop(books, till, PostgresMerchants(engine), payments)
    await transactions.close()
    await engine.dispose()
