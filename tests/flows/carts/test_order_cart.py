"""Ordering a cart: one payment at the checkout, of what the payer saw and nothing else."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.bill import BillerSilent
from ekpay_switch.domain.carts.bill_cart import PORTAL, CartRefusal, StoredCart
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.carts.fill_cart import add_bill, remove_bill
from ekpay_switch.flows.carts.order_cart import order_cart
from tests.fakes.carts import NUMBERS, PORTAL_MERCHANT, CartScene
from tests.fakes.crash_points import CrashError

BANGLA, ENGLISH = PayerLanguage.BANGLA, PayerLanguage.ENGLISH


async def test_a_cart_is_one_payment_to_the_portal_with_a_line_for_each_bill() -> None:
    scene = CartScene()
    cart = await scene.filled("desco_postpaid", "titas")
    path = await order_cart(cart, BANGLA, scene.office)
    order = scene.order_of(cart)
    assert path == f"/pay/checkout/{order.checkout_reference}"
    assert (order.partner_id, order.amount) == (PORTAL, Money(210_000))
    assert order.text.cart is not None
    assert [(line.biller_id, line.amount.minor) for line in order.text.cart.lines] == [
        ("desco_postpaid", 105_000),
        ("titas", 105_000),
    ]
    assert order.text.cart.lines[0].name == f"ডেসকো (পোস্টপেইড) · {NUMBERS['desco_postpaid']}"
    back = f"https://pay.example/cart/{cart.reference}"
    assert (order.text.s_uri, order.text.f_uri, order.text.c_uri) == (back, back, back)
    assert order.text.order["lang"] == "bn"


async def test_names_stand_in_the_language_of_the_page() -> None:
    scene = CartScene()
    cart = await scene.filled("desco_postpaid")
    scene.small.merchant_payments.payments.clear()
    await order_cart(cart, ENGLISH, scene.office)
    text = scene.order_of(cart).text
    assert text.cart is not None
    assert text.cart.lines[0].name.startswith("DESCO (postpaid) · ")


async def test_whoever_presses_twice_in_either_language_comes_to_the_same_payment() -> None:
    scene = CartScene()
    cart = await scene.filled()
    paths = {await order_cart(cart, language, scene.office) for language in (BANGLA, ENGLISH)}
    assert len(paths) == 1
    assert len(scene.small.merchant_payments.payments) == 1


async def test_a_crash_between_freezing_and_opening_leaves_a_cart_that_can_be_ordered_again() -> None:
    scene = CartScene()
    cart = await scene.filled()
    scene.small.steps.crash_at = "after order_cart"
    with pytest.raises(CrashError):
        await order_cart(cart, BANGLA, scene.office)
    assert scene.small.merchant_payments.payments == {}
    frozen = scene.carts.standing(cart.cart_id)
    assert isinstance(await order_cart(frozen, BANGLA, scene.office), str)


async def test_an_empty_cart_is_not_ordered() -> None:
    scene = CartScene()
    cart = await scene.filled("titas")
    empty = await scene.carts.remove_bill(cart.cart_id, 1)
    assert empty is not None
    assert await order_cart(empty, BANGLA, scene.office) is CartRefusal.EMPTY


async def test_a_portal_that_is_switched_off_or_missing_takes_no_order() -> None:
    scene = CartScene()
    cart = await scene.filled()
    merchants = scene.small.merchants.merchants
    merchants[PORTAL] = replace(PORTAL_MERCHANT, is_active=False)
    assert await order_cart(cart, BANGLA, scene.office) is CartRefusal.CLOSED
    merchants.clear()
    assert await order_cart(cart, BANGLA, scene.office) is CartRefusal.CLOSED


async def test_an_order_whose_time_is_over_cannot_be_opened_again() -> None:
    scene = CartScene()
    cart = await scene.ordered()
    order = scene.order_of(cart)
    scene.small.clock.pass_by(3_601)
    scene.small.merchant_payments.payments[order.payment_id] = replace(
        order, token_expires_at=scene.small.clock.now()
    )
    assert await order_cart(cart, BANGLA, scene.office) is CartRefusal.CLOSED


async def test_old_quotes_are_renewed_before_the_cart_is_ordered() -> None:
    scene = CartScene()
    cart = await scene.filled("desco_postpaid", "titas")
    scene.small.clock.pass_by(14 * 60)
    later = scene.carts.standing(cart.cart_id)
    assert isinstance(await order_cart(later, BANGLA, scene.office), str)
    ordered = scene.carts.standing(cart.cart_id)
    assert all(one.bill.is_quoted(scene.small.clock.now()) for one in ordered.bills)
    assert {one.bill.quote_id for one in ordered.bills}.isdisjoint(one.bill.quote_id for one in cart.bills)


async def test_an_amount_that_has_changed_is_shown_before_it_is_ordered() -> None:
    scene = CartScene()
    cart = await scene.filled("desco_postpaid", "titas")
    scene.small.clock.pass_by(14 * 60)
    scene.bill("desco_postpaid", NUMBERS["desco_postpaid"], 110_250)
    later = scene.carts.standing(cart.cart_id)
    assert await order_cart(later, BANGLA, scene.office) is CartRefusal.AMOUNT_CHANGED
    seen = scene.carts.standing(cart.cart_id)
    assert (seen.is_ordered, seen.amount) == (False, Money(215_250))
    assert isinstance(await order_cart(seen, BANGLA, scene.office), str)


@pytest.mark.parametrize("how", ["gone", "paid", "other rules", "the next of its account"])
async def test_a_bill_that_can_no_longer_be_paid_leaves_the_cart(how: str) -> None:
    scene = CartScene()
    cart = await scene.filled("desco_postpaid", "titas")
    scene.small.clock.pass_by(14 * 60)
    desco = scene.billers["desco_postpaid"]
    if how == "gone":
        desco.bills.clear()
    elif how == "paid":
        scene.bill("desco_postpaid", NUMBERS["desco_postpaid"], 0, is_paid=True)
    elif how == "the next of its account":
        number = NUMBERS["desco_postpaid"]
        desco.bills[number] = replace(desco.bills[number], bill_key="that of the next month")
    else:
        parameter = replace(desco.profile.parameters[0], pattern="^[0-9]{3}$")
        desco.profile = replace(desco.profile, parameters=(parameter,))
    later = scene.carts.standing(cart.cart_id)
    assert await order_cart(later, BANGLA, scene.office) is CartRefusal.BILL_GONE
    assert [one.bill.biller_id for one in scene.carts.standing(cart.cart_id).bills] == ["titas"]


async def test_a_bill_that_another_tab_has_taken_out_meanwhile_is_not_ordered() -> None:
    scene = CartScene()
    cart = await scene.filled("desco_postpaid", "titas")
    scene.small.clock.pass_by(14 * 60)
    seen = scene.carts.standing(cart.cart_id)
    await remove_bill(seen, seen.bills[0].seq, scene.office)
    assert await order_cart(seen, BANGLA, scene.office) is CartRefusal.BILL_GONE
    left = scene.carts.standing(cart.cart_id)
    assert [one.bill.biller_id for one in left.bills] == ["titas"]
    assert not left.is_ordered


async def test_a_biller_that_is_no_longer_configured_leaves_the_cart_too() -> None:
    scene = CartScene()
    cart = await scene.filled("desco_postpaid")
    scene.small.clock.pass_by(14 * 60)
    scene.small.billers.known.remove(scene.billers["desco_postpaid"])
    later = scene.carts.standing(cart.cart_id)
    assert await order_cart(later, BANGLA, scene.office) is CartRefusal.BILL_GONE


async def test_a_biller_that_does_not_answer_keeps_the_cart_as_it_is() -> None:
    scene = CartScene()
    cart = await scene.filled("desco_postpaid", "titas")
    scene.small.clock.pass_by(14 * 60)
    scene.billers["desco_postpaid"].replies.append(BillerSilent("no answer"))
    later = scene.carts.standing(cart.cart_id)
    assert await order_cart(later, BANGLA, scene.office) is CartRefusal.UNAVAILABLE
    assert len(scene.carts.standing(cart.cart_id).bills) == 2


async def test_a_bill_of_a_biller_without_a_name_is_called_by_its_id() -> None:
    """Its manifest went between filling and ordering, and its quote is still alive."""
    scene = CartScene()
    cart = await scene.filled("titas")
    scene.small.billers.known.clear()
    await order_cart(cart, BANGLA, scene.office)
    text = scene.order_of(cart).text
    assert text.cart is not None
    assert text.cart.lines[0].name == f"titas · {NUMBERS['titas']}"


async def test_a_bill_without_any_number_is_called_by_its_biller_alone() -> None:
    scene = CartScene()
    cart = await scene.filled("titas")
    (stored,) = cart.bills
    bare = replace(stored.bill, bill={"number": "", "account": None})
    await scene.carts.replace_bill(cart.cart_id, 1, bare)
    await order_cart(scene.carts.standing(cart.cart_id), BANGLA, scene.office)
    text = scene.order_of(cart).text
    assert text.cart is not None
    assert text.cart.lines[0].name == "ডেসকো (পোস্টপেইড)"


async def test_a_bill_that_has_become_another_of_the_cart_is_ordered_once_and_not_unseen() -> None:
    """An account stands for its oldest unpaid bill: that was paid, and the next is in the cart already."""
    scene = CartScene()
    other = "102512345678"
    scene.bill("desco_postpaid", other, 105_000)
    cart = await scene.filled("desco_postpaid")
    both = await add_bill(cart.reference, "desco_postpaid", {"bill_no": other}, scene.office)
    assert isinstance(both, StoredCart)
    bills = scene.billers["desco_postpaid"].bills
    bills[NUMBERS["desco_postpaid"]] = bills[other]
    scene.small.clock.pass_by(14 * 60)
    later = scene.carts.standing(cart.cart_id)
    assert await order_cart(later, BANGLA, scene.office) is CartRefusal.BILL_GONE
    left = scene.carts.standing(cart.cart_id)
    assert [one.bill.bill_key for one in left.bills] == [other]
    assert isinstance(await order_cart(left, BANGLA, scene.office), str)
