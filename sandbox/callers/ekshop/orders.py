"""An order of the shop, and its payment attempts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sandbox.callers.ekshop.pricing import Share
from sandbox.callers.ekshop.wire import CANCELLED, FAILED, SUCCESS, ShopCustomer
from sandbox.kit.payer_pages.language import Language


class Standing(StrEnum):
    """The state of a payment in the shop's book."""

    PLACED = "placed"
    """No token was requested yet, or the answer was lost."""
    REFUSED = "refused"
    """The switch gave no token."""
    WAITING = "waiting"
    """The customer was sent to the pay page."""
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STANDING_OF_CODE = {SUCCESS: Standing.PAID, FAILED: Standing.FAILED, CANCELLED: Standing.CANCELLED}


class ReturnTarget(StrEnum):
    """The return page that a customer was sent to."""

    SUCCESS = "s"
    FAILURE = "f"
    CANCEL = "c"


class EvidenceSource(StrEnum):
    """How the shop learnt the state of a payment."""

    IPN = "ipn"
    STATUS = "status"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class ReceivedIpn:
    """One IPN: its code, None if it was unreadable; its message id; the HTTP status of our answer.

    `is_signed` is None where the shop holds no key to check it by.
    """

    code: str | None
    message_id: str
    conduct: str
    answered: int
    is_signed: bool | None
    at: str


@dataclass(slots=True)
class Attempt:
    """One payment of an order under its own trnx_id.

    `handed_out` counts how often goods were given for it, more than once if the shop counts each IPN.
    `contradictions` counts messages that contradict earlier ones.
    """

    trnx_id: str
    secret: str = field(repr=False)
    asked_at: datetime
    url: str | None = field(default=None, repr=False)
    why: str = ""
    standing: Standing = Standing.PLACED
    source: EvidenceSource | None = None
    handed_out: int = 0
    contradictions: int = 0
    ipns: list[ReceivedIpn] = field(default_factory=list)
    checks: Counter[str] = field(default_factory=Counter)
    returns: Counter[str] = field(default_factory=Counter)
    facts: Mapping[str, str] = field(default_factory=dict)

    def learn(self, code: str, source: EvidenceSource, facts: Mapping[str, str]) -> None:
        """Update the state by a code; a code that is not final changes nothing, and paid stays paid."""
        standing = _STANDING_OF_CODE.get(code)
        if standing is None or standing is self.standing:
            return
        if self.standing in _STANDING_OF_CODE.values():
            self.contradictions += 1
        if self.standing is Standing.PAID:
            return
        self.standing, self.source, self.facts = standing, source, dict(facts)
        self.handed_out += standing is Standing.PAID


@dataclass(slots=True)
class ShopOrder:
    """An order: goods, customer and shares.

    `id` is unguessable and is part of its page's address; `number` may be public. `language` is the
    customer's, kept with the order, so that each request of its payment is the same.
    """

    id: str
    number: str
    quantities: Mapping[str, int]
    district: str
    agent: str | None
    customer: ShopCustomer = field(repr=False)
    total_paisa: int
    carriage_paisa: int
    shares: Sequence[Share]
    placed_at: datetime
    language: Language = Language.BANGLA
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def paid_attempt(self) -> Attempt | None:
        """The payment that paid it, if one did."""
        return next((attempt for attempt in self.attempts if attempt.standing is Standing.PAID), None)

    @property
    def standing(self) -> Standing:
        """Paid if any payment is; else the state of the last one."""
        if self.paid_attempt is not None:
            return Standing.PAID
        return self.attempts[-1].standing if self.attempts else Standing.PLACED

    @property
    def may_be_paid_anew(self) -> bool:
        """Whether another payment can be begun without the customer paying twice."""
        return self.standing in {Standing.FAILED, Standing.CANCELLED, Standing.REFUSED}


_HTTP_OK, _HTTP_REDIRECT = 200, 300
