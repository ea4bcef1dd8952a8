"""What a standing order prepared is fetched again, and refused where it is another bill by now."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.bill import BillerSilent, BillFound, BillMissing, FetchReply
from ekpay_switch.domain.carts.bill_cart import StoredCart
from ekpay_switch.domain.citizens.reminders import Reminder, StandingOrder
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.citizens.pay_prepared import PreparedRefusal, prepared_cart
from ekpay_switch.security.identifiers import uuid7
from tests.factories import a_bill
from tests.fakes.carts import NUMBERS, CartScene

BILLER, NUMBER = next(iter(NUMBERS.items()))
SAVED = SavedBill(uuid7(), BILLER, {"bill_no": NUMBER})
ORDER = StandingOrder(Money(105_000))


async def test_the_bill_as_it_is_now_stands_in_a_cart_of_its_own() -> None:
    scene = CartScene()
    other = await scene.filled()
    cart = await prepared_cart(SAVED, Reminder(order=ORDER), scene.office)
    assert isinstance(cart, StoredCart)
    assert cart.reference != other.reference
    assert [(stored.bill.biller_id, stored.bill.amount) for stored in cart.bills] == [
        (BILLER, Money(105_000))
    ]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (BillFound(a_bill(NUMBER, 105_001)), PreparedRefusal.ABOVE_CAP),
        (BillFound(a_bill(NUMBER, is_paid=True)), PreparedRefusal.GONE),
        (BillMissing(), PreparedRefusal.GONE),
        (BillerSilent("down"), PreparedRefusal.UNAVAILABLE),
    ],
)
async def test_what_is_another_bill_now_is_not_paid(reply: FetchReply, why: PreparedRefusal) -> None:
    scene = CartScene()
    scene.billers[BILLER].replies.append(reply)
    assert await prepared_cart(SAVED, Reminder(order=ORDER), scene.office) is why


@pytest.mark.parametrize(
    "reminder",
    [None, Reminder(), Reminder(order=replace(ORDER, is_paused=True))],
    ids=["off", "ended", "paused"],
)
async def test_without_a_standing_order_that_is_on_no_biller_is_asked(reminder: Reminder | None) -> None:
    scene = CartScene()
    assert await prepared_cart(SAVED, reminder, scene.office) is PreparedRefusal.PAUSED
    assert scene.small.steps.taken == []


async def test_saved_fields_that_name_no_bill_any_more_are_not_paid() -> None:
    scene = CartScene()
    saved = replace(SAVED, fields={"meter": "1"})
    assert await prepared_cart(saved, Reminder(order=ORDER), scene.office) is PreparedRefusal.UNAVAILABLE
