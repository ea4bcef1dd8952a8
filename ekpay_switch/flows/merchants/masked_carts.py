"""A merchant's cart as others may read it: numbers in its texts are masked (docs/adr/0084)."""

from dataclasses import replace

from ekpay_switch.domain.merchants.cart import Cart, CartDelivery
from ekpay_switch.security.masking import mask_personal_text


def mask_cart(cart: Cart, *, keeps_address: bool) -> Cart:
    """The cart without long numbers and mail addresses in its texts.

    `keeps_address` is for the payer's own pages; a receipt is shown to others, who learn no address.
    """
    lines = tuple(replace(line, name=mask_personal_text(line.name)) for line in cart.lines)
    sent = cart.delivery
    if sent is None:
        return replace(cart, lines=lines)
    delivery = CartDelivery(
        sent.charge,
        mask_personal_text(sent.carrier),
        mask_personal_text(sent.expected),
        mask_personal_text(sent.address) if keeps_address else "",
    )
    return replace(cart, lines=lines, delivery=delivery)
