"""The text message about a cart that has ended: with its money or not at all, once, and never in its way."""

from collections.abc import Sequence

import pytest

from ekpay_switch.domain.bangla import in_bangla_digits
from ekpay_switch.domain.carts.bill_cart import BillEnd, StoredCart
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.persistence.citizens.text_messages import PostgresTextMessages
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.citizens import CartContact, LeasedMessage
from tests.persistence.books import SEALER
from tests.persistence.carts.cart_setup import BILL, Portal
from tests.persistence.carts.test_carts import REFUSES

NUMBER = "01712345678"
BROKEN = (
    "UPDATE cart_contacts SET number_sealed = set_byte(number_sealed, 20, get_byte(number_sealed, 20) # 1)"
)


async def paid(portal: Portal, language: str = "en") -> StoredCart:
    """A cart of three bills, ordered with a mobile number and paid."""
    cart, _ = await portal.paid(contact=CartContact(NUMBER, PayerLanguage(language)))
    return cart


async def messages(portal: Portal) -> Sequence[LeasedMessage]:
    """Every message that waits, with its number and text."""
    transactions = ShortTransactions(portal.books.database.connect_hot)
    try:
        return await PostgresTextMessages(transactions, SEALER).lease_due(16, 60.0)
    finally:
        await transactions.close()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "ekPay: 3 bills paid, Tk 3,150.00. Payment {number}."),
        ("bn", f"একপে: ৩টি বিল পরিশোধ হয়েছে, {in_bangla_digits('3,150.00')} টাকা। নম্বর {{number}}।"),
    ],
    ids=["en", "bn"],
)
async def test_whoever_left_a_number_is_told_once_when_the_last_bill_has_ended(
    portal: Portal, language: str, text: str
) -> None:
    assert 3 * BILL == 315_000
    cart = await paid(portal, language)
    assert await portal.books.count("text_messages") == 0
    ended = await portal.worked(cart)
    await portal.worked(ended)
    (message,) = await messages(portal)
    number = await portal.books.value("SELECT ekpay_trnx_id FROM merchant_orders")
    assert (message.number, message.text) == (NUMBER, text.format(number=number))
    assert await portal.books.value("SELECT kind FROM text_messages") == "outcome"


async def test_a_bill_that_goes_back_is_said_too(portal: Portal) -> None:
    portal.billers["titas"].deeds.append(REFUSES)
    cart = await portal.worked(await paid(portal))
    assert [stored.end for stored in cart.bills] == [BillEnd.PAID, BillEnd.GIVEN_BACK, BillEnd.PAID]
    (message,) = await messages(portal)
    assert "2 bills paid, Tk 2,100.00. 1 bill not paid, Tk 1,050.00 and its charges go back." in message.text


async def test_a_repeat_after_a_lost_commit_tells_nobody_twice(portal: Portal) -> None:
    cart = await portal.worked(await paid(portal))
    for stored in cart.bills:
        assert await portal.carts.end_bill(cart, stored) is BillEnd.PAID
    assert len(await messages(portal)) == 1


async def test_nobody_is_told_who_left_no_number(portal: Portal) -> None:
    cart, _ = await portal.paid()
    await portal.worked(cart)
    assert await portal.books.count("text_messages") == 0


async def test_a_contact_that_was_changed_keeps_no_money_from_moving(portal: Portal) -> None:
    cart = await paid(portal)
    await portal.books.tell(BROKEN)
    ended = await portal.worked(cart)
    assert {stored.end for stored in ended.bills} == {BillEnd.PAID}
    assert await portal.books.count("text_messages") == 0
    await portal.adds_up(3 * BILL, 3 * BILL)
