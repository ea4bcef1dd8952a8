"""The host's side of a rehearsal: a line that accepts the sign-on and then replays a recorded answer.

An example has the bytes of an answer, including the MAC, to a request at noon UTC of the manifest's first
effective day: the sign-on has STAN 000001, the request 000002 and its reversal 000003.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from types import MappingProxyType
from uuid import UUID

from connectors.families.iso8583.codec import MTI, decode, encode
from connectors.families.iso8583.connector import HostLink
from connectors.families.iso8583.mac import MacKey
from connectors.families.iso8583.messages import (
    APPROVED,
    CODE,
    NETWORK,
    NETWORK_ANSWER,
    REQUEST,
    REQUEST_ANSWER,
)
from connectors.manifest import Manifest
from connectors.manifest_parts import Example, Role
from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.collections.connector_calls import CollectOrder
from ekpay_switch.ports.host_links import FramedConnection, HostPorts
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.in_memory_host_links import InMemoryHostLinks
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock

MAC_KEY = "0123456789ABCDEFFEDCBA9876543210"  # connectors.md 12.6: a public test pattern
_ALIASES: Mapping[str, str] = MappingProxyType({"2": "5060990000000000013", "102": "ALEXAMPLE00000000001"})
_SECRET = "rehearsed"  # noqa: S105 - opens nothing
_NOON = time(12, 0, tzinfo=UTC)
_DIVISOR = 100.0
_UNKNOWN = "96"
_NOT_ECHOED = frozenset({MTI, "18"})


def with_consent(manifest: Manifest, order: CollectOrder) -> CollectOrder:
    """The order with the payer's consent, as its first epoch executes it."""
    consent = _ALIASES[str(manifest.family_settings["alias_field"])]
    return replace(order, connector_id=manifest.id, consent=consent, epoch=1)


@asynccontextmanager
async def rehearsal_link(manifest: Manifest, example: Example) -> AsyncIterator[HostLink]:
    """The connector with its link up, over a line that replays the example."""
    clock = StoppedClock(datetime.combine(manifest.effective_from, _NOON))
    host_links, line = (
        InMemoryHostLinks(clock),
        ReplayLine(manifest.operations[example.operation].role, example.body),
    )
    secrets = {"mac_key": MAC_KEY, "consent_secret": _SECRET}
    environ = {setting: secrets[name] for name, setting in manifest.secrets.items()}
    hosts = HostPorts(host_links, host_links, ReplayLines(line), NoAlarms())
    context = FamilyContext(NoWire(), InMemoryTokens(), clock, environ, _DIVISOR, hosts=hosts)
    connector, stop = HostLink(manifest, context), asyncio.Event()
    keeping = asyncio.create_task(connector.keep_link(stop))
    try:
        await line.is_up.wait()
        yield connector
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@dataclass
class ReplayLine:
    """Accepts the sign-on, replays the recorded answer and ends; implements the port `FramedConnection`.

    Where the example answers a reversal, the request is answered first with a code that settles nothing.
    """

    role: Role
    body: str
    is_up: asyncio.Event = field(default_factory=asyncio.Event)
    _is_signed_on: bool = False
    _received: "asyncio.Queue[bytes | NoUsableAnswer]" = field(default_factory=asyncio.Queue)

    async def send(self, message: bytes, send_before: float) -> NotSent | NoUsableAnswer | None:
        """Accept a message and queue its answer."""
        del send_before
        request = decode(message)
        if request[MTI] == NETWORK:
            self._received.put_nowait(encode({**request, MTI: NETWORK_ANSWER, CODE: APPROVED}))
            self._is_signed_on = True
        elif request[MTI] == REQUEST and self.role is not Role.REQUEST:
            echoed = {name: text for name, text in request.items() if name not in _NOT_ECHOED}
            answer = {**echoed, MTI: REQUEST_ANSWER, CODE: _UNKNOWN, "15": request["13"]}
            self._received.put_nowait(encode(answer, MacKey(MAC_KEY)))
        else:
            if self.body:
                self._received.put_nowait(bytes.fromhex(self.body))
            self._received.put_nowait(NoUsableAnswer("the line ended"))
        return None

    async def receive(self) -> bytes | NoUsableAnswer:
        """The next answer; the link is up once it waits for an answer after the sign-on."""
        if self._is_signed_on and self._received.empty():
            self.is_up.set()
        return await self._received.get()

    async def close(self) -> None:
        """Tell the reader that the line has ended."""
        self._received.put_nowait(NoUsableAnswer("the line ended"))


@dataclass(frozen=True, slots=True)
class ReplayLines:
    """Opens that line; implements the port `FramedConnections`."""

    line: ReplayLine

    async def open(self, address: str, connect_seconds: float) -> FramedConnection | NotSent:
        """The line, whatever the address."""
        del address, connect_seconds
        return self.line


class NoAlarms:
    """Raises no alarms in a rehearsal; implements the port `Alarms`."""

    async def raise_alarm(self, alarm: RaisedAlarm) -> None:
        """See `ports.world.Alarms`."""

    def announce(self, event: Alarm, payment_id: UUID, **facts: str) -> None:
        """Nothing."""


class NoWire:
    """Sends nothing, since a consent page needs no call; implements the port `Wire`."""

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """Nothing."""
        del far_side, request
        return NotSent("rehearsed")
