"""What a family says of its own when a house sends a browser back, pushes, or makes up a name."""

import secrets
import string
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from sandbox.kit.provider.magic_numbers import Word
from sandbox.kit.provider.orders import Order, Refund, State

if TYPE_CHECKING:
    from sandbox.kit.provider.provider import NewOrder, Provider

_LETTERS = string.ascii_uppercase + string.digits
_FIRST_GOOD, _FIRST_BAD = 200, 300


class PushKind(StrEnum):
    """What can be sent to the merchant's server; all but the first three are sent once and never owed."""

    NOTICE = "notice"
    """What is owed once an order has ended."""
    AGAIN = "again"
    """The same a second time."""
    REFUND = "refund"
    """What is owed once a refund was decided, where the family pushes those."""
    WEEK_LATE = "week_late"
    """A right one that is seven days old."""
    FORGED = "forged"
    """Wrongly signed, or with a wrong password; the rest is right and says that the order is paid."""
    UNFOUNDED = "unfounded"
    """Rightly signed, and says that the order is paid whatever has happened."""
    RETURN = "return"
    """The browser's return once more, from the provider's own server."""


class Telling(NamedTuple):
    """What a return or a push is to say: the word, whether rightly signed, and when it happened."""

    word: Word
    kind: PushKind
    at: datetime
    refund: Refund | None = None

    @property
    def is_forged(self) -> bool:
        """Whether signature or password are to be wrong."""
        return self.kind is PushKind.FORGED


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where a browser goes: with GET, the fields added to the address, or with POST, carrying them."""

    url: str
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    is_post: bool = False


@dataclass(frozen=True, slots=True)
class Push:
    """One message to the merchant's server, ready to be sent."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    method: str = "POST"


class Hooks(ABC):
    """What a family answers; each is called with the house that asks."""

    pushes_on: ClassVar[frozenset[State]] = frozenset({State.PAID, State.DECLINED, State.CANCELLED})
    """The ends of an order after which a push is owed."""
    pushes_refunds: ClassVar[bool] = False

    @abstractmethod
    def way_back(self, provider: "Provider", order: Order, telling: Telling) -> WayBack | None:
        """Return where the payer's browser goes after the page; None leaves it there."""

    def agreed(self, provider: "Provider", order: Order) -> None:  # noqa: B027 - most have no need of it
        """Be told that the payer has confirmed an order whose money the page does not take."""

    def push(self, provider: "Provider", order: Order, telling: Telling) -> Push | None:  # noqa: ARG002
        """Return what is pushed about an order; None if the merchant gave no address, or nothing is pushed.

        It is asked again after a restart, so it must follow from the order and the telling alone.
        """
        return None

    def is_push_taken(self, status: int, body: bytes) -> bool:  # noqa: ARG002
        """Whether the merchant's answer to a push means that it need not come again."""
        return _FIRST_GOOD <= status < _FIRST_BAD

    def new_provider_reference(self, provider: "Provider", new: "NewOrder") -> str:  # noqa: ARG002
        """Return the house's name for a new order; it must be unique within the house."""
        return random_text(20)

    def new_transaction_id(self, provider: "Provider", order: Order) -> str:  # noqa: ARG002
        """Return the house's name for a payment or a refund; it must be unique within the house."""
        return random_text(10)


def random_text(length: int, letters: str = _LETTERS) -> str:
    """Return letters drawn at random, capitals and digits unless others are given."""
    return "".join(secrets.choice(letters) for _ in range(length))
