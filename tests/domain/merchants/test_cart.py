"""What the parts of a cart come to."""

from ekpay_switch.domain.merchants.cart import Cart, CartDelivery, CartLine
from ekpay_switch.domain.money import Money

LINES = (CartLine("Nakshi kantha", "2", Money(50_000)), CartLine("Clay pot", "1", Money(10_000)))


def test_a_cart_comes_to_its_lines_and_its_delivery_less_the_discount() -> None:
    assert Cart(LINES).amount == Money(60_000)
    assert Cart(LINES, Money(1_000)).amount == Money(59_000)
    assert Cart(LINES, Money(1_000), CartDelivery(Money(5_000))).amount == Money(64_000)
