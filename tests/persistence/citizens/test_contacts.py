"""The mobile number of a cart: sealed, kept until the cart is ordered, and gone with it."""

from datetime import UTC, datetime, timedelta

import pytest

from ekpay_switch.domain.carts.bill_cart import StoredCart
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.flows.carts.order_cart import order_cart
from ekpay_switch.persistence.carts.store import drop_old_carts
from ekpay_switch.persistence.citizens.contacts import drop_old_contacts
from ekpay_switch.ports.citizens import CartContact
from ekpay_switch.ports.merchants import MerchantPayment
from tests.persistence.books import SEALER
from tests.persistence.carts.cart_setup import Portal
from tests.persistence.citizens.conftest import Desk

NUMBER, OTHER = "01712345678", "01812345678"
WORK = "INSERT INTO cart_work (cart_id, next_action_at) SELECT id, {next_look} FROM bill_carts"
CONTACT = CartContact(NUMBER, PayerLanguage.BANGLA)


async def ordered(portal: Portal, desk: Desk) -> tuple[StoredCart, MerchantPayment]:
    cart = await portal.filled()
    await desk.contacts.keep(cart.cart_id, CONTACT)
    path = await order_cart(cart, PayerLanguage.BANGLA, portal.office)
    assert isinstance(path, str)
    payment = await portal.world.merchant_payments.by_checkout(path.rpartition("/")[2])
    assert payment is not None
    return cart, payment


async def test_a_cart_is_found_by_the_number_of_its_payment_and_of_its_payer(
    portal: Portal, desk: Desk
) -> None:
    cart, payment = await ordered(portal, desk)
    assert await desk.contacts.cart_of(payment.ekpay_trnx_id, NUMBER) == cart.reference
    assert await desk.contacts.cart_of(payment.ekpay_trnx_id, OTHER) is None
    for wrong in ("26120210000000000", "", "\x00", "\ud800", payment.ekpay_trnx_id[:-1]):
        assert await desk.contacts.cart_of(wrong, NUMBER) is None


async def test_the_newest_number_before_the_order_counts_and_none_after_it(
    portal: Portal, desk: Desk
) -> None:
    cart = await portal.filled()
    for number in (OTHER, NUMBER):
        await desk.contacts.keep(cart.cart_id, CartContact(number, PayerLanguage.ENGLISH))
    await order_cart(cart, PayerLanguage.BANGLA, portal.office)
    await desk.contacts.keep(cart.cart_id, CartContact(OTHER, PayerLanguage.ENGLISH))
    sealed = await portal.books.value("SELECT number_sealed FROM cart_contacts")
    assert SEALER.unseal(f"cart_contacts.number_sealed:{cart.cart_id}", bytes(sealed)).decode() == NUMBER


async def test_an_ordered_cart_without_a_number_gets_none_later(portal: Portal, desk: Desk) -> None:
    cart, _ = await portal.ordered()
    await desk.contacts.keep(cart.cart_id, CONTACT)
    assert await portal.books.count("cart_contacts") == 0


async def test_no_row_tells_the_number(portal: Portal, desk: Desk) -> None:
    await ordered(portal, desk)
    dump = str(await portal.books.rows("SELECT row_to_json(t)::text FROM cart_contacts AS t"))
    assert NUMBER not in dump
    assert NUMBER.encode().hex() not in dump
    assert NUMBER not in repr(CONTACT)


async def test_a_cart_that_nobody_orders_takes_its_number_along(portal: Portal, desk: Desk) -> None:
    cart = await portal.filled()
    await desk.contacts.keep(cart.cart_id, CONTACT)
    await portal.books.tell("UPDATE bill_carts SET created_at = now() - interval '25 hours'")
    await drop_old_carts(desk.transactions, 24.0)
    assert await portal.books.count("bill_carts") == 0
    assert await portal.books.count("cart_contacts") == 0


@pytest.mark.parametrize(
    ("days", "next_look", "kept"),
    [(181, "NULL", 0), (179, "NULL", 1), (181, "now()", 1)],
    ids=["ended long ago", "ended lately", "money still waits"],
)
async def test_a_number_is_kept_for_its_days_and_while_money_waits(
    days: int, next_look: str, kept: int, portal: Portal, desk: Desk
) -> None:
    cart, payment = await ordered(portal, desk)
    await portal.books.tell(WORK.format(next_look=next_look))
    await drop_old_contacts(desk.transactions, datetime.now(UTC) + timedelta(days=days), 180)
    assert await portal.books.count("cart_contacts") == kept
    found = await desk.contacts.cart_of(payment.ekpay_trnx_id, NUMBER)
    assert found == (cart.reference if kept else None)
