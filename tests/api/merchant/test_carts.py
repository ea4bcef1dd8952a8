"""merchant-api: the cart that a payer reads, ours (docs/adr/0114)."""

from copy import deepcopy
from typing import Any

import pytest

from ekpay_switch.domain.merchants.cart import Cart, CartDelivery, CartLine
from ekpay_switch.domain.money import Money
from tests.api.merchant.merchant_api_setup import Stall, refusal
from tests.api.merchant.test_orders import FAILURE
from tests.scenarios.merchant_orders import an_order

CART: dict[str, Any] = {
    "lines": [
        {"name": "নকশী কাঁথা", "quantity": 2, "amount": "70.00"},
        {"name": "Date molasses, 1.5 kg", "quantity": "1.5", "amount": 25},
        {"name": "উপহার", "amount": "0"},
    ],
    "discount": "5",
    "delivery": {
        "charge": "10.00",
        "carrier": "ডাক বিভাগ",
        "expected": "২ থেকে ৩ দিনের মধ্যে",
        "address": "বাড়ি ১২, মিরপুর রোড, ঢাকা",
    },
}


def _with(path: str, value: object) -> dict[str, Any]:
    """An order whose cart differs in one place."""
    cart = deepcopy(CART)
    *way, last = path.split(".")
    place: Any = cart
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    return an_order(checkout_cart=cart)


async def test_a_cart_stands_with_the_order_as_it_was_sent() -> None:
    stall = Stall()
    await stall.taken(an_order(checkout_cart=CART))
    (new,) = stall.books.news
    assert new.text.cart == Cart(
        (
            CartLine("নকশী কাঁথা", "2", Money(7_000)),
            CartLine("Date molasses, 1.5 kg", "1.5", Money(2_500)),
            CartLine("উপহার", "1", Money(0)),
        ),
        Money(500),
        CartDelivery(Money(1_000), "ডাক বিভাগ", "২ থেকে ৩ দিনের মধ্যে", "বাড়ি ১২, মিরপুর রোড, ঢাকা"),
    )
    assert new.text.cart.amount == new.amount


@pytest.mark.parametrize("cart", [None, {"lines": [{"name": "A sari", "amount": "100.00"}]}])
async def test_what_a_cart_may_leave_out(cart: object) -> None:
    stall = Stall()
    await stall.taken(an_order(checkout_cart=cart))
    (new,) = stall.books.news
    assert new.text.cart == (cart and Cart((CartLine("A sari", "1", Money(10_000)),)))


@pytest.mark.parametrize(
    ("path", "value", "member"),
    [
        ("lines", [], "lines"),
        ("lines", CART["lines"] * 17, "lines"),
        ("lines.0.name", "", "lines.0.name"),
        ("lines.0.name", " \t", "lines.0.name"),
        ("lines.0.name", "a\nb", "lines.0.name"),
        ("lines.0.name", "a\u202eb", "lines.0.name"),
        ("lines.0.name", "a\x07b", "lines.0.name"),
        ("lines.0.name", "x" * 201, "lines.0.name"),
        ("lines.0.name", None, "lines.0.name"),
        ("lines.1.quantity", "0", "lines.1.quantity"),
        ("lines.1.quantity", "0.000", "lines.1.quantity"),
        ("lines.1.quantity", "-1", "lines.1.quantity"),
        ("lines.1.quantity", "1.2345", "lines.1.quantity"),
        ("lines.1.quantity", "1e3", "lines.1.quantity"),
        ("lines.1.amount", "-25", "lines.1.amount"),
        ("lines.1.amount", None, "lines.1.amount"),
        ("lines.1.amount", "25.001", "lines.1.amount"),
        ("discount", "-5", "discount"),
        ("delivery.charge", "ten", "delivery.charge"),
        ("delivery.address", "a\u2028b", "delivery.address"),
        ("delivery.address", "x" * 201, "delivery.address"),
        ("delivery.expected", ["soon"], "delivery.expected"),
        ("delivery.carrier", "a\x00b".replace("\x00", "\x1b"), "delivery.carrier"),
        ("delivery", "by post", "delivery"),
    ],
)
async def test_what_is_wrong_in_a_cart_is_refused_by_its_name(path: str, value: object, member: str) -> None:
    stall = Stall()
    reply = await stall.order(_with(path, value))
    assert (reply.status, stall.books.news) == (400, [])
    assert reply.body == refusal("1024", f"Validation error: checkout_cart.{member}")


@pytest.mark.parametrize("path", ["discount", "delivery.charge", "lines.0.amount"])
async def test_a_cart_that_is_not_the_amount_is_refused(path: str) -> None:
    stall = Stall()
    reply = await stall.order(_with(path, "5.01"))
    assert (reply.status, stall.books.news) == (400, [])
    assert reply.body == refusal("1024", "Validation error: checkout_cart")


async def test_another_cart_is_another_order() -> None:
    stall = Stall()
    first = await stall.taken(an_order(checkout_cart=CART))
    again = await stall.taken(an_order(checkout_cart=CART, lang="en"))
    assert again["secure_token"] == first["secure_token"]
    other = await stall.order(_with("lines.0.name", "শীতল পাটি"))
    assert (other.status, other.body) == (200, FAILURE)


async def test_an_old_clients_cart_under_any_other_name_is_passed_over() -> None:
    stall = Stall()
    await stall.taken(an_order(cart="nonsense", delivery=[1], invoice={"lines": []}, items="3"))
    (new,) = stall.books.news
    assert new.text.cart is None


async def test_a_card_number_in_a_cart_is_masked() -> None:
    stall = Stall()
    await stall.taken(_with("lines.0.name", "Gift card 4111111111111111"))
    (new,) = stall.books.news
    assert new.text.cart is not None
    assert new.text.cart.lines[0].name == "Gift card 411111******1111"


async def test_a_number_in_bangla_digits_is_folded_once_and_echoed_as_it_came() -> None:
    stall = Stall()
    await stall.taken(an_order({"cust_info": {"cust_mobo_no": "+৮৮০১৭১২৩৪৫৬৭৮"}}))
    (new,) = stall.books.news
    assert new.text.order["cust_mobo_no"] == "+৮৮০১৭১২৩৪৫৬৭৮"
    assert new.text.order["payer_mobile"] == "+8801712345678"
    await stall.taken(an_order({"trns_info": {"trnx_id": "2"}}))
    assert "payer_mobile" not in stall.books.news[1].text.order
