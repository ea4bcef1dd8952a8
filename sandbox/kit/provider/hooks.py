"""What a family implements: where browsers return, what is pushed, and how names are made."""

import secrets
import string
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Protocol

from sandbox.kit.institution.bearer_tokens import BearerTokens
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.replies import Errors
from sandbox.kit.provider.book import ProviderBook, QueuedPush
from sandbox.kit.provider.call_results import ReportedOrder
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.magic_numbers import PayerBehaviour, Payers, ReportedOutcome
from sandbox.kit.provider.orders import NewOrder, OrderState, ProviderOrder, ProviderRefund
from sandbox.kit.provider.settings import ProviderSettings

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


class OutcomeMessage(NamedTuple):
    """What a return or a push reports: the outcome, its kind, and when it happened."""

    outcome: ReportedOutcome
    kind: PushKind
    at: datetime
    refund: ProviderRefund | None = None

    @property
    def is_forged(self) -> bool:
        """Whether signature or password are to be wrong."""
        return self.kind is PushKind.FORGED


@dataclass(frozen=True, slots=True)
class BrowserReturn:
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


class OpenProvider(Protocol):
    """What hooks, outcomes and refunds read of one institution while it is served; `Provider` is it."""

    @property
    def institution(self) -> ProviderInstitution:
        """Its data."""
        ...

    @property
    def settings(self) -> ProviderSettings:
        """What its family was started with."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def book(self) -> ProviderBook:
        """The book of its family."""
        ...

    @property
    def payers(self) -> Payers:
        """Its payers."""
        ...

    @property
    def hooks(self) -> "FamilyHooks":
        """What its family answers."""
        ...

    @property
    def bearers(self) -> BearerTokens:
        """The tokens that it has given out."""
        ...

    @property
    def errors(self) -> Errors:
        """Its error answers."""
        ...

    @property
    def secret(self) -> str:
        """What it signs with, where its family has a shared secret."""
        ...

    def behaviour(self, order: ProviderOrder) -> PayerBehaviour:
        """Return what the payer of an order does."""
        ...

    def state(self, order: ProviderOrder) -> OrderState:
        """Return where an order stands in truth."""
        ...

    def report_of(self, order: ProviderOrder) -> ReportedOrder:
        """Return an order as the answers report it."""
        ...

    def find(self, reference: str) -> ProviderOrder | None:
        """Return the order under the merchant's reference."""
        ...

    def find_by_provider_name(self, name: str) -> ProviderOrder | None:
        """Return the order under the provider's reference, its page token or its transaction id."""
        ...

    def find_refund(self, name: str) -> tuple[ProviderOrder, ProviderRefund] | None:
        """Return a refund under the merchant's or the provider's name, with its order."""
        ...

    def balance_paisa(self, payer: str) -> int:
        """Return what a payer can pay."""
        ...

    def new_transaction_id(self, order: ProviderOrder) -> str:
        """Return a name for a payment, a refund or a try that the institution has not given before."""
        ...

    def unused_name(self, make: Callable[[], str]) -> str:
        """Return the first name made that the institution has not given before."""
        ...

    def send(self, order: ProviderOrder, kind: PushKind, dated: str, refund_id: str = "") -> QueuedPush:
        """Send a push about an order; `dated` is the instant that it tells, in UTC."""
        ...

    def url(self, path: str) -> str:
        """Return the address of a path below the institution, for a browser."""
        ...

    def page_url(self, order: ProviderOrder) -> str:
        """Return where the payer of an order goes."""
        ...

    def keep(self, order: ProviderOrder, **facts: str) -> None:
        """Add facts to an order; one of the same name is replaced."""
        ...


class FamilyHooks(ABC):
    """What a family implements; each method gets the institution concerned."""

    pushes_on: ClassVar[frozenset[OrderState]] = frozenset(
        {OrderState.PAID, OrderState.DECLINED, OrderState.CANCELLED}
    )
    """The ends of an order after which a push is owed."""
    pushes_refunds: ClassVar[bool] = False

    @abstractmethod
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        """Return where the payer's browser goes after the page; None leaves it there."""

    def on_payer_agreed(self, provider: OpenProvider, order: ProviderOrder) -> None:  # noqa: B027 - most have no need of it
        """Handle that the payer has confirmed an order whose money the page does not take."""

    def push(self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage) -> Push | None:  # noqa: ARG002
        """Return what is pushed about an order; None if the merchant gave no address, or nothing is pushed.

        It is called again after a restart, so it must follow from the order and the message alone.
        """
        return None

    def is_push_accepted(self, provider: OpenProvider, status: int, body: bytes) -> bool:  # noqa: ARG002
        """Whether the merchant's answer to a push means that it need not be sent again."""
        return is_success_status(status)

    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:  # noqa: ARG002
        """Return the institution's reference for a new order; it must be unique within the institution."""
        return random_text(20)

    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:  # noqa: ARG002
        """Return the id of a payment or a refund; it must be unique within the institution."""
        return random_text(10)


def is_success_status(status: int) -> bool:
    """Whether an HTTP status is one of success, 200 to 299."""
    return _FIRST_GOOD <= status < _FIRST_BAD


def random_text(length: int, letters: str = _LETTERS) -> str:
    """Return letters drawn at random, capitals and digits unless others are given."""
    return "".join(secrets.choice(letters) for _ in range(length))
