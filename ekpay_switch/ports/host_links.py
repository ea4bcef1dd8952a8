"""What a family needs that speaks over a bank's host link, as protocols; `persistence` and `wire` do it.

A host link is one TCP connection a bank and installation. Whoever wants something of the bank hands it over
as a row (`HostMessages`); the one process that holds the link's lease takes rows and writes them to the wire
(`HostLinks` and `Line`). Each call of the first two is one short transaction, and none is open around a wire
call. Seconds run from the database's now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ekpay_switch.domain.host_messages import HostMessage, HostReply, MessageKey, NewHostMessage, Trace
from ekpay_switch.ports.world import Alarms, NotSent, NoUsableAnswer


class HostMessages(Protocol):
    """Requests to hosts, from whoever makes them."""

    async def next_trace(self, acquirer: str) -> Trace | None:
        """The next number of this acquirer and Dhaka day; None once all of the day are used up."""
        ...

    async def hand_over(self, new: NewHostMessage, send_seconds: float) -> HostMessage | None:
        """Make the request durable for the link's owner, who sends it within `send_seconds` or never.

        The request that stands under its key, which is this one unless there was one before. None where
        it may not be sent: a newer holder has settled its try, or another request of the try stands.
        """
        ...

    async def withdraw(self, key: MessageKey) -> bool:
        """Take it back before it is sent; True where it provably never left us and never will."""
        ...

    async def settle(self, connector_id: str, reference: str, epoch: int) -> HostMessage | None:
        """The request that older holders of the try have sent, or None: nothing of theirs was or will be.

        One that waits is withdrawn, and one that a slow holder has yet to hand over is refused when it
        comes (law 14).
        """
        ...

    async def reverse(self, key: MessageKey, trace: Trace) -> HostMessage:
        """Have the request taken back, or taken back once more, unless its answer has settled it.

        As it stands now. `trace` names the reversal where it is the first, for all its repeats.
        """
        ...

    async def await_news(self, seen: HostMessage, within_seconds: float) -> HostMessage:
        """The request once it stands otherwise than it was seen, at the latest after that time."""
        ...


@dataclass(frozen=True, slots=True)
class LinkLease:
    """The right to keep a link; whoever takes it over has a greater epoch."""

    connector_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class TakenMessage:
    """A request that the owner must write within `send_seconds`, counted from before it asked for it."""

    message: HostMessage
    send_seconds: float


class Noted(StrEnum):
    """What was made of an answer of a host."""

    RECORDED = "recorded"
    LATE = "late"  # the request is being taken back, or was; kept as evidence and believed never
    NOT_AWAITED = "not_awaited"  # it is answered already, or was never sent


class HostLinks(Protocol):
    """Links to hosts, and requests from the owner's side."""

    async def lease(self, connector_id: str, holder: str, seconds: float) -> LinkLease | None:
        """The right to keep this link, or None while somebody else has it."""
        ...

    async def renew(self, lease: LinkLease, seconds: float) -> bool:
        """Keep the right for longer; False where it was lost."""
        ...

    async def release(self, lease: LinkLease) -> None:
        """Give the right back, so that the next owner need not wait."""
        ...

    async def lose(self, lease: LinkLease) -> None:
        """What was sent under this lease or an older one gets no answer: its connection has ended."""
        ...

    async def await_work(self, connector_id: str, within_seconds: float) -> None:
        """Return when there may be something to send, at the latest after that time."""
        ...

    async def take(self, lease: LinkLease, limit: int) -> Sequence[TakenMessage]:
        """Requests to write now, the oldest first, each taken once and durable as taken before it is written.

        None under a lease that was lost, and none whose last moment has passed.
        """
        ...

    async def not_written(self, key: MessageKey) -> None:
        """A request that was taken provably never left us: it is withdrawn, unless it is being reversed."""
        ...

    async def take_reversals(self, lease: LinkLease, limit: int) -> Sequence[HostMessage]:
        """Reversals to write now, each counted as sent; one that was counted before goes as a repeat."""
        ...

    async def find(self, connector_id: str, rrn: str) -> HostMessage | None:
        """The newest request that was sent under this name."""
        ...

    async def answer(self, key: MessageKey, reply: HostReply) -> Noted:
        """Record what the host answered; the first answer counts, unless the request is being reversed."""
        ...

    async def answer_reversal(self, key: MessageKey, code: str, *, is_confirmed: bool) -> bool:
        """Record what the host said of a reversal; False where none is open."""
        ...


class Line(Protocol):
    """One framed connection to a far side; nothing is ever sent twice over it."""

    async def send(self, message: bytes, send_before: float) -> NotSent | NoUsableAnswer | None:
        """Write one message whole, or say why not.

        `NotSent` where not a byte of it left us, and none does after `send_before` (monotonic); anything
        else that went wrong has ended the line. None where it was written.
        """
        ...

    async def receive(self) -> bytes | NoUsableAnswer:
        """The next whole message, or why there will be none: the line has ended."""
        ...

    async def close(self) -> None:
        """End the connection, whatever is still on its way."""
        ...


class Lines(Protocol):
    """Connections over TCP, each message with its length before it."""

    async def open(self, address: str, connect_seconds: float) -> Line | NotSent:
        """Connect to `host:port`, once."""
        ...


@dataclass(frozen=True, slots=True)
class HostPorts:
    """Everything that a family with a host link reaches out to."""

    messages: HostMessages
    links: HostLinks
    lines: Lines
    alarms: Alarms
