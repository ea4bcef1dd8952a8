"""What the three dialects of this family have in common, which is little."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.replies import Errors
from sandbox.kit.provider.family import HouseCall, HousePage
from sandbox.kit.provider.hooks import Push, Telling, WayBack
from sandbox.kit.provider.orders import Order
from sandbox.kit.provider.provider import Provider

ASKED_AS = "asked_as"
"""The fact of an order that holds the merchant's reference as it was sent."""

APPROVAL_LENGTH = 6
DIGITS = "0123456789"
Json = dict[str, object]


class Dialect(Protocol):
    """How one of them speaks; the names are those of `GatewayFarSide`."""

    errors: Errors

    def house_calls(self, provider: Provider) -> Iterable[HouseCall]:
        """Return its calls."""
        ...

    def house_pages(self, provider: Provider) -> Iterable[HousePage]:
        """Return where its page is."""
        ...

    def way_back(self, provider: Provider, order: Order, telling: Telling) -> WayBack | None:
        """Return where the browser goes."""
        ...

    def push(self, provider: Provider, order: Order, telling: Telling) -> Push | None:
        """Return what it pushes."""
        ...

    def new_provider_reference(self) -> str:
        """Return its name for an order."""
        ...

    def secrets_for_switch(self, password: str) -> Mapping[str, str]:
        """Return what lets a switch in."""
        ...


def free_name(provider: Provider, asked_as: str) -> str:
    """Return the name under which the book keeps an order: its reference, or that with a number."""
    name, nth = asked_as, 1
    while provider.find(name) is not None:
        nth += 1
        name = f"{asked_as}#{nth}"
    return name


def order_called(provider: Provider, name: object) -> Order | None:
    """Return the order that the house itself calls so; its other names are no keys to it."""
    order = provider.find_named(name) if isinstance(name, str) else None
    return order if order is not None and order.provider_reference == name else None


def registered(address: str, provider: Provider) -> str:
    """Return the address that the merchant has registered with a house, or nothing."""
    url = address.replace("{house}", provider.house.id)
    return url if is_web_address(url) else ""


def approval_code(rrn: str) -> str:
    """Return the issuer's code of a payment; here it is made of its number."""
    return rrn[-APPROVAL_LENGTH:]
