"""Framed TCP: whole messages in and out, and not a byte after the last moment."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from ekpay_switch.ports.host_links import FramedConnection
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wire.tcp import TcpLines, TcpSettings
from tests.wire.conftest import HandClock

LATER = 2_000.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def a_line(
    serve: Serve, clock: HandClock | None = None, settings: TcpSettings | None = None
) -> AsyncIterator[FramedConnection]:
    served: list[asyncio.Task[None] | None] = []
    came = asyncio.Event()

    async def until_done(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        came.set()
        with suppress(OSError):
            await serve(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(until_done, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    line = await TcpLines(clock or HandClock(), settings).open(f"127.0.0.1:{port}", 5)
    assert not isinstance(line, NotSent)
    await came.wait()
    try:
        yield line
    finally:
        await line.close()
        server.close()
        await asyncio.gather(*(task for task in served if task is not None))


def saying(*pieces: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    return serve


def hearing(heard: bytearray) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        heard.extend(await reader.read())

    return serve


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del writer
    await reader.read()


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


# ---- in


@pytest.mark.parametrize(
    "pieces",
    [
        [framed(b"one") + framed(b"two") + framed(b"three")],
        [bytes([byte]) for byte in framed(b"one") + framed(b"two") + framed(b"three")],
        [framed(b"one") + framed(b"two")[:3], framed(b"two")[3:] + framed(b"three")],
    ],
    ids=["in one segment", "byte by byte", "across segments"],
)
async def test_messages_are_read_whole_however_they_come(pieces: list[bytes]) -> None:
    async with a_line(saying(*pieces)) as line:
        assert [await line.receive() for _ in range(3)] == [b"one", b"two", b"three"]
        assert await line.receive() == NoUsableAnswer("the line has ended")


@pytest.mark.parametrize("length", [b"\x00\x00", b"\x03\xe9", b"\xff\xff"])
async def test_a_length_that_no_message_has_ends_the_line(length: bytes) -> None:
    async with a_line(saying(length + b"x" * 2_000)) as line:
        assert await line.receive() == NoUsableAnswer("a length that no message has")
        assert await line.receive() == NoUsableAnswer("the line has ended")
        assert await line.send(b"more", LATER) == NotSent("the line has ended")


async def test_the_longest_message_is_read() -> None:
    async with a_line(saying(framed(b"x" * 1_000))) as line:
        assert await line.receive() == b"x" * 1_000


async def test_half_a_message_is_none() -> None:
    async with a_line(saying(framed(b"one")[:4])) as line:
        assert await line.receive() == NoUsableAnswer("the line has ended")


async def test_a_reset_ends_the_line() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with a_line(reset) as line:
        assert await line.send(b"x", LATER) is None
        told = await line.receive()
        assert isinstance(told, NoUsableAnswer)
        assert await line.send(b"y", LATER) == NotSent("the line has ended")


async def test_whoever_reads_when_the_line_is_closed_is_told() -> None:
    async with a_line(nothing) as line:
        reading = asyncio.create_task(line.receive())
        await asyncio.sleep(0.05)
        await line.close()
        assert isinstance(await reading, NoUsableAnswer)
        assert await line.receive() == NoUsableAnswer("the line has ended")


# ---- out


async def test_a_message_is_written_with_its_length_before_it() -> None:
    heard = bytearray()
    async with a_line(hearing(heard)) as line:
        assert await line.send(b"one", LATER) is None
        assert await line.send(b"x" * 1_000, LATER) is None
    assert heard == framed(b"one") + framed(b"x" * 1_000)


@pytest.mark.parametrize("message", [b"", b"x" * 1_001])
async def test_a_message_of_another_length_is_not_sent(message: bytes) -> None:
    heard = bytearray()
    async with a_line(hearing(heard)) as line:
        assert isinstance(await line.send(message, LATER), NotSent)
    assert heard == b""


@pytest.mark.parametrize("send_before", [999.0, 1_000.0])
async def test_not_a_byte_leaves_after_the_last_moment(send_before: float) -> None:
    heard = bytearray()
    async with a_line(hearing(heard)) as line:
        assert await line.send(b"late", send_before) == NotSent("the deadline to send passed")
        assert await line.send(b"in time", LATER) is None
    assert heard == framed(b"in time")


async def test_the_clock_is_read_right_before_the_write() -> None:
    """A process that was stopped between its decision and the write finds out at the write."""
    heard, clock = bytearray(), HandClock()
    async with a_line(hearing(heard), clock) as line:
        clock.readings = [1_000.0, 2_001.0]
        assert await line.send(b"late", LATER) == NotSent("the deadline to send passed")
    assert heard == b""


async def test_whoever_waits_for_their_turn_looks_at_the_clock_again() -> None:
    heard, clock = bytearray(), HandClock()
    async with a_line(hearing(heard), clock) as line:
        line._writing = lock = asyncio.Lock()  # type: ignore[attr-defined] # noqa: SLF001 - a turn that takes long
        await lock.acquire()
        sending = asyncio.create_task(line.send(b"late", LATER))
        await asyncio.sleep(0.01)
        clock.reading = LATER
        lock.release()
        assert await sending == NotSent("the deadline to send passed")
    assert heard == b""


async def fill(line: FramedConnection) -> NotSent | NoUsableAnswer:
    """Send until the far side takes no more, and what is said then."""
    while (failed := await line.send(b"x" * 1_000, time.monotonic() + 60)) is None:
        pass
    return failed


class RealClock(HandClock):
    def monotonic(self) -> float:
        return time.monotonic()


async def test_a_far_side_that_takes_nothing_is_left_and_gets_nothing_later() -> None:
    may_read, heard = asyncio.Event(), bytearray()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await may_read.wait()
        heard.extend(await reader.read())

    async with a_line(deaf, RealClock(), TcpSettings(stall_seconds=0.1)) as line:
        failed = await fill(line)
        assert failed in (
            NotSent("the far side takes nothing"),
            NoUsableAnswer("the far side took a part of a message"),
        )
        assert await line.send(b"more", time.monotonic() + 60) == NotSent("the line has ended")
        assert isinstance(await line.receive(), NoUsableAnswer)
        may_read.set()
    message = framed(b"x" * 1_000)
    assert heard[: len(heard) // len(message) * len(message)] == message * (len(heard) // len(message))


async def stuff(line: FramedConnection) -> None:
    """Fill what lies between, again and again: the far side's own buffer reads some of it."""
    connection: socket.socket = line._connection  # type: ignore[attr-defined] # noqa: SLF001 - to write past it
    for _ in range(10):
        with suppress(BlockingIOError):
            while connection.send(bytes(65_536)):
                pass
        await asyncio.sleep(0.02)


async def test_what_the_system_takes_nothing_of_was_not_sent() -> None:
    may_read = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await may_read.wait()
        await reader.read()

    async with a_line(deaf, RealClock(), TcpSettings(stall_seconds=0.1)) as line:
        await stuff(line)
        told = [await line.send(message, time.monotonic() + 60) for message in (b"one", b"two")]
        may_read.set()
    assert told == [NotSent("the far side takes nothing"), NotSent("the line has ended")]


async def test_what_the_system_refuses_was_not_sent() -> None:
    async with a_line(nothing) as line:
        line._connection.shutdown(socket.SHUT_WR)  # type: ignore[attr-defined] # noqa: SLF001 - breaks it
        assert await line.send(b"one", LATER) == NotSent("BrokenPipeError: Broken pipe")
        assert await line.send(b"two", LATER) == NotSent("the line has ended")


async def test_a_far_side_that_pauses_gets_every_message_whole_and_once() -> None:
    may_read, heard = asyncio.Event(), bytearray()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await may_read.wait()
        heard.extend(await reader.read())

    async with a_line(slow, RealClock()) as line:
        line._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # type: ignore[attr-defined] # noqa: SLF001
        written: list[bytes] = []

        async def send_many() -> None:
            for number in range(3_000):
                message = f"{number:06d}".encode() * 100
                if await line.send(message, time.monotonic() + 30) is not None:
                    return
                written.append(framed(message))

        sending = asyncio.create_task(send_many())
        await asyncio.sleep(0.3)
        may_read.set()
        await sending
    assert heard.startswith(b"".join(written))
    assert len(heard) - sum(map(len, written)) < 602


# ---- connecting


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "127.0.0.1", "127.0.0.1:port", "no-such.invalid:80", "127.0.0.1:99999", ""]
)
async def test_what_cannot_be_connected_to_is_not_reached(address: str) -> None:
    told = await TcpLines(HandClock()).open(address, 5)
    assert isinstance(told, NotSent)
    assert told.why


async def test_a_connection_that_takes_too_long_is_given_up() -> None:
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    others = [socket.socket() for _ in range(4)]
    try:
        for other in others:
            other.setblocking(False)  # noqa: FBT003 - the standard library's way
            other.connect_ex(full.getsockname())
        told = await TcpLines(HandClock()).open(f"127.0.0.1:{full.getsockname()[1]}", 0.1)
        assert told == NotSent("TimeoutError")
    finally:
        for one in (full, *others):
            one.close()
