"""A bank with a book, and processes over one database that die at a step of a payment over its link."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

from connectors.families.iso8583.connector import HostLink
from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.host_messages import HostState
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.collections.resolve_collection import resolve_collection
from ekpay_switch.persistence.host_links.store import PostgresHosts
from ekpay_switch.persistence.schema.books import one_of
from ekpay_switch.ports.collections import RawCallback
from ekpay_switch.ports.host_links import FramedConnection, HostPorts
from ekpay_switch.ports.world import NotSent, World
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from ekpay_switch.wire.tcp import TcpLines
from tests.connectors.conftest import the_manifest
from tests.connectors.families.iso8583.host_link_stage import (
    ALIASES,
    KEY,
    SECRET,
    Bell,
    Fields,
    ScriptedHost,
    answered,
    changed,
    reversed_by,
    signed,
)
from tests.fakes.connectors import FakeConnectors
from tests.fakes.crash_points import CrashError
from tests.fakes.world import SmallWorld
from tests.persistence.collections.collection_setup import TAKEN, Till, a_try, page

# Times are shorter by so much, and still far above what a busy machine stalls for.
BANK, DIVISOR = "janata", 12.0
PATIENCE_SECONDS = 120.0


@dataclass
class Life:
    """One process, which ends at a step: from then on nothing of it does anything."""

    ends_at: str = ""
    after: int = 0
    """How often that step goes well before."""
    is_over: bool = False
    lines: list[FramedConnection] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - what the step says
        await self._ends("before", name)
        try:
            return await work()
        finally:
            await self._ends("after", name)

    async def _ends(self, side: str, name: str) -> None:
        if self.ends_at == f"{side} {name}" and not self.is_over:
            self.after -= 1
            if self.after < 0:
                self.is_over = True
                self.ended.set()
                # The system closes what a dead process had open.
                for line in self.lines:
                    await line.close()
        if self.is_over:
            raise CrashError


class Mortal:
    """Whatever a process reaches out to, until it dies."""

    def __init__(self, port: object, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method
        method = getattr(self._port, name)

        async def called(*values: object, **named: object) -> object:
            return await self._life.step(name, lambda: method(*values, **named))

        return called


class MortalLines:
    def __init__(self, life: Life) -> None:
        self._lines = TcpLines(SystemClock())
        self._life = life

    async def open(self, address: str, connect_seconds: float) -> FramedConnection | NotSent:
        line = await self._lines.open(address, connect_seconds)
        if isinstance(line, NotSent):
            return line
        self._life.lines.append(line)
        mortal: Any = Mortal(line, self._life)
        return cast("FramedConnection", mortal)


class Generous:
    """The port `Budget`: anybody may always ask."""

    async def take(self, far_side: str, per_second: float) -> float:
        del far_side, per_second
        return 0.0


@dataclass
class Bank:
    """A host with a book: what it has taken of each request and not given back."""

    host: ScriptedHost
    taken: dict[str, int] = field(default_factory=dict)
    reversed: set[str] = field(default_factory=set)
    loses_answers: int = 0

    def __post_init__(self) -> None:
        self.host.says |= {"0200": self._request, "0420": self._reversal, "0421": self._reversal}

    def _request(self, asked: Fields) -> list[bytes]:
        name = asked["37"]
        assert name not in self.taken, "a request is sent once"
        assert name not in self.reversed
        self.taken[name] = int(asked["4"])
        self.loses_answers -= 1
        return [] if self.loses_answers >= 0 else [signed(answered(asked))]

    def _reversal(self, asked: Fields) -> list[bytes]:
        name = asked["37"]
        is_known = name in self.taken
        self.taken[name] = 0
        self.reversed.add(name)
        return [signed(reversed_by(asked, "00" if is_known else "25"))]

    @property
    def kept(self) -> int:
        return sum(self.taken.values())


@dataclass
class Process:
    life: Life
    hosts: PostgresHosts
    bank: HostLink
    world: World
    bell: Bell
    keeping: "asyncio.Task[None] | None" = None

    def keep(self) -> None:
        self.keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        with suppress(CrashError):
            await self.bank.keep_link(asyncio.Event())

    async def follow_up(self, held: LockedTry) -> State | None:
        return await resolve_collection(held, self.world)

    async def end(self) -> None:
        if self.keeping is not None:
            self.keeping.cancel()
            await asyncio.gather(self.keeping, return_exceptions=True)
        await self.hosts.close()


@dataclass
class Scene:
    till: Till
    bank: Bank
    wire: HttpWire
    divisor: float = DIVISOR
    """By how much a link's times are shorter; 1 where nobody dies, so that a slow machine seems alive too."""
    processes: list[Process] = field(default_factory=list)

    def process(self, ends_at: str = "", after: int = 0) -> Process:
        life, bell, clock = Life(ends_at, after), Bell(), SystemClock()
        hosts = PostgresHosts(self.till.books.database.connect_hot)
        messages: Any = Mortal(hosts.messages, life)
        links: Any = Mortal(hosts.links, life)
        environ = {
            "EKPAY_JANATA_HOST": f"127.0.0.1:{self.bank.host.port}",
            "EKPAY_JANATA_MAC_KEY": KEY,
            "EKPAY_JANATA_CONSENT_SECRET": SECRET,
        }
        ports = HostPorts(messages, links, MortalLines(life), bell)
        manifest = changed(the_manifest(BANK), echo_idle_seconds=3_600.0 * DIVISOR)
        bank = HostLink(
            manifest, FamilyContext(self.wire, InMemoryTokens(), clock, environ, self.divisor, hosts=ports)
        )
        collections: Any = Mortal(self.till.collections, life)
        small = SmallWorld()
        world = replace(
            small.world,
            connectors=FakeConnectors([bank]),
            collections=collections,
            callbacks=self.till.callbacks,
            budget=Generous(),
            clock=clock,
        )
        process = Process(life, hosts, bank, world, bell)
        self.processes.append(process)
        return process

    async def agreed(self) -> LockedTry:
        """A payment whose payer has agreed and come back."""
        new = self.till.new(first=replace(a_try(BANK), send_seconds=60.0 / self.divisor))
        held = await self.till.opened(new)
        reference = held.order.reference
        await self.till.record(held, page(reference))
        hint = CallbackHint("N1", reference, "agreed", reference, is_agreed=True, consent=ALIASES["102"])
        await self.till.callbacks.keep(RawCallback(BANK, "N1", {}, b""), hint)
        return await self.till.leased(held)

    async def until_set(self, event: asyncio.Event) -> None:
        """Wait for something that comes soon, and fail where it never does."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await event.wait()

    async def pass_lease(self) -> None:
        """The lease of whoever kept the link has run out."""
        await self.till.books.tell("UPDATE host_links SET lease_until = now() - interval '1 second'")

    async def until_answered(self) -> None:
        """Wait for what the link is still about to send or was not answered yet: an inquiry would reverse it.

        In earnest the first inquiry comes a minute and a half later.
        """
        still_open = one_of("state", (HostState.WAITING, HostState.SENDING))
        for _ in range(1_200):
            if not await self.till.books.count("host_messages", still_open):
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the bank never answered")

    async def until_over(self, process: Process, held: LockedTry) -> Any:  # noqa: ANN401 - a row
        """The clock goes on, and another process looks again and again."""
        for _ in range(300):
            row = await self.till.row(held)
            if row["state"] == "closed":
                return row
            with suppress(AssertionError):
                await process.follow_up(await self.till.leased(held))
            await asyncio.sleep(0.1)
        raise AssertionError(dict(await self.till.row(held)))

    async def assert_right(self, held: LockedTry, row: Any) -> None:  # noqa: ANN401 - a row
        """What the books say that we have is what the bank took and kept, and it is taken once at most."""
        funded = row["outcome"] == "approved"
        assert self.bank.kept == (TAKEN if funded else 0), row["outcome"]
        payment = await self.till.payment(held)
        assert payment["state"] == ("funded" if funded else "created")
        assert row["collected"] == (TAKEN if funded else None)
        assert len(self.bank.host.of("0200")) <= 2
        assert await self.till.books.value("SELECT count(*) FROM host_messages WHERE state = 'answered'") <= 1
        assert await self.till.books.audit() is None


@asynccontextmanager
async def a_scene(till: Till) -> AsyncIterator[Scene]:
    host, wire = ScriptedHost(), HttpWire(SystemClock())
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    scene = Scene(till, Bank(host), wire)
    try:
        yield scene
    finally:
        for process in scene.processes:
            await process.end()
        server.close()
        await host.end()
        await wire.close()
