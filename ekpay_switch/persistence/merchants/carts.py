"""The cart of a merchant's order as it is stored: JSON of its own, amounts in whole paisa.

The delivery address stands among the sealed members of the customer instead.
"""

from collections.abc import Mapping
from typing import Any

from ekpay_switch.domain.merchants.cart import Cart, CartDelivery, CartLine
from ekpay_switch.domain.money import Money


def stored_cart(cart: Cart) -> dict[str, object]:
    """The cart as JSON, without the address; `cart_of` reads it back."""
    delivery = cart.delivery
    return {
        "lines": [
            {"name": line.name, "quantity": line.quantity, "amount": line.amount.minor} for line in cart.lines
        ],
        "discount": cart.discount.minor,
        "delivery": None
        if delivery is None
        else {"charge": delivery.charge.minor, "carrier": delivery.carrier, "expected": delivery.expected},
    }


def cart_of(stored: Mapping[str, Any] | None, address: str) -> Cart | None:
    """The cart of a stored order, None where it has none, as all from before carts came."""
    if stored is None:
        return None
    sent = stored["delivery"]
    return Cart(
        tuple(CartLine(line["name"], line["quantity"], Money(line["amount"])) for line in stored["lines"]),
        Money(stored["discount"]),
        None
        if sent is None
        else CartDelivery(Money(sent["charge"]), sent["carrier"], sent["expected"], address),
    )
