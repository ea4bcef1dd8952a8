"""Each fault: what the caller saw, and what the far side got."""

import asyncio
import time

import pytest

from sandbox.network.proxy.fault_effects import FAULT_EFFECTS, PAGE, corrupted
from sandbox.network.proxy.fault_proxy import FaultProxy
from sandbox.network.proxy.faults import NetworkFault
from tests.sandbox.network.proxy.test_pass_through import (
    PATH,
    PATIENCE_SECONDS,
    Caller,
    EchoFarSide,
    LineFarSide,
    before,
    calling,
    read_to_the_end,
    reset,
    until,
)

BODY = b"0123456789"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + BODY
NEVER_FORWARDED = {NetworkFault.RESET_BEFORE, NetworkFault.BLACK_HOLE_BEFORE, NetworkFault.HTML_BEFORE}
CONNECTION_LOST = {
    NetworkFault.RESET_BEFORE: "reset",
    NetworkFault.RESET_AFTER: "reset",
    NetworkFault.CUT: b"",
    NetworkFault.HALF_ANSWER: ANSWER[: len(ANSWER) // 2],
    NetworkFault.HALF_CLOSE: ANSWER,
}
SILENT = (NetworkFault.BLACK_HOLE_BEFORE, NetworkFault.BLACK_HOLE_AFTER)
ANSWERED = {
    NetworkFault.DELAY_ANSWER: BODY,
    NetworkFault.DELAY_REQUEST: BODY,
    NetworkFault.CORRUPT: b"01234\xb56789",
    NetworkFault.HTML: PAGE.partition(b"\r\n\r\n")[2],
    NetworkFault.HTML_BEFORE: PAGE.partition(b"\r\n\r\n")[2],
    NetworkFault.DUPLICATE: BODY,
    NetworkFault.SLOW_DRIP: BODY,
}
SECONDS = {NetworkFault.DELAY_ANSWER: 0.05, NetworkFault.DELAY_REQUEST: 0.05, NetworkFault.SLOW_DRIP: 0.05}


def times_forwarded(fault: NetworkFault) -> int:
    if fault in NEVER_FORWARDED:
        return 0
    return 2 if fault is NetworkFault.DUPLICATE else 1


def struck(proxy: FaultProxy, fault: NetworkFault) -> bool:
    return f"'struck': {{'{fault}': 1}}" in str(proxy.statistics())


@pytest.mark.parametrize("fault", NetworkFault)
def test_each_fault_is_a_refusal_or_a_strike_that_is_tried_here(fault: NetworkFault) -> None:
    assert (fault in FAULT_EFFECTS) != (fault is NetworkFault.REFUSE)
    tried = [fault in kind for kind in (CONNECTION_LOST, SILENT, ANSWERED)]
    assert tried.count(True) == (0 if fault in {NetworkFault.REFUSE, NetworkFault.HOLD_REQUEST} else 1)


@pytest.mark.parametrize("fault", CONNECTION_LOST)
async def test_a_fault_that_ends_the_connection_strikes_one_exchange_of_it(fault: NetworkFault) -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy:
        async with calling(proxy.port("far")) as caller:
            assert await caller.ask(b"before") == b"before"
            proxy.set("far", fault, times=1)
            caller.send(BODY)
            assert await caller.end() == CONNECTION_LOST[fault]
        assert struck(proxy, fault)
        async with calling(proxy.port("far")) as caller:
            assert await caller.ask(b"after") == b"after"
        assert far_side.got.count(BODY) == times_forwarded(fault)
        await until(lambda: far_side.open_connections == 0)


@pytest.mark.parametrize("fault", SILENT)
async def test_a_black_hole_is_silent_until_the_caller_goes(fault: NetworkFault) -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy:
        proxy.set("far", fault, times=1)
        async with calling(proxy.port("far")) as caller:
            caller.send(BODY)
            await until(lambda: struck(proxy, fault))
            await until(lambda: len(far_side.got) == times_forwarded(fault))
            caller.send(b"is anybody there?")
            assert await caller.is_silent()
        await until(lambda: far_side.open_connections == 0)
    assert far_side.got == [BODY] * times_forwarded(fault)


@pytest.mark.parametrize("fault", ANSWERED)
async def test_a_fault_that_answers_leaves_the_connection_usable(fault: NetworkFault) -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", fault, times=1, seconds=SECONDS.get(fault))
        assert await caller.ask(BODY) == ANSWERED[fault]
        assert struck(proxy, fault)
        assert far_side.got == [BODY] * times_forwarded(fault)
        assert await caller.ask(b"after") == b"after"


@pytest.mark.parametrize(
    "fault", [NetworkFault.DELAY_REQUEST, NetworkFault.DELAY_ANSWER, NetworkFault.SLOW_DRIP]
)
async def test_a_delay_lasts_its_seconds(fault: NetworkFault) -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", fault, seconds=0.3)
        asked_at = time.monotonic()
        assert await caller.ask(BODY) == BODY
        # The clock of an event loop is coarser than this one.
        assert time.monotonic() - asked_at > 0.25


async def test_a_drip_comes_in_many_pieces() -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.SLOW_DRIP, seconds=1)
        caller.send(BODY)
        pieces = [await caller.reader.read(4_096)]
        while len(b"".join(pieces)) < len(ANSWER):
            pieces.append(await caller.reader.read(4_096))
        assert b"".join(pieces) == ANSWER
        # A busy machine may gather some of them.
        assert len(pieces) > 3


async def test_a_duplicate_travels_over_two_connections() -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.DUPLICATE, times=1)
        await caller.ask(BODY)
        assert far_side.connections == 2


async def test_our_end_of_the_far_sides_connection_closes_after_a_request() -> None:
    far_side = LineFarSide()
    async with before(far_side.serve) as proxy, calling(proxy.port("far")) as caller:
        await caller.reader.readline()
        proxy.set("far", NetworkFault.HALF_CLOSE)
        caller.writer.write(b"\x00pay\n")
        assert await caller.end() == b"\x00PAY\ngoodbye\n"


async def send_and_be_held(caller: Caller, proxy: FaultProxy) -> None:
    caller.send(BODY)
    await until(lambda: proxy.faults()["held"] == {"far": 1})


async def test_a_held_request_is_forwarded_although_its_caller_has_left() -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy:
        proxy.set("far", NetworkFault.HOLD_REQUEST, times=1)
        async with calling(proxy.port("far")) as caller:
            await send_and_be_held(caller, proxy)
        # So that the proxy has seen it leave; nothing depends on it.
        await asyncio.sleep(0.05)
        assert far_side.got == []
        assert proxy.release() == 1
        await until(lambda: far_side.got == [BODY])
        assert proxy.release() == 0
        await until(lambda: far_side.open_connections == 0)


async def test_a_held_request_is_answered_to_a_caller_that_has_waited() -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HOLD_REQUEST, times=1)
        await send_and_be_held(caller, proxy)
        proxy.lift()
        assert proxy.faults() == {"faults": [], "held": {"far": 1}}
        assert proxy.release("far") == 1
        assert await caller.answer() == BODY
        assert await caller.ask(b"after") == b"after"
    assert far_side.got == [BODY, b"after"]


async def test_a_held_request_is_forwarded_although_the_far_side_has_closed_the_idle_connection() -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HOLD_REQUEST, times=1)
        await send_and_be_held(caller, proxy)
        far_side.hang_up()
        await until(lambda: far_side.open_connections == 0)
        proxy.release()
        assert await caller.answer() == BODY
        assert await caller.end() == b""


async def test_a_delayed_request_is_forwarded_although_its_caller_has_left() -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy:
        proxy.set("far", NetworkFault.DELAY_REQUEST, seconds=0.3)
        async with calling(proxy.port("far")) as caller:
            caller.send(BODY)
            await until(lambda: struck(proxy, NetworkFault.DELAY_REQUEST))
        await until(lambda: far_side.got == [BODY])


async def test_a_request_that_breaks_off_is_not_forwarded_late() -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy:
        proxy.set("far", NetworkFault.HOLD_REQUEST)
        async with calling(proxy.port("far")) as caller:
            caller.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234")
            await until(lambda: struck(proxy, NetworkFault.HOLD_REQUEST))
        await until(lambda: far_side.open_connections == 0)
        assert proxy.faults()["held"] == {"far": 0}
    assert far_side.got == []


async def test_a_far_side_that_dies_in_a_struck_exchange_ends_the_callers_connection() -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(BODY)
        writer.close()

    async with before(die) as proxy:
        for fault in (NetworkFault.HTML, NetworkFault.DELAY_REQUEST, NetworkFault.BLACK_HOLE_AFTER):
            proxy.set("far", fault, times=1, seconds=SECONDS.get(fault))
            async with calling(proxy.port("far")) as caller:
                caller.send(BODY)
                assert await caller.end() == b""


async def test_pipelined_requests_are_one_exchange_and_lose_their_answers_together() -> None:
    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"second")
        for _ in range(2):
            writer.write(ANSWER)
            await asyncio.sleep(0.05)
        await reader.read()

    async with before(answer_late) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HTML)
        caller.send(b"first ")
        caller.send(b"second")
        assert await caller.answer() == PAGE.partition(b"\r\n\r\n")[2]
        assert await caller.is_silent()


async def test_a_request_sent_before_the_struck_answer_came_is_an_exchange_of_its_own() -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.DELAY_ANSWER, times=1, seconds=0.2)
        proxy.set("far", NetworkFault.HTML_BEFORE, times=1)
        caller.send(b"first ")
        await until(lambda: far_side.got == [b"first "])
        caller.send(b"second")
        assert await caller.answer() == b"first "
        assert await caller.answer() == PAGE.partition(b"\r\n\r\n")[2]
    assert far_side.got == [b"first "]


async def test_a_late_request_ends_as_its_caller_ended_it() -> None:
    async with before(read_to_the_end) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HOLD_REQUEST)
        caller.writer.write(b"\x00pay")
        caller.writer.write_eof()
        await until(lambda: proxy.faults()["held"] == {"far": 1})
        proxy.release()
        assert await caller.end() == b"\x00PAY"


async def test_a_drip_ends_when_the_caller_goes() -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy:
        proxy.set("far", NetworkFault.SLOW_DRIP, seconds=PATIENCE_SECONDS * 2)
        async with calling(proxy.port("far")) as caller:
            caller.send(BODY)
            assert await caller.reader.read(1) == ANSWER[:1]
            reset(caller.writer)
        await until(lambda: far_side.open_connections == 0)


async def test_a_far_side_that_does_not_mind_our_closed_end_is_not_asked_again() -> None:
    may_close = asyncio.Event()

    async def answer_and_stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.write(ANSWER)
        await may_close.wait()
        writer.close()

    async with before(answer_and_stay) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HALF_CLOSE, times=1)
        caller.send(BODY)
        assert await caller.end() == ANSWER
        may_close.set()


async def test_what_is_no_http_is_struck_as_well() -> None:
    far_side = LineFarSide()
    async with before(far_side.serve) as proxy, calling(proxy.port("far")) as caller:
        await caller.reader.readline()
        for fault, seen in ((NetworkFault.CORRUPT, b"\x00P\xc1Y\n"), (NetworkFault.DUPLICATE, b"\x00PAY\n")):
            proxy.set("far", fault, times=1)
            caller.writer.write(b"\x00pay\n")
            assert await caller.reader.readline() == seen
    assert far_side.got == [b"\x00pay\n"] * 3


@pytest.mark.parametrize(
    ("answer", "spoiled"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab\xe3de\r\n0\r\n\r\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xb1",
        ),
        (b"\x00\x03abc", b"\x00\x03\xe1bc"),
    ],
)
def test_what_is_spoiled_is_the_body_and_not_its_frame(answer: bytes, spoiled: bytes) -> None:
    assert corrupted(answer) == spoiled


async def test_an_answer_to_head_is_over_with_its_headers() -> None:
    async def answer_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4_096):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        writer.close()

    async with before(answer_head) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.DUPLICATE)
        caller.writer.write(f"HEAD {PATH} HTTP/1.1\r\n\r\n".encode())
        assert (await caller.reader.readuntil(b"\r\n\r\n")).endswith(b"10\r\n\r\n")


async def test_leave_to_continue_is_no_answer() -> None:
    async def announce(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4_096):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(ANSWER)
        writer.close()

    async with before(announce) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HALF_ANSWER)
        caller.send(BODY)
        seen = await caller.end()
        assert isinstance(seen, bytes)
        assert b"HTTP/1.1 200" in seen
