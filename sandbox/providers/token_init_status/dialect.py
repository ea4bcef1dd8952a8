"""What the houses of this family have apart from each other: three dialects of token, init, status."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Errors
from sandbox.kit.provider.family import HouseCall
from sandbox.kit.provider.hooks import Telling, WayBack
from sandbox.kit.provider.orders import Order
from sandbox.kit.provider.provider import NewOrder, Provider


class Dialect(ABC):
    """How some houses speak; each method is called with the house that asks."""

    errors: ClassVar[Errors]
    scheme: ClassVar[str]
    """What stands before a token in the header Authorization."""

    @abstractmethod
    def calls(self, provider: Provider) -> Iterable[HouseCall]:
        """Return the calls of a house."""

    @abstractmethod
    def way_back(self, provider: Provider, order: Order, telling: Telling) -> WayBack:
        """Return where the payer's browser goes."""

    @abstractmethod
    def provider_reference(self, provider: Provider, new: NewOrder) -> str:
        """Return the house's name for a new order."""

    @abstractmethod
    def transaction_id(self, provider: Provider, order: Order) -> str:
        """Return the house's name for a payment, a failed try or a refund."""

    @abstractmethod
    def secrets(self, password: str) -> Mapping[str, str]:
        """Return what a switch is told beside the address."""

    def is_admitted(self, provider: Provider, request: Request) -> bool:
        """Whether the header Authorization brings a living token.

        The prefix of the kit's own tokens is one for a whole family, so it is empty there and looked at here.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == self.scheme and is_token(provider, token)


def is_token(provider: Provider, token: object) -> bool:
    """Whether this is a living token of the house."""
    return isinstance(token, str) and provider.bearers.admits(token.encode(), provider.clock.now())
