"""A cart as others may read it: long numbers are masked, and a receipt has no address."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.merchants.cart import Cart, CartDelivery, CartLine
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.merchants.masked_carts import mask_cart

NUMBER = "01712345678"
CART = Cart((CartLine(f"SIM {NUMBER}", "1", Money(10_000)),), Money(500))


@pytest.mark.parametrize("keeps_address", [True, False])
def test_a_cart_without_delivery_is_masked_in_its_lines(*, keeps_address: bool) -> None:
    masked = mask_cart(CART, keeps_address=keeps_address)
    assert NUMBER not in masked.lines[0].name
    assert masked.lines[0].name.startswith("SIM ")
    assert masked == replace(CART, lines=masked.lines)


@pytest.mark.parametrize("keeps_address", [True, False])
def test_an_address_is_for_its_payer_alone(*, keeps_address: bool) -> None:
    sent = CartDelivery(Money(5_000), f"Rider {NUMBER}", f"call {NUMBER}", f"Mirpur Road, {NUMBER}")
    masked = mask_cart(replace(CART, delivery=sent), keeps_address=keeps_address).delivery
    assert masked is not None
    assert masked.charge == sent.charge
    assert NUMBER not in f"{masked.carrier} {masked.expected} {masked.address}"
    assert masked.address.startswith("Mirpur Road") is keeps_address
