"""`checkout_cart` of an order: the goods and their delivery, in the language in which the customer ordered.

The member is the switch's own (docs/merchant-api.md); ekPay passes over it.
"""

from sandbox.callers.ekshop.catalogue import AGENT_OF, COURIER, DISTRICTS, GOOD_OF, POST
from sandbox.callers.ekshop.orders import ShopOrder
from sandbox.kit.institution.amounts import taka

_TEXT_MAX = 200
_JOINERS = "\u200c\u200d"
"""Bangla joins and parts letters by them; any other invisible character is refused."""


def checkout_cart(order: ShopOrder) -> dict[str, object]:
    """The cart of an order as the switch takes it; its lines and delivery are what the order costs."""
    carrier = COURIER if order.agent is None else POST
    return {
        "lines": [
            {
                "name": good.name.of(order.language),
                "quantity": str(count),
                "amount": taka(good.price_paisa * count),
            }
            for good, count in ((GOOD_OF[code], count) for code, count in order.quantities.items())
        ],
        "delivery": {
            "charge": taka(order.carriage_paisa),
            "carrier": carrier.name.of(order.language),
            "expected": carrier.expected.of(order.language),
            "address": _address(order),
        },
    }


def _address(order: ShopOrder) -> str:
    """Where the parcels go: to the customer, or to the centre whose agent ordered."""
    if order.agent is not None:
        agent = AGENT_OF[order.agent]
        place, district = agent.name.of(order.language), agent.district
    else:
        place, district = _on_one_line(order.customer.address), order.district
    return f"{place}, {DISTRICTS[district].of(order.language)}".removeprefix(", ")[:_TEXT_MAX]


def _on_one_line(text: str) -> str:
    """What a customer typed, without characters that nobody sees."""
    spaced = " ".join(text.split())
    return "".join(letter for letter in spaced if letter.isprintable() or letter in _JOINERS)
