"""What flows need of the connectors, as protocols; the wing of connectors implements them.

A connector is one way to collect money. It translates and answers: it writes no rows, decides no routing and
raises nothing for a refusal, a timeout or an unreadable answer.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ekpay_switch.domain.collections.connector_calls import (
    CallbackHint,
    CollectInquiry,
    CollectOrder,
    CreateOutcome,
    ExecuteOutcome,
    MovementFound,
    NoHint,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import NoAnswer, NotFound
from ekpay_switch.domain.parties.brands import Brand
from ekpay_switch.domain.payments.inquiries import SafetyFacts, Timing


@dataclass(frozen=True, slots=True)
class RefundRules:
    """A provider's refund limits: `days_max` from the day of collection, `parts_max` refunds of one payment.

    `can_be_asked` says whether it can list the refunds of a payment.
    """

    days_max: int
    parts_max: int
    can_be_asked: bool = True


BY_HAND = RefundRules(days_max=sys.maxsize, parts_max=sys.maxsize)
"""Without refunds by the connector, finance pays by hand, in any number of parts and at any time."""


@dataclass(frozen=True, slots=True)
class ConnectorProfile:
    """What the core must know of a connector; all of it comes from its manifest.

    `executes` says that our execute takes the money once the payer has agreed; where it is false, the payer's
    agreement takes it. A page lapses `page_life_seconds` after it was created; while the payer is on it, the
    provider is asked `page_ask_after_seconds` after that (architecture.md 5). `refunds` is None where refunds
    are possible by hand only. The provider keeps `charge_basis_points` of what it collects, and the payer is
    charged `payer_charge_basis_points` of the bill for the instrument. `url` is its address, and `host`
    (`host:port`) that of its host link, if any. Our references have `reference_length` characters there.
    `protocol` says how its protocol is known: `public`, `borrowed` from an institution with a public one, or
    our `generic` dialect. Callbacks are answered with the JSON text `callback_answer`. Where
    `registers_return`, payers come back to one address that was registered with the provider, with the
    provider's name of their payment. `ekpay_gateway` is the text that merchants read as `pi_gateway`, empty
    where ekPay's own is not known. `brand` is how payers see it, None where its manifest does not say.
    """

    id: str
    name_en: str
    name_bn: str
    instrument: str
    status: str
    amount_min: Money
    amount_max: Money
    executes: bool
    page_life_seconds: float
    refunds: RefundRules | None
    charge_basis_points: int
    safety: SafetyFacts
    timing: Timing
    inquiries_per_second: float
    page_ask_after_seconds: tuple[float, ...] = ()
    url: str = ""
    payer_charge_basis_points: int = 0
    reference_length: int = 26
    protocol: str = "generic"
    callback_answer: str = '{"received": true}'
    host: str = ""
    registers_return: bool = False
    ekpay_gateway: str = ""
    brand: Brand | None = None


class Connector(Protocol):
    """One way to collect money, in its own protocol."""

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        ...

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money."""
        ...

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Take the money that the payer has agreed to; a provider takes it once per provider reference."""
        ...

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Inquire about a payment by its provider reference; moves no money."""
        ...

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; inquire first wherever an earlier send may have arrived."""
        ...

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """List the refunds of a collected payment at the provider; moves no money.

        A provider without such a list is asked for the refund that the order names.
        """
        ...

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """Read a callback, if its signature is right; header names are in lower case."""
        ...


@runtime_checkable
class FindsMovements(Protocol):
    """A connector that can also find a movement of money by the provider's own name of it."""

    async def search(self, provider_transaction: str) -> MovementFound | NotFound | NoAnswer:
        """The movement with this name; moves no money."""
        ...


@runtime_checkable
class KeepsLink(Protocol):
    """A connector with one lasting connection to its far side, which one process of all keeps."""

    async def keep_link(self, stop: asyncio.Event) -> None:
        """Keep the connection whenever no other process does, until `stop` is set; then sign off."""
        ...


class Connectors(Protocol):
    """All connectors of this switch."""

    def by_id(self, connector_id: str) -> Connector | None:
        """The connector by our own id, or None."""
        ...

    def all(self) -> Sequence[Connector]:
        """Every connector, by id."""
        ...
