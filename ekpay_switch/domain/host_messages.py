"""A request over a bank's host link: how it stands and what may become of it (docs/adr/0037).

A host link can be asked for money and cannot be asked what became of that: the only question is the
reversal. So a request is a row that is complete before anything is sent, and this table says which step
may follow which; `persistence.host_messages` takes them one at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from ekpay_switch.domain.money import Money

STAN_MAX = 999_999


class HostState(StrEnum):
    """How a request stands; these are the words in `host_messages.state`."""

    WAITING = "waiting"  # handed over; not a byte of it has left us
    WITHDRAWN = "withdrawn"  # never sent, and never will be
    TAKEN = "taken"  # about to be written, or written; from here on only an answer tells
    ANSWERED = "answered"  # what the host said stands in the row; it may have settled nothing
    REVERSING = "reversing"  # being taken back, again and again until the host confirms it
    REVERSED = "reversed"  # the host has confirmed that nothing moved, or moved back


class HostEvent(StrEnum):
    """What moves a request on."""

    WITHDRAWN = "withdrawn"  # by who handed it over, or who took its try over
    TAKEN = "taken"  # by who keeps the link
    NOT_WRITTEN = "not_written"  # taken, and its last moment passed before the write
    ANSWERED = "answered"
    REVERSAL_BEGUN = "reversal_begun"
    REVERSAL_CONFIRMED = "reversal_confirmed"


# An answer that has settled the request ends it, though its state is the same as one that has not: of an
# answered request only one without a settling answer may be reversed.
HOST_TRANSITIONS: Mapping[tuple[HostState, HostEvent], HostState] = MappingProxyType(
    {
        (HostState.WAITING, HostEvent.WITHDRAWN): HostState.WITHDRAWN,
        (HostState.WAITING, HostEvent.TAKEN): HostState.TAKEN,
        (HostState.TAKEN, HostEvent.NOT_WRITTEN): HostState.WITHDRAWN,
        (HostState.TAKEN, HostEvent.ANSWERED): HostState.ANSWERED,
        (HostState.TAKEN, HostEvent.REVERSAL_BEGUN): HostState.REVERSING,
        (HostState.ANSWERED, HostEvent.REVERSAL_BEGUN): HostState.REVERSING,
        (HostState.REVERSING, HostEvent.REVERSAL_CONFIRMED): HostState.REVERSED,
    }
)


def state_after(state: HostState, event: HostEvent, *, is_decided: bool = False) -> HostState | None:
    """Where an event leads, or None where it may not happen; `is_decided` says that an answer settled it."""
    if is_decided and state is HostState.ANSWERED:
        return None
    return HOST_TRANSITIONS.get((state, event))


def states_before(event: HostEvent) -> tuple[HostState, ...]:
    """The states in which an event may happen, in order of their words."""
    return tuple(sorted(before for before, name in HOST_TRANSITIONS if name is event))


@dataclass(frozen=True, slots=True)
class Trace:
    """A number that names one message of an acquirer within a Dhaka day, and the instant it was given out."""

    stan: int
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageKey:
    """Which request: our reference of the try, and the epoch of the holder who asks."""

    connector_id: str
    reference: str
    epoch: int


@dataclass(frozen=True, slots=True)
class NewHostMessage:
    """A request for money, complete and unchanging before it is handed over.

    `alias` is good for one request and is nobody's account; `rrn` is the name that the host knows it by.
    """

    key: MessageKey
    payment_id: UUID
    acquirer: str
    trace: Trace
    rrn: str
    amount: Money
    alias: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HostReply:
    """What the host answered; `is_decided` where its code settles the request, by the manifest.

    `fields` are those of the answer by their numbers, without alias and MAC.
    """

    code: str
    is_decided: bool
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reversal:
    """How far the taking back of a request has come; `code` is the host's last word about it.

    `sends` counts what was about to be written, `answers` what came back.
    """

    trace: Trace
    sends: int = 0
    answers: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class HostMessage:
    """A request as it stands; `is_lost` says that the connection it went over has ended without an answer."""

    new: NewHostMessage
    state: HostState
    is_lost: bool = False
    reply: HostReply | None = None
    reversal: Reversal | None = None

    @property
    def key(self) -> MessageKey:
        """Which request this is."""
        return self.new.key

    @property
    def is_settled(self) -> bool:
        """Whether the host's answer has settled it."""
        return self.state is HostState.ANSWERED and self.reply is not None and self.reply.is_decided

    def has_news(self, seen: "HostMessage") -> bool:
        """Whether it stands otherwise than when it was seen last; that more of it was sent is no news."""
        return _told(self) != _told(seen)


def _told(message: HostMessage) -> tuple[HostState, bool, int]:
    return message.state, message.is_lost, message.reversal.answers if message.reversal else 0
