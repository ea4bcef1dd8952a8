"""The proxy with nothing armed, and the far side and caller that all of its tests use."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from sandbox.network.proxy.far_side import ProxyRoute
from sandbox.network.proxy.fault_proxy import FaultProxy
from sandbox.network.proxy.faults import NetworkFault

PATIENCE_SECONDS = 20
SILENCE_SECONDS = 0.3
PATH = "/desco/api/payment"


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE_SECONDS / 0.01)):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


class EchoFarSide:
    """Answers every request with its own body, by HTTP/1.1, and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.connections = 0
        self.open_connections = 0
        self.resets_seen = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        self._writers.add(writer)
        try:
            while True:
                await self.answer_one(reader, writer)
        except asyncio.IncompleteReadError:
            pass
        except ConnectionError:
            self.resets_seen += 1
        finally:
            self.open_connections -= 1
            self._writers.discard(writer)
            writer.close()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()

    async def answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        self.got.append(body)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
        writer.write(body)
        await writer.drain()


class LineFarSide:
    """No HTTP: greets, then answers each line with the same in capitals; says goodbye when we end."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00ready\n")
        while line := await reader.readline():
            self.got.append(line)
            writer.write(line.upper())
        writer.write(b"goodbye\n")
        writer.close()


class Caller:
    """A caller's connection, and whatever becomes of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, body: bytes, path: str = PATH) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: far\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)

    async def answer(self) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            return await self.reader.readexactly(length)

    async def ask(self, body: bytes, path: str = PATH) -> bytes:
        self.send(body, path)
        return await self.answer()

    async def end(self) -> bytes | str:
        """What comes before the other side closes in order, or `reset`."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.reader.read()
        except ConnectionError:
            return "reset"

    async def is_silent(self) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(SILENCE_SECONDS):
                await self.reader.read(1)
                return False
        return True


async def read_to_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A far side that answers when its caller has closed its end."""
    writer.write((await reader.read()).upper())
    writer.close()


Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Server, port: int = 0) -> AsyncIterator[int]:
    """A far side whose connections have all ended when this is left."""
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(converse(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            ends = await asyncio.gather(*conversations, return_exceptions=True)
    assert [end for end in ends if not isinstance(end, EOFError | ConnectionError | None)] == []


@asynccontextmanager
async def calling(port: int) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def before(serve: Server) -> AsyncIterator[FaultProxy]:
    async with listening(serve) as port, FaultProxy({"far": ProxyRoute(0, port)}) as proxy:
        yield proxy


def reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def refuses(port: int) -> bool:
    try:
        async with calling(port):
            return False
    except ConnectionRefusedError:
        return True


async def test_exchanges_of_a_kept_alive_connection_pass() -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy, calling(proxy.port("far")) as caller:
        assert [await caller.ask(b"%d" % number) for number in range(50)] == far_side.got
        assert far_side.connections == 1
        assert proxy.statistics() == {
            "far_sides": {"far": {"connections": 1, "exchanges": 50, "struck": {}, "paths": {PATH: 50}}}
        }


async def test_big_bodies_pass_whole_both_ways() -> None:
    body = os.urandom(1_048_576)
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        assert await caller.ask(body) == body
        proxy.set("far", NetworkFault.DUPLICATE)
        assert await caller.ask(body) == body


async def test_a_caller_that_reads_slowly_gets_everything() -> None:
    body = os.urandom(8_388_608)
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        caller.send(body)
        await caller.writer.drain()
        assert await caller.answer() == body


async def test_bytes_of_another_protocol_pass_and_the_far_side_may_speak_first() -> None:
    far_side = LineFarSide()
    async with before(far_side.serve) as proxy, calling(proxy.port("far")) as caller:
        assert await caller.reader.readline() == b"\x00ready\n"
        for line in (b"\x00\x10sign on\n", b"pay\n"):
            caller.writer.write(line)
            assert await caller.reader.readline() == line.upper()
        caller.writer.write_eof()
        assert await caller.end() == b"goodbye\n"
    assert far_side.got == [b"\x00\x10sign on\n", b"pay\n"]


async def test_a_caller_may_close_its_end_at_once_and_wait() -> None:
    async with before(read_to_the_end) as proxy, calling(proxy.port("far")) as caller:
        caller.writer.write(b"\x00pay")
        caller.writer.write_eof()
        assert await caller.end() == b"\x00PAY"


async def test_what_the_caller_does_not_read_waits_at_the_far_side() -> None:
    piece, pieces = bytes(65_536), 1_024
    sent = 0

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()
            sent += 1
        writer.close()

    async with before(pour) as proxy, calling(proxy.port("far")) as caller:
        seen = -1
        while seen < sent:
            seen = sent
            await asyncio.sleep(0.2)
        assert sent < pieces / 2
        answer = await caller.end()
        assert len(answer) == len(piece) * pieces


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        ("/breb/api/bill/info?account=1", "/breb/api/bill"),
        ("/a?b", "/a"),
        ("/", "/"),
        ("/" + "x" * 300, "other"),
    ],
)
async def test_exchanges_are_counted_by_the_beginning_of_their_path(path: str, counted: str) -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        await caller.ask(b"", path)
        assert str(proxy.statistics()).endswith(f"'paths': {{'{counted}': 1}}}}}}}}")


async def test_the_number_of_paths_is_bounded() -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        for number in range(110):
            await caller.ask(b"", f"/bills/{number}")
        assert "'other': 10}" in str(proxy.statistics())


async def test_a_caller_that_goes_takes_the_far_sides_connection_along() -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy:
        async with calling(proxy.port("far")) as caller:
            await caller.ask(b"1")
        await until(lambda: far_side.open_connections == 0)


async def test_a_reset_on_one_side_is_a_reset_on_the_other() -> None:
    async def reset_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        reset(writer)

    async with before(reset_at_once) as proxy, calling(proxy.port("far")) as caller:
        caller.send(b"body")
        assert await caller.end() == "reset"
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy, calling(proxy.port("far")) as caller:
        await caller.ask(b"1")
        reset(caller.writer)
        await until(lambda: far_side.resets_seen == 1)


async def test_a_far_side_that_closes_after_its_answer_closes_the_callers_connection() -> None:
    async def answer_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"body")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall there is")
        writer.close()

    async with before(answer_and_close) as proxy, calling(proxy.port("far")) as caller:
        caller.send(b"body")
        assert await caller.end() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall there is"


async def test_a_dead_far_side_is_refused_and_found_again_when_it_is_back() -> None:
    async with listening(EchoFarSide().serve) as free_port:
        pass
    async with FaultProxy({"far": ProxyRoute(0, free_port)}) as proxy:
        port = proxy.port("far")
        async with calling(port) as caller:
            assert await caller.end() == "reset"
        assert await refuses(port)
        async with listening(EchoFarSide().serve, free_port):
            await until(lambda: "'is_listening': True" in str(proxy.health()))
            async with calling(port) as caller:
                assert await caller.ask(b"back") == b"back"


async def test_several_far_sides_do_not_mix() -> None:
    one, other = EchoFarSide(), EchoFarSide()
    async with listening(one.serve) as first, listening(other.serve) as second:
        routes = {"one": ProxyRoute(0, first), "other": ProxyRoute(0, second)}
        async with (
            FaultProxy(routes) as proxy,
            calling(proxy.port("one")) as to_one,
            calling(proxy.port("other")) as to_other,
        ):
            proxy.set("one", NetworkFault.CUT)
            to_one.send(b"1")
            assert await to_one.end() == b""
            assert await to_other.ask(b"2") == b"2"
    assert (one.got, other.got) == ([b"1"], [b"2"])


async def test_leaving_ends_connections_in_every_state() -> None:
    far_side = EchoFarSide()
    async with listening(far_side.serve) as far_port:
        standing = AsyncExitStack()
        proxy = await standing.enter_async_context(FaultProxy({"far": ProxyRoute(0, far_port)}))
        port = proxy.port("far")
        async with calling(port) as idle, calling(port) as held, calling(port) as swallowed:
            await idle.ask(b"idle")
            proxy.set("far", NetworkFault.HOLD_REQUEST, times=1)
            held.send(b"held")
            await until(lambda: proxy.faults()["held"] == {"far": 1})
            proxy.set("far", NetworkFault.BLACK_HOLE_AFTER, times=1)
            swallowed.send(b"swallowed")
            await until(lambda: b"swallowed" in far_side.got)
            await standing.aclose()
            assert [await caller.end() for caller in (idle, held, swallowed)] == [b"", b"", b""]
        await until(lambda: far_side.open_connections == 0)
        assert b"held" not in far_side.got
        assert await refuses(port)


async def test_a_taken_address_is_refused_and_nothing_stays_bound() -> None:
    async with listening(EchoFarSide().serve) as taken, listening(EchoFarSide().serve) as free_port:
        pass
    async with listening(EchoFarSide().serve, taken):
        with pytest.raises(OSError, match="in use"):
            await FaultProxy({"one": ProxyRoute(free_port, 1), "two": ProxyRoute(taken, 1)}).__aenter__()
    async with FaultProxy({"one": ProxyRoute(free_port, 1)}) as proxy:
        assert proxy.port("one") == free_port
