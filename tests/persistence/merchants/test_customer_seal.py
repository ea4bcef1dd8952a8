"""The customer of an order is sealed at rest (docs/adr/0084)."""

from dataclasses import replace
from uuid import UUID

import pytest

from ekpay_switch.persistence.merchants.customer_seal import MEMBERS, CustomerSeal
from ekpay_switch.persistence.merchants.payments import PostgresMerchantPayments
from ekpay_switch.persistence.payments.receipts import PostgresReceipts
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.merchants import MerchantOpened
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer
from tests.persistence.books import CUSTOMERS
from tests.persistence.collections.merchant_money_setup import Stall
from tests.persistence.merchants.merchant_setup import ORDER, Shop

ONE, OTHER = UUID(int=1), UUID(int=2)
STORED = "SELECT text::text FROM merchant_orders"


def test_what_is_sealed_comes_back_and_shows_nothing() -> None:
    stored = CUSTOMERS.seal(ONE, ORDER)
    assert CUSTOMERS.open(ONE, stored) == ORDER
    assert not set(MEMBERS) & set(stored)
    assert {name: stored[name] for name in ("cust_id", "ord_det")} == {"cust_id": "007", "ord_det": "নতুন জামা"}


def test_a_missing_member_stays_missing_and_null_stays_null() -> None:
    order = {"cust_id": "7", "cust_email": None, "trnx_amt": "1"}
    assert CUSTOMERS.open(ONE, CUSTOMERS.seal(ONE, order)) == order


def test_a_customer_opens_for_its_own_payment_and_under_its_own_key_alone() -> None:
    stored = CUSTOMERS.seal(ONE, ORDER)
    for seal, payment_id in ((CUSTOMERS, OTHER), (CustomerSeal(Sealer(bytes(range(32)))), ONE)):
        with pytest.raises(SealBrokenError):
            seal.open(payment_id, stored)


def test_an_order_from_before_is_read_as_it_stands() -> None:
    assert CUSTOMERS.open(ONE, ORDER) == ORDER
    assert replace(CUSTOMERS, is_on=False).seal(ONE, ORDER) == ORDER


async def test_no_customer_stands_in_the_database_and_all_of_it_is_read(shop: Shop) -> None:
    payment = await shop.opened()
    stored = await shop.books.value(STORED)
    assert [value for name, value in ORDER.items() if name in MEMBERS and value and value in stored] == []
    assert payment.text.order == ORDER
    (found,) = await shop.payments.by_trnx_id(payment.text.trnx_id)
    assert found.text.order == ORDER


async def test_a_receipt_names_its_customer(stall: Stall) -> None:
    held = await stall.sold()
    engine = stall.books.database.engine()
    paid = await PostgresReceipts(engine, CUSTOMERS).by_id(held.payment_id)
    await engine.dispose()
    assert paid is not None
    assert paid.order is not None
    assert (paid.order.customer, paid.order.mobile) == (ORDER["cust_name"], ORDER["cust_mobo_no"])


async def test_sealed_and_unsealed_orders_stand_side_by_side(shop: Shop) -> None:
    """While processes of before still run, new ones are told to write as those can read."""
    engine = shop.books.database.engine()
    transactions = ShortTransactions(shop.books.database.connect_hot)
    unsealing = PostgresMerchantPayments(engine, transactions, replace(CUSTOMERS, is_on=False))
    opened = await unsealing.open(shop.new())
    assert isinstance(opened, MerchantOpened)
    assert str(ORDER["cust_name"]) in await shop.books.value(STORED)
    assert (await shop.seen(opened.payment.payment_id)).text.order == ORDER
    sealed = await shop.opened()
    found = await unsealing.by_id(sealed.payment_id)
    assert found is not None
    assert found.text.order == ORDER
    await transactions.close()
    await engine.dispose()
