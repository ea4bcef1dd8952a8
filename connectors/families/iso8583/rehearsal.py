"""A host's side of a rehearsal: a line that lets us in, and then says what an example has recorded.

An example is the bytes of an answer, MAC and all, to what goes out at noon UTC of the day from which its
manifest holds: the sign-on has STAN 000001, the request 000002 and its reversal 000003.
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
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import CollectOrder
from ekpay_switch.ports.host_links import HostPorts, Line
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.in_memory_host_links import HostShelf
from ekpay_switch.wing_kit.rehearsal_ports import StoppedClock, TokenShelf

MAC_KEY = "0123456789ABCDEFFEDCBA9876543210"  # connectors.md 12.6: a public test pattern
_ALIASES: Mapping[str, str] = MappingProxyType({"2": "5060990000000000013", "102": "ALEXAMPLE00000000001"})
_SECRET = "rehearsed"  # noqa: S105 - opens nothing
_NOON = time(12, 0, tzinfo=UTC)
_DIVISOR = 100.0
_UNKNOWN = "96"
_LEFT_OUT = frozenset({MTI, "18"})


def agreed(manifest: Manifest, order: CollectOrder) -> CollectOrder:
    """The order once its payer has agreed, as a first holder asks for its money."""
    consent = _ALIASES[str(manifest.family_settings["alias_field"])]
    return replace(order, connector_id=manifest.id, consent=consent, epoch=1)


@asynccontextmanager
async def rehearsed_link(manifest: Manifest, example: Example) -> AsyncIterator[HostLink]:
    """The connector with its link up, over a line that plays the example."""
    clock = StoppedClock(datetime.combine(manifest.effective_from, _NOON))
    shelf, line = HostShelf(clock), PlayedLine(manifest.operations[example.operation].role, example.body)
    secrets = {"mac_key": MAC_KEY, "consent_secret": _SECRET}
    environ = {setting: secrets[name] for name, setting in manifest.secrets.items()}
    hosts = HostPorts(shelf, shelf, PlayedLines(line), NoAlarms())
    around = Surroundings(NoWire(), TokenShelf(), clock, environ, _DIVISOR, hosts=hosts)
    connector, stop = HostLink(manifest, around), asyncio.Event()
    keeping = asyncio.create_task(connector.keep_link(stop))
    try:
        await line.is_up.wait()
        yield connector
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@dataclass
class PlayedLine:
    """Lets us in, says what was recorded, and ends; implements the port `Line`.

    Before an answer to a reversal comes one to its request, with a code that settles nothing.
    """

    role: Role
    body: str
    is_up: asyncio.Event = field(default_factory=asyncio.Event)
    _has_let_in: bool = False
    _said: "asyncio.Queue[bytes | NoUsableAnswer]" = field(default_factory=asyncio.Queue)

    async def send(self, message: bytes, send_before: float) -> NotSent | NoUsableAnswer | None:
        """Take it, and have the answer ready."""
        del send_before
        asked = decode(message)
        if asked[MTI] == NETWORK:
            self._said.put_nowait(encode({**asked, MTI: NETWORK_ANSWER, CODE: APPROVED}))
            self._has_let_in = True
        elif asked[MTI] == REQUEST and self.role is not Role.REQUEST:
            echoed = {name: text for name, text in asked.items() if name not in _LEFT_OUT}
            answer = {**echoed, MTI: REQUEST_ANSWER, CODE: _UNKNOWN, "15": asked["13"]}
            self._said.put_nowait(encode(answer, MacKey(MAC_KEY)))
        else:
            if self.body:
                self._said.put_nowait(bytes.fromhex(self.body))
            self._said.put_nowait(NoUsableAnswer("the line ended"))
        return None

    async def receive(self) -> bytes | NoUsableAnswer:
        """The next answer; whoever waits for one after the sign-on was let in."""
        if self._has_let_in and self._said.empty():
            self.is_up.set()
        return await self._said.get()

    async def close(self) -> None:
        """Whoever reads is told."""
        self._said.put_nowait(NoUsableAnswer("the line ended"))


@dataclass(frozen=True, slots=True)
class PlayedLines:
    """Opens that line once; implements the port `Lines`."""

    line: PlayedLine

    async def open(self, address: str, connect_seconds: float) -> Line | NotSent:
        """The line, whatever the address."""
        del address, connect_seconds
        return self.line


class NoAlarms:
    """Nobody is called by a rehearsal; implements the port `Alarms`."""

    def raise_alarm(self, event: Alarm, payment_id: UUID, **facts: str) -> None:
        """Nothing."""


class NoWire:
    """A consent page is not called by us; implements the port `Wire`."""

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """Nothing."""
        del far_side, request
        return NotSent("rehearsed")
