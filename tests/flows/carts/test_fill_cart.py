"""Filling a cart: what is found is in it once, what is not leaves it as it was."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.bill import BillerSilent
from ekpay_switch.domain.carts.bill_cart import CartRefusal, StoredCart
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.bills.fetch_bill import ParameterFault
from ekpay_switch.flows.carts.fill_cart import add_bill, find_cart, refill_cart, remove_bill
from tests.fakes.carts import NUMBERS, CartScene

DESCO = {"bill_no": NUMBERS["desco_postpaid"]}


async def test_a_first_bill_opens_a_cart_and_a_second_joins_it() -> None:
    scene = CartScene()
    first = await scene.filled("desco_postpaid")
    assert len(first.reference) == 26
    both = await add_bill(first.reference, "titas", {"bill_no": NUMBERS["titas"]}, scene.office)
    assert isinstance(both, StoredCart)
    assert (both.cart_id, [one.bill.biller_id for one in both.bills]) == (
        first.cart_id,
        ["desco_postpaid", "titas"],
    )
    assert both.amount == Money(210_000)
    assert await find_cart(first.reference, scene.office) == both


async def test_a_cart_keeps_what_names_the_bill_and_what_its_payer_may_see() -> None:
    (stored,) = (await CartScene().filled("desco_postpaid")).bills
    assert stored.bill.fields == DESCO
    assert (stored.bill.bill["number"], stored.bill.bill["amount"]) == (DESCO["bill_no"], 105_000)
    assert (stored.bill.bucket, stored.bill.bill_key) == ("postpaid", DESCO["bill_no"])
    assert stored.reference.endswith(":1")


async def test_the_same_bill_is_in_the_cart_once_as_it_is_now() -> None:
    scene = CartScene()
    cart = await scene.filled("desco_postpaid")
    scene.bill("desco_postpaid", DESCO["bill_no"], 110_250)
    again = await add_bill(cart.reference, "desco_postpaid", DESCO, scene.office)
    assert isinstance(again, StoredCart)
    assert [one.bill.amount for one in again.bills] == [Money(110_250)]


async def test_an_unknown_or_ordered_cart_is_left_alone_and_a_new_one_begins() -> None:
    scene = CartScene()
    ordered = await scene.ordered("desco_postpaid")
    for reference in (ordered.reference, "NOSUCHCART", ""):
        new = await add_bill(reference, "titas", {"bill_no": NUMBERS["titas"]}, scene.office)
        assert isinstance(new, StoredCart)
        assert new.reference not in {ordered.reference, "NOSUCHCART"}
    assert scene.carts.standing(ordered.cart_id) == ordered


@pytest.mark.parametrize(
    ("biller_id", "fields", "refusal"),
    [
        ("desco_postpaid", {"bill_no": "099999999999"}, Refusal.NO_SUCH_BILL),
        ("desco_postpaid", {"bill_no": "12"}, ParameterFault),
        ("desco_postpaid", {}, ParameterFault),
        ("desco_postpaid", {"colour": "red"}, ParameterFault),
        ("nobody", DESCO, Refusal.UNKNOWN_BILLER),
    ],
)
async def test_what_is_not_found_opens_no_cart(
    biller_id: str, fields: dict[str, str], refusal: object
) -> None:
    scene = CartScene()
    answer = await add_bill("", biller_id, fields, scene.office)
    assert answer is refusal or (isinstance(answer, ParameterFault) and refusal is ParameterFault)
    assert scene.carts.carts == {}


async def test_a_biller_that_is_not_active_is_not_asked() -> None:
    scene = CartScene()
    biller = scene.billers["desco_postpaid"]
    biller.profile = replace(biller.profile, status="planned")
    assert await add_bill("", "desco_postpaid", DESCO, scene.office) is Refusal.UNKNOWN_BILLER
    assert "fetch" not in scene.small.steps.taken


async def test_a_silent_biller_and_a_paid_bill_say_so() -> None:
    scene = CartScene()
    scene.billers["desco_postpaid"].replies.append(BillerSilent("no answer"))
    assert await add_bill("", "desco_postpaid", DESCO, scene.office) is Refusal.BILLER_UNAVAILABLE
    scene.bill("desco_postpaid", DESCO["bill_no"], 0, is_paid=True)
    assert await add_bill("", "desco_postpaid", DESCO, scene.office) is CartRefusal.ALREADY_PAID


async def test_a_full_cart_takes_no_more() -> None:
    scene = CartScene()
    cart = await scene.filled()
    scene.bill("titas", "092512340000", 5_000)
    answer = await add_bill(cart.reference, "titas", {"bill_no": "092512340000"}, scene.office)
    assert answer is CartRefusal.TOO_MANY_BILLS
    assert len(scene.carts.standing(cart.cart_id).bills) == 3


async def test_a_bill_can_be_taken_out_until_the_cart_is_ordered() -> None:
    scene = CartScene()
    cart = await remove_bill(await scene.filled(), 2, scene.office)
    assert [one.seq for one in cart.bills] == [1, 3]
    ordered = await scene.ordered()
    assert await remove_bill(ordered, 1, scene.office) == ordered
    assert len(scene.carts.standing(ordered.cart_id).bills) == 3


@pytest.mark.parametrize("state", [State.DECLINED, State.EXPIRED, State.REFUNDED])
async def test_the_bills_of_a_cart_that_was_never_paid_go_into_a_new_one(state: State) -> None:
    scene = CartScene()
    unpaid = await scene.ordered("desco_postpaid", "titas")
    scene.checkout_says(unpaid, state)
    before = scene.carts.standing(unpaid.cart_id)
    again = await refill_cart(unpaid.reference, before, scene.office)
    assert isinstance(again, StoredCart)
    assert again.cart_id != unpaid.cart_id
    assert [one.bill for one in again.bills] == [one.bill for one in unpaid.bills]
    assert {one.reference for one in again.bills}.isdisjoint(one.reference for one in unpaid.bills)
    assert scene.carts.standing(unpaid.cart_id) == before


async def test_they_join_a_cart_that_is_being_filled_as_far_as_it_holds() -> None:
    scene = CartScene()
    unpaid = await scene.ordered("desco_postpaid", "titas")
    scene.checkout_says(unpaid, State.EXPIRED)
    unpaid = scene.carts.standing(unpaid.cart_id)
    other = await scene.filled("wasa")
    joined = await refill_cart(other.reference, unpaid, scene.office)
    assert isinstance(joined, StoredCart)
    assert (joined.cart_id, len(joined.bills)) == (other.cart_id, 3)
    scene.bill("wasa", "092512340001", 5_000)
    scene.bill("wasa", "092512340002", 5_000)
    full = await scene.filled("wasa")
    await add_bill(full.reference, "wasa", {"bill_no": "092512340001"}, scene.office)
    answer = await refill_cart(full.reference, unpaid, scene.office)
    assert answer is CartRefusal.TOO_MANY_BILLS


@pytest.mark.parametrize("state", [State.CREATED, State.COLLECTING, State.COMPLETED, State.IN_REVIEW])
async def test_what_may_still_be_paid_or_was_is_not_paid_again(state: State) -> None:
    scene = CartScene()
    cart = await scene.ordered("titas")
    scene.checkout_says(cart, state)
    count = len(scene.carts.carts)
    standing = scene.carts.standing(cart.cart_id)
    assert await refill_cart("", standing, scene.office) is CartRefusal.NOT_OVER
    assert len(scene.carts.carts) == count
