"""A bank's host that is polite except where a test says otherwise, and a connector whose link goes there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from connectors.families.iso8583.codec import decode, encode
from connectors.families.iso8583.connector import HostLink
from connectors.families.iso8583.mac import MacKey
from connectors.manifest import Manifest
from connectors.rehearsal import order_for
from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.collections.connector_calls import CollectOrder
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.system_clock import SystemClock, seconds_since_boot
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.in_memory_host_links import InMemoryHostLinks
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from ekpay_switch.wire.tcp import TcpLines
from tests.connectors.conftest import the_manifest

KEY = "0123456789ABCDEFFEDCBA9876543210"
SECRET = "open sesame"
ALIASES = {"102": "ALEXAMPLE00000000001", "2": "5060990000000000013"}
# An answer is waited for 30 s / 60 here.
DIVISOR = 60.0
PATIENCE_SECONDS = 60.0

Fields = dict[str, str]
Says = Callable[[Fields], list[bytes]]


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


def signed(fields: Mapping[str, str], key: str = KEY) -> bytes:
    return framed(encode(fields, MacKey(key)))


def answered(asked: Fields, code: str = "00", **changes: str) -> Fields:
    """A 0210 to a 0200; a field is changed by its number after a `f`."""
    echoed = {name: text for name, text in asked.items() if name not in {"t", "18"}}
    more = {"38": "A1B2C3"} if code == "00" else {}
    told = {**echoed, "t": "0210", "15": asked["13"], "39": code, **more}
    return told | {name.removeprefix("f"): text for name, text in changes.items()}


def reversed_by(asked: Fields, code: str = "00") -> Fields:
    """A 0430 to a 0420 or 0421."""
    return {**asked, "t": "0430", "39": code}


@dataclass
class ScriptedHost:
    """Answers every message as `says` has it for its type; what is heard is kept, decoded."""

    port: int = 0
    heard: list[Fields] = field(default_factory=list)
    connections: int = 0
    says: dict[str, Says] = field(default_factory=dict)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _serving: set["asyncio.Task[Any]"] = field(default_factory=set)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.says = {
            "0800": lambda asked: [framed(encode({**asked, "t": "0810", "39": "00"}))],
            "0200": lambda asked: [signed(answered(asked))],
            "0420": lambda asked: [signed(reversed_by(asked))],
            "0421": lambda asked: [signed(reversed_by(asked))],
        }

    def once(self, kind: str, says: Says) -> None:
        """Say this the next time only."""
        usual = self.says[kind]

        def first(asked: Fields) -> list[bytes]:
            self.says[kind] = usual
            return says(asked)

        self.says[kind] = first

    def of(self, *kinds: str) -> list[Fields]:
        return [message for message in self.heard if message["t"] in kinds]

    @property
    def purposes(self) -> list[str]:
        """What the network messages were for."""
        return [message["70"] for message in self.of("0800")]

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self._came:
            await self._came.wait_for(is_so)

    async def say(self, raw: bytes) -> None:
        """Say something unasked on the newest connection."""
        self._writers[-1].write(raw)
        await self._writers[-1].drain()

    def hang_up(self) -> None:
        self._writers[-1].transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        await self._serve(reader, writer)
        self._serving.discard(task)

    async def end(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                asked = decode(await reader.readexactly(length))
                self.heard.append(asked)
                for piece in self.says[asked["t"]](asked):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.01)
                async with self._came:
                    self._came.notify_all()
        writer.close()


@dataclass
class Bell:
    """The port `Alarms`: what rang."""

    rung: list[tuple[Alarm, str]] = field(default_factory=list)
    _rang: asyncio.Event = field(default_factory=asyncio.Event)

    async def raise_alarm(self, alarm: RaisedAlarm) -> None:
        assert alarm.payment_id is not None, "every alarm of a link is about a payment"
        self.announce(alarm.kind, alarm.payment_id, **alarm.facts)

    def announce(self, event: Alarm, payment_id: UUID, **facts: str) -> None:
        del payment_id
        self.rung.append((event, facts["code"]))
        self._rang.set()

    async def rings(self) -> list[tuple[Alarm, str]]:
        """What rang, once something did."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._rang.wait()
        return self.rung


@dataclass
class LinkStage:
    manifest: Manifest
    host: ScriptedHost
    shelf: InMemoryHostLinks
    bell: Bell
    around: FamilyContext
    bank: HostLink
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _keeping: list[asyncio.Task[None]] = field(default_factory=list)

    def order(self, seconds: float = 3.0, **changes: Any) -> CollectOrder:  # noqa: ANN401 - of any field
        """An order whose payer has agreed, as its first holder has it."""
        order = replace(
            order_for(self.manifest),
            connector_id=self.manifest.id,
            provider_reference="EXAMPLE0000000000000001",
            consent=ALIASES[str(self.manifest.family_settings["alias_field"])],
            epoch=1,
            send_before=seconds_since_boot() + seconds,
        )
        return replace(order, **changes)

    def doubted(self, order: CollectOrder) -> CollectOrder:
        """The same order as the next holder has it after an execute that was in doubt."""
        return replace(order, executes_begun=1, epoch=order.epoch + 1)

    def another(self) -> HostLink:
        """The same connector in another process."""
        return HostLink(self.manifest, self.around)

    def keep(self, bank: HostLink | None = None, stop: asyncio.Event | None = None) -> asyncio.Task[None]:
        keeping = asyncio.create_task((bank or self.bank).keep_link(stop or self.stop))
        self._keeping.append(keeping)
        return keeping

    async def signed_on(self, times: int = 1) -> None:
        await self.host.until(lambda: self.host.purposes.count("001") >= times)

    async def leave(self) -> None:
        self.stop.set()
        for keeping in self._keeping:
            keeping.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)


def changed(manifest: Manifest, **settings: object) -> Manifest:
    """The manifest with other settings of its family."""
    return manifest.model_copy(update={"family_settings": {**manifest.family_settings, **settings}})


def silent(fields: Fields) -> list[bytes]:
    """A host that answers nothing."""
    del fields
    return []


@asynccontextmanager
async def link_stage(
    connector_id: str = "janata",
    environ: Mapping[str, str] | None = None,
    *,
    is_kept: bool = True,
    echo_idle_seconds: float = 3_600.0,
) -> AsyncIterator[LinkStage]:
    """A host at a local port and the link to it, which is signed on where it is kept."""
    host, clock = ScriptedHost(), SystemClock()
    manifest = changed(the_manifest(connector_id), echo_idle_seconds=echo_idle_seconds * DIVISOR)
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    own = f"EKPAY_{connector_id.upper()}_"
    given = {f"{own}HOST": f"127.0.0.1:{host.port}", f"{own}MAC_KEY": KEY, f"{own}CONSENT_SECRET": SECRET}
    shelf, bell, wire = InMemoryHostLinks(clock), Bell(), HttpWire(clock)
    hosts = HostPorts(shelf, shelf, TcpLines(clock), bell)
    around = FamilyContext(wire, InMemoryTokens(), clock, {**given, **(environ or {})}, DIVISOR, hosts=hosts)
    stage = LinkStage(manifest, host, shelf, bell, around, HostLink(manifest, around))
    try:
        if is_kept:
            stage.keep()
            await stage.signed_on()
        yield stage
    finally:
        await stage.leave()
        server.close()
        await host.end()
        await wire.close()
