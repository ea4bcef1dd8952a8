"""A request over a bank's host link: its states and transitions (docs/adr/0037).

A host link takes financial requests but no inquiries: the only way to settle a doubt is the reversal. So a
request is a complete row before anything is sent, and this table says which step may follow which;
`persistence.host_links` writes them one at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from ekpay_switch.domain.money import Money

STAN_MAX = 999_999
# DE39 in the answer to a request: approved, in every edition of ISO 8583 of 1987 (connectors.md 12.4).
APPROVAL = "00"
# DE39 in the answer to a reversal: the request is reversed, or the host has no such request (12.5).
REVERSAL_DONE, NO_SUCH_ORIGINAL = "00", "25"


class HostState(StrEnum):
    """The state of a request; the values of `host_messages.state`."""

    WAITING = "waiting"  # handed over to the link owner; not a byte of it has left us
    WITHDRAWN = "withdrawn"  # never sent, and never will be
    SENDING = "taken"  # about to be sent, or sent; from here on only an answer proves anything
    ANSWERED = "answered"  # the host's answer is recorded; it may not settle the request
    REVERSING = "reversing"  # a reversal is repeated until the host confirms it
    REVERSED = "reversed"  # the host has confirmed that nothing moved, or moved back; see REVERSAL_OVERTOOK


class HostEvent(StrEnum):
    """What happened to a request, as a past fact."""

    WITHDRAWN = "withdrawn"  # by its maker, or by whoever took its try over
    SENDING = "taken"  # by the link owner, to send it
    NOT_WRITTEN = "not_written"  # taken, and its send deadline passed before the write
    ANSWERED = "answered"
    REVERSAL_BEGUN = "reversal_begun"
    REVERSAL_CONFIRMED = "reversal_confirmed"
    REVERSAL_OVERTOOK = "reversal_overtook"  # the host had no such request then, and has approved it since


# An answer that settles the request ends it. The state ANSWERED does not tell: only an answered request whose
# answer settled nothing may be reversed.
HOST_TRANSITIONS: Mapping[tuple[HostState, HostEvent], HostState] = MappingProxyType(
    {
        (HostState.WAITING, HostEvent.WITHDRAWN): HostState.WITHDRAWN,
        (HostState.WAITING, HostEvent.SENDING): HostState.SENDING,
        (HostState.SENDING, HostEvent.NOT_WRITTEN): HostState.WITHDRAWN,
        (HostState.SENDING, HostEvent.ANSWERED): HostState.ANSWERED,
        (HostState.SENDING, HostEvent.REVERSAL_BEGUN): HostState.REVERSING,
        (HostState.ANSWERED, HostEvent.REVERSAL_BEGUN): HostState.REVERSING,
        (HostState.REVERSING, HostEvent.REVERSAL_CONFIRMED): HostState.REVERSED,
        (HostState.REVERSING, HostEvent.REVERSAL_OVERTOOK): HostState.REVERSING,
        (HostState.REVERSED, HostEvent.REVERSAL_OVERTOOK): HostState.REVERSING,
    }
)


def state_after(state: HostState, event: HostEvent, *, is_decided: bool = False) -> HostState | None:
    """The state after an event, None where it may not happen; `is_decided`: an answer settled the request."""
    if is_decided and state is HostState.ANSWERED:
        return None
    return HOST_TRANSITIONS.get((state, event))


def states_before(event: HostEvent) -> tuple[HostState, ...]:
    """The states in which an event may happen, in alphabetical order."""
    return tuple(sorted(before for before, name in HOST_TRANSITIONS if name is event))


@dataclass(frozen=True, slots=True)
class Trace:
    """A STAN, which names one message of an acquirer within a Dhaka day, and when it was assigned."""

    stan: int
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageKey:
    """Names a request: our reference of the try, and the epoch of its holder."""

    connector_id: str
    reference: str
    epoch: int


@dataclass(frozen=True, slots=True)
class NewHostMessage:
    """A request for money, complete and unchanging before it is handed over.

    `alias` is good for one request and is no account number; `rrn` is the host's name of the request.
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

    `is_approval` where it says that the money was taken. `fields` are those of the answer by their numbers,
    without alias and MAC.
    """

    code: str
    is_decided: bool
    fields: Mapping[str, str] = field(default_factory=dict)
    is_approval: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Reversal:
    """The progress of a reversal; `code` is the host's last response code.

    `sends` counts the sends that were begun, `answers` the answers. Where the reversal had overtaken its
    request and was begun anew, `trace` is that of the new message, and `earlier_sends` were of the first one.
    """

    trace: Trace
    sends: int = 0
    answers: int = 0
    code: str = ""
    earlier_sends: int = 0

    @property
    def is_repeat(self) -> bool:
        """Whether the send that was begun last repeats its message."""
        return self.sends - self.earlier_sends > 1


class ReversalRecord(StrEnum):
    """How a host's answer to a reversal was recorded."""

    CONFIRMED = "confirmed"  # no money moved, or it moved back
    UNCONFIRMED = "unconfirmed"  # the reversal is repeated
    OVERTOOK = "overtook"  # it came before its request, which the host has approved: reversed anew


def judge_reversal(code: str, *, is_approved: bool, is_anew: bool) -> ReversalRecord:
    """How far an answer to a reversal ends it.

    A host that has approved the request (`is_approved`) has it, so 25 confirms nothing: the reversal came
    first, and is begun anew, once (`is_anew`: it was).
    """
    if code == REVERSAL_DONE or (code == NO_SUCH_ORIGINAL and not is_approved):
        return ReversalRecord.CONFIRMED
    if code == NO_SUCH_ORIGINAL and not is_anew:
        return ReversalRecord.OVERTOOK
    return ReversalRecord.UNCONFIRMED


@dataclass(frozen=True, slots=True)
class HostMessage:
    """A stored request; `is_lost` says that its connection has ended without an answer."""

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

    def has_news(self, earlier: "HostMessage") -> bool:
        """Whether it has changed since it was read as `earlier`; a further send is no news."""
        return _news_of(self) != _news_of(earlier)


def _news_of(message: HostMessage) -> tuple[HostState, bool, int]:
    return message.state, message.is_lost, message.reversal.answers if message.reversal else 0
