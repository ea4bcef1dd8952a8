"""What the portal needs for citizens, as protocols: contacts, one-time codes, text messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.citizens.accounts import CitizenSession, SignedIn
from ekpay_switch.domain.citizens.one_time_codes import CodeCheck, CodePurpose
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.citizens.text_messages import MessageEnd, MessageKind
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.ports.reminders import Reminders


@dataclass(frozen=True, slots=True)
class CartContact:
    """Whom to write to about a cart: a mobile number as `01XXXXXXXXX`, and its payer's language."""

    number: str = field(repr=False)
    language: PayerLanguage


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to be stored; `subject` is what it opens, None where nothing is to be opened and nothing sent.

    `replaces` is the code that the same browser requested before: it is dead from then on.
    """

    code_id: UUID
    purpose: CodePurpose
    subject: str | None
    code: str = field(repr=False)
    replaces: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewTextMessage:
    """A message to be sent; after `worth` it is not sent any more."""

    message_id: UUID
    kind: MessageKind
    number: str = field(repr=False)
    text: str = field(repr=False)
    worth: timedelta


@dataclass(frozen=True, slots=True)
class LeasedMessage:
    """A message that is due, with the number of earlier tries; `is_lapsed` once it is not worth sending."""

    message_id: UUID
    epoch: int
    tries: int
    is_lapsed: bool
    number: str = field(repr=False)
    text: str = field(repr=False)


class SendVerdict(StrEnum):
    """What a gateway did with a message."""

    SENT = "sent"
    REFUSED = "refused"
    AGAIN = "again"  # not known, or not now: the same message again, under the same id


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """A verdict, why, and the gateway's own reference; neither holds the number or the text."""

    verdict: SendVerdict
    why: str
    reference: str = ""


class MessageLimits(Protocol):
    """How often codes may be requested, for all processes together (T39)."""

    async def allow(self, address: str, number: str) -> bool:
        """Count a request of an address for a number; False where one of them, or everybody, has to wait."""
        ...


class CartContacts(Protocol):
    """The mobile numbers of carts."""

    async def keep(self, cart_id: UUID, contact: CartContact) -> None:
        """Keep whom to write to about a cart; once the cart is ordered nothing changes."""
        ...

    async def cart_of(self, payment_number: str, number: str) -> str | None:
        """The reference of the cart that was paid under this number of ours and has this contact, or None."""
        ...


class OneTimeCodes(Protocol):
    """Stored one-time codes; nothing that is stored tells the code."""

    async def issue(self, new: NewCode, message: NewTextMessage | None) -> None:
        """Store a code and the message that brings it, in one transaction."""
        ...

    async def check(self, code_id: UUID, purpose: CodePurpose, code: str) -> CodeCheck:
        """Try a code. A try is counted before it is judged, and a right one opens once."""
        ...


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to begin for whoever proved a number; `secret` is what its browser keeps.

    `instead_of` is the secret that the same browser had before: that session ends.
    """

    session_id: UUID
    citizen_id: UUID
    secret: str = field(repr=False)
    number: str = field(repr=False)
    language: PayerLanguage
    device: str
    instead_of: str = field(default="", repr=False)


class CitizenAccounts(Protocol):
    """Registered citizens, their sessions, and which carts are theirs; each call is durable on return."""

    async def sign_in(self, new: NewSession) -> None:
        """Begin a session of the account of a number, which is made where there is none."""
        ...

    async def by_secret(self, secret: str) -> SignedIn | None:
        """Who is signed in with this secret; None where nobody is, or not any more."""
        ...

    async def sessions(self, citizen_id: UUID) -> Sequence[CitizenSession]:
        """The live sessions of a citizen, the one used last first."""
        ...

    async def end_session(self, citizen_id: UUID, session_id: UUID) -> None:
        """End a session of this citizen; one of somebody else stays."""
        ...

    async def end_other_sessions(self, citizen_id: UUID, session_id: UUID) -> None:
        """End every session of a citizen but this one."""
        ...

    async def claim_cart(self, citizen_id: UUID, cart_id: UUID) -> None:
        """Let a cart be this citizen's; one that is somebody's stays theirs."""
        ...

    async def owns_cart(self, citizen_id: UUID, cart_id: UUID) -> bool:
        """Whether a cart is this citizen's."""
        ...

    async def cart_ids(self, citizen_id: UUID, count_max: int) -> Sequence[UUID]:
        """The carts of a citizen, the newest first."""
        ...

    async def cart_ids_between(
        self, citizen_id: UUID, since: datetime, until: datetime, count_max: int
    ) -> Sequence[UUID]:
        """The carts of a citizen that were begun from `since` on and before `until`, the newest first."""
        ...

    async def close(self, citizen_id: UUID) -> None:
        """Close the account: its number, sessions, saved bills and whose its carts were are forgotten."""
        ...


class SavedBills(Protocol):
    """What citizens keep to pay the next bill; each call is durable on return."""

    async def save(self, citizen_id: UUID, bill: SavedBill) -> bool:
        """Keep it, or give what is kept already its nickname; False where the citizen has as many as may be.

        False as well where the account has been closed.
        """
        ...

    async def of_citizen(self, citizen_id: UUID) -> Sequence[SavedBill]:
        """Those of a citizen, the one saved first before the others."""
        ...

    async def remove(self, citizen_id: UUID, saved_id: UUID) -> None:
        """Forget one of this citizen; one of somebody else stays."""
        ...


class TextMessages(Protocol):
    """Messages that wait to be sent; each call is one short transaction."""

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[LeasedMessage]:
        """Lease messages that are due; each gets a new epoch."""
        ...

    async def end(self, leased: LeasedMessage, end: MessageEnd, answer: SendAnswer) -> None:
        """Record how a message ended, and forget its number and text; under an old epoch nothing changes."""
        ...

    async def retry(self, leased: LeasedMessage, after: timedelta, why: str) -> None:
        """Try again later; under an old epoch nothing changes."""
        ...


class MessageGateway(Protocol):
    """Whoever sends text messages for us."""

    async def send(self, message: LeasedMessage) -> SendAnswer:
        """Send once; raises nothing for what the gateway does. A repeat is not delivered twice in a day."""
        ...


@dataclass(frozen=True, slots=True)
class CitizenPorts:
    """What the flows of citizens use.

    `portal_names` are those of the portal, by language; for `contact_days` the number of a cart is kept.
    A reminder comes `remind_days_before` a due date.
    """

    contacts: CartContacts
    codes: OneTimeCodes
    limits: MessageLimits
    accounts: CitizenAccounts
    saved_bills: SavedBills
    reminders: Reminders
    portal_names: dict[PayerLanguage, str]
    contact_days: int
    remind_days_before: int


@dataclass(frozen=True, slots=True)
class MessagePorts:
    """What sending text messages uses."""

    messages: TextMessages
    gateway: MessageGateway
