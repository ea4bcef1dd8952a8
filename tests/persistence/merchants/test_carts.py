"""The cart of an order is stored with it, its address sealed, and PostgreSQL adds it up again."""

from dataclasses import replace

import asyncpg
import pytest

from ekpay_switch.domain.merchants.cart import Cart, CartDelivery, CartLine
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.payments.receipts import PostgresReceipts
from tests.persistence.books import CUSTOMERS
from tests.persistence.collections.merchant_money_setup import AGENT, COURIER, SELLER, SPLIT, Stall
from tests.persistence.merchants.merchant_setup import Shop, a_text

ADDRESS = "বাড়ি ১২, মিরপুর রোড"
CART = Cart(
    (CartLine("নকশী কাঁথা", "2", Money(100_000)), CartLine("মধু", "0.5", Money(4_000))),
    Money(5_000),
    CartDelivery(Money(6_000), "ডাক বিভাগ", "২ থেকে ৩ দিন", ADDRESS),
)


@pytest.mark.parametrize("cart", [CART, replace(CART, delivery=None, discount=Money(-1_000)), None])
async def test_a_cart_comes_back_as_it_was_stored(shop: Shop, cart: Cart | None) -> None:
    payment = await shop.opened(shop.new(text=replace(a_text("ORDER-1"), cart=cart)))
    assert payment.text.cart == cart
    assert "delivery_address" not in payment.text.order


async def test_the_address_stands_nowhere_in_the_clear(shop: Shop) -> None:
    await shop.opened(shop.new(text=replace(a_text("ORDER-1"), cart=CART)))
    rows = await shop.books.rows(
        "SELECT o.text::text || c.cart::text AS all FROM merchant_orders o "
        "JOIN merchant_carts c USING (payment_id)"
    )
    assert [ADDRESS in row["all"] for row in rows] == [False]


async def test_a_cart_that_is_not_the_amount_is_refused_by_the_database_too(shop: Shop) -> None:
    wrong = shop.new(text=replace(a_text("ORDER-1"), cart=replace(CART, discount=Money(4_999))))
    with pytest.raises(asyncpg.CheckViolationError, match="a cart that is not the amount"):
        await shop.payments.open(wrong)
    assert await shop.books.value("SELECT count(*) FROM payments") == 0


async def test_nobody_changes_a_cart(shop: Shop) -> None:
    await shop.opened(shop.new(text=replace(a_text("ORDER-1"), cart=CART)))
    connection = await shop.books.database.connect()
    for statement in ("UPDATE merchant_carts SET cart = '{}'", "DELETE FROM merchant_carts"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_a_receipt_has_the_cart_without_the_address_and_the_split_by_names(stall: Stall) -> None:
    await stall.books.tell("UPDATE merchant_payees SET name = 'Rupa Store' WHERE code = $1", SELLER)
    order = stall.shop.new(text=replace(a_text("ORDER-1"), cart=CART), shares=SPLIT)
    payment = await stall.shop.opened(order)
    assert payment.payee_names[SELLER] == "Rupa Store"
    held = await stall.paid(await stall.on_page(payment))
    engine = stall.books.database.engine()
    paid = await PostgresReceipts(engine, CUSTOMERS).by_id(held.payment_id)
    await engine.dispose()
    assert paid is not None
    assert paid.order is not None
    assert CART.delivery is not None
    assert paid.order.cart == replace(CART, delivery=replace(CART.delivery, address=""))
    named = [(name, amount.minor) for name, amount in paid.order.shares]
    assert named == [("Rupa Store", 70_001), ("", 19_999), (COURIER, 10_000), (AGENT, 5_000)]


async def test_a_receipt_without_a_split_names_no_shares(stall: Stall) -> None:
    held = await stall.sold()
    engine = stall.books.database.engine()
    paid = await PostgresReceipts(engine, CUSTOMERS).by_id(held.payment_id)
    await engine.dispose()
    assert paid is not None
    assert paid.order is not None
    assert (paid.order.cart, paid.order.shares) == (None, ())
