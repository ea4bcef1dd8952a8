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
        "lines": [_stored_line(line) for line in cart.lines],
        "discount": cart.discount.minor,
        "delivery": None
        if delivery is None
        else {"charge": delivery.charge.minor, "carrier": delivery.carrier, "expected": delivery.expected},
    }


def _stored_line(line: CartLine) -> dict[str, object]:
    biller = {"biller": line.biller_id} if line.biller_id else {}
    return {"name": line.name, "quantity": line.quantity, "amount": line.amount.minor, **biller}


def _line_of(stored: Mapping[str, Any]) -> CartLine:
    amount = Money(stored["amount"])
    return CartLine(stored["name"], stored["quantity"], amount, stored.get("biller", ""))


def cart_of(stored: Mapping[str, Any] | None, address: str) -> Cart | None:
    """The cart of a stored order, None where it has none, as all from before carts came."""
    if stored is None:
        return None
    sent = stored["delivery"]
    return Cart(
        tuple(_line_of(line) for line in stored["lines"]),
        Money(stored["discount"]),
        None
        if sent is None
        else CartDelivery(Money(sent["charge"]), sent["carrier"], sent["expected"], address),
    )
