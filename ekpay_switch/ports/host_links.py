"""What a family with a host link needs, as protocols; `persistence` and `wire` implement them.

A host link is one TCP connection for a bank and installation. A request is handed over as a row
(`HostMessages`); the one process with the link's lease takes rows and writes them to the wire (`HostLinks`
and `FramedConnection`). Each call of the first two is one short transaction, and none is open around a wire
call. Seconds count from the database's now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from ekpay_switch.domain.alarms import RaisedAlarm
from ekpay_switch.domain.host_messages import (
    HostMessage,
    HostReply,
    MessageKey,
    NewHostMessage,
    ReversalRecord,
    Trace,
)
from ekpay_switch.ports.world import Alarms, NotSent, NoUsableAnswer


class HostMessages(Protocol):
    """Requests to hosts, from the side of their makers."""

    async def next_trace(self, acquirer: str) -> Trace | None:
        """The next STAN of this acquirer and Dhaka day; None once all of the day are used up."""
        ...

    async def hand_over(self, new: NewHostMessage, send_seconds: float) -> HostMessage | None:
        """Make the request durable for the link owner, which sends it within `send_seconds` or never.

        Returns the request that is stored under its key: this one, or an earlier one. None where it may not
        be sent: a newer holder has settled its try, or the try has another request.
        """
        ...

    async def withdraw(self, key: MessageKey) -> bool:
        """Withdraw it before it is sent; True where it provably never left us and never will."""
        ...

    async def settle(self, connector_id: str, reference: str, epoch: int) -> HostMessage | None:
        """The request that older holders of the try have sent, or None: none was sent or will be.

        A waiting one is withdrawn, and one that a slow holder hands over later is refused (law 14).
        """
        ...

    async def reverse(self, key: MessageKey, trace: Trace) -> HostMessage:
        """Start or repeat the reversal of a request, unless an answer has settled it; the request then.

        `trace` names the first reversal and all its repeats; a reversal that was begun anew has its own.
        """
        ...

    async def await_news(self, earlier: HostMessage, within_seconds: float) -> HostMessage:
        """The request once it differs from `earlier`, at the latest after `within_seconds`."""
        ...


@dataclass(frozen=True, slots=True)
class LinkLease:
    """The right to keep a link; a later owner has a greater epoch."""

    connector_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A request that the owner must send within `send_seconds`, counted from before it called `take`."""

    message: HostMessage
    send_seconds: float


class AnswerRecord(StrEnum):
    """How a host's answer was recorded."""

    RECORDED = "recorded"
    LATE = "late"  # the request is being reversed, or was; stored as evidence only
    NOT_AWAITED = "not_awaited"  # the request is answered already, or was never sent


NO_ALARMS: Mapping[str, RaisedAlarm] = MappingProxyType({})


class HostLinks(Protocol):
    """Links to hosts, and requests from the owner's side."""

    async def lease(self, connector_id: str, holder: str, seconds: float) -> LinkLease | None:
        """The right to keep this link, or None while another process has it."""
        ...

    async def renew(self, lease: LinkLease, seconds: float) -> bool:
        """Keep the right for longer; False where it was lost."""
        ...

    async def release(self, lease: LinkLease) -> None:
        """Give the right back, so that the next owner need not wait."""
        ...

    async def mark_lost(self, lease: LinkLease) -> None:
        """Mark what was sent under this lease or an older one as lost: its connection has ended."""
        ...

    async def await_work(self, connector_id: str, within_seconds: float) -> None:
        """Return when there may be something to send, at the latest after that time."""
        ...

    async def take(self, lease: LinkLease, limit: int) -> Sequence[OutgoingMessage]:
        """Requests to write now, the oldest first, each taken once and durable as taken before it is written.

        None under a lease that was lost, and none whose send deadline has passed.
        """
        ...

    async def mark_not_written(self, key: MessageKey) -> None:
        """Withdraw a taken request that provably never left us, unless it is being reversed."""
        ...

    async def take_reversals(self, lease: LinkLease, limit: int) -> Sequence[HostMessage]:
        """Reversals to send now, each counted as sent; one that was counted before is a repeat."""
        ...

    async def find(self, connector_id: str, rrn: str) -> HostMessage | None:
        """The newest request that was sent under this name."""
        ...

    async def answer(
        self, key: MessageKey, reply: HostReply, alarms: Mapping[str, RaisedAlarm] = NO_ALARMS
    ) -> AnswerRecord:
        """Record what the host answered; the first answer counts, unless the request is being reversed.

        `alarms` has the alarm to raise in the same transaction, by how the answer is recorded.

        A late approval of a request whose reversal was answered with 25 begins the reversal anew, once: a new
        message, to be sent and repeated until it is confirmed, and its try is due to be asked about.
        """
        ...

    async def answer_reversal(
        self, key: MessageKey, code: str, alarms: Mapping[str, RaisedAlarm] = NO_ALARMS
    ) -> ReversalRecord | None:
        """Record the host's answer to a reversal, by `judge_reversal`; None where none is open.

        `alarms` has the alarm to raise in the same transaction, by how the answer is recorded.
        """
        ...


class FramedConnection(Protocol):
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


class FramedConnections(Protocol):
    """Connections over TCP, each message with its length before it."""

    async def open(self, address: str, connect_seconds: float) -> FramedConnection | NotSent:
        """Connect to `host:port`, once."""
        ...


@dataclass(frozen=True, slots=True)
class HostPorts:
    """Everything that a family with a host link uses."""

    messages: HostMessages
    links: HostLinks
    connections: FramedConnections
    alarms: Alarms
