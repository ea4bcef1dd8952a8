"""Which of the four outcomes each rudeness leads to: law 4, against a real socket."""

import asyncio
import socket

import pytest

from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer
from ekpay_switch.wire.http import HttpWire, WireSettings
from tests.wire.conftest import HandClock
from tests.wire.scripted_peer import Caller, a_request, eventually, http_answer, rude_peer

LATE = 1_000.0  # the hand clock's own reading: already too late
IN_TIME = 1_001.0


async def polite(caller: Caller) -> None:
    await caller.answer(b"yes", extra="X-Word: kept\r\n")


async def test_a_whole_answer_comes_back_with_status_headers_and_body(wire: HttpWire) -> None:
    async with rude_peer(polite) as peer:
        reply = await wire.send("bank", a_request(peer.url(), headers={"Authorization": "Bearer t"}))
    assert isinstance(reply, WireAnswer)
    assert (reply.status, reply.headers["X-Word"], reply.body) == (200, "kept", b"yes")
    heard = peer.heard[0]
    assert (heard.method, heard.path, heard.body) == ("POST", "/pay", b'{"pay": 1}')
    assert heard.headers["authorization"] == "Bearer t"
    assert heard.headers["accept-encoding"] == "identity"


async def test_a_failed_answer_is_an_answer(wire: HttpWire) -> None:
    async with rude_peer(lambda caller: caller.answer(b"no", status=503)) as peer:
        reply = await wire.send("bank", a_request(peer.url()))
    assert isinstance(reply, WireAnswer)
    assert reply.status == 503


async def test_a_refused_connection_is_not_sent(wire: HttpWire) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        reply = await wire.send("bank", a_request(f"http://127.0.0.1:{unheard.getsockname()[1]}/"))
    assert isinstance(reply, NotSent)
    assert "ClientConnectorError" in reply.why


async def test_a_name_that_does_not_resolve_is_not_sent(wire: HttpWire) -> None:
    reply = await wire.send("bank", a_request("http://nowhere.invalid/"))
    assert isinstance(reply, NotSent)


async def test_a_tls_failure_is_not_sent(wire: HttpWire) -> None:
    """The first bytes on the line are TLS's own; the request is not among them."""
    seen: list[bytes] = []

    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(1_000))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(speak_plainly, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reply = await wire.send("bank", a_request(f"https://127.0.0.1:{port}/"))
    server.close()
    await server.wait_closed()
    assert isinstance(reply, NotSent)
    assert b"pay" not in seen[0]


async def test_an_address_that_is_none_is_not_sent(wire: HttpWire) -> None:
    assert isinstance(await wire.send("bank", a_request("no address")), NotSent)


async def test_a_header_that_would_break_the_head_is_not_sent(wire: HttpWire) -> None:
    async with rude_peer(polite) as peer:
        reply = await wire.send("bank", a_request(peer.url(), headers={"Authorization": "a\r\nb: c"}))
    assert isinstance(reply, NotSent)
    assert peer.heard == []


async def test_a_head_that_would_leave_before_the_gate_is_not_sent(wire: HttpWire) -> None:
    async with rude_peer(polite) as peer:
        request = a_request(peer.url(), headers={"expect": "100-continue"})
        assert isinstance(await wire.send("bank", request), NotSent)
    assert peer.connections == 0


async def test_past_its_send_deadline_not_a_byte_leaves(wire: HttpWire) -> None:
    async with rude_peer(polite) as peer:
        reply = await wire.send("bank", a_request(peer.url(), send_before=LATE))
    assert reply == NotSent("the send deadline passed")
    assert peer.heard == []


async def test_the_deadline_is_looked_at_after_the_connection_stands(clock: HandClock) -> None:
    """Law 14: checked immediately before the write, so a slow connect cannot carry a payment past it."""
    wire = HttpWire(clock)
    async with rude_peer(polite) as peer:
        clock.readings = [LATE - 1]  # the breaker looks first, in time; the gate looks second, too late
        reply = await wire.send("bank", a_request(peer.url(), send_before=LATE))
        assert peer.connections == 1
    assert reply == NotSent("the send deadline passed")
    assert peer.heard == []
    await wire.close()


async def test_before_its_send_deadline_it_leaves(wire: HttpWire) -> None:
    async with rude_peer(polite) as peer:
        assert isinstance(await wire.send("bank", a_request(peer.url(), send_before=IN_TIME)), WireAnswer)


async def test_silence_is_no_usable_answer(wire: HttpWire) -> None:
    async with rude_peer(Caller.stay_silent) as peer:
        reply = await wire.send("bank", a_request(peer.url(), timeout_seconds=0.1))
    assert reply == NoUsableAnswer("TimeoutError")
    assert len(peer.heard) == 1


async def test_an_answer_that_never_ends_is_cut_at_the_deadline(wire: HttpWire) -> None:
    async def drip(caller: Caller) -> None:
        await caller.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await caller.say(b"x")
            await asyncio.sleep(0.02)

    async with rude_peer(drip) as peer:
        reply = await wire.send("bank", a_request(peer.url(), timeout_seconds=0.2))
    assert isinstance(reply, NoUsableAnswer)


async def test_a_connection_closed_without_a_word_is_no_usable_answer(wire: HttpWire) -> None:
    async with rude_peer(Caller.hang_up) as peer:
        reply = await wire.send("bank", a_request(peer.url(), send_before=IN_TIME))
    assert isinstance(reply, NoUsableAnswer)
    assert len(peer.heard) == 1


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(http_answer(b"a whole body")[:-5], id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConte", id="half a head"),
        pytest.param(b"\x00\xff\x16 no HTTP at all\r\n\r\n", id="garbage"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", id="a broken chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nx", id="a length that is none"),
        pytest.param(http_answer(b"x", extra="Content-Encoding: gzip\r\n"), id="encoded unasked"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_100_000, id="over the limit, without a length"),
        pytest.param(http_answer(b"x" * 1_100_000), id="over the limit"),
        pytest.param(http_answer(b"", extra="".join(f"A{n}: b\r\n" for n in range(900))), id="900 headers"),
    ],
)
async def test_no_whole_answer_is_no_usable_answer(wire: HttpWire, raw: bytes) -> None:
    async def say_and_leave(caller: Caller) -> None:
        await caller.say(raw)
        await caller.hang_up()

    async with rude_peer(say_and_leave) as peer:
        reply = await wire.send("bank", a_request(peer.url()))
    assert isinstance(reply, NoUsableAnswer), reply


async def test_a_redirect_is_an_answer_and_is_not_followed(wire: HttpWire) -> None:
    async with rude_peer(lambda c: c.answer(b"", status=307, extra="Location: /elsewhere\r\n")) as peer:
        reply = await wire.send("bank", a_request(peer.url()))
    assert isinstance(reply, WireAnswer)
    assert reply.status == 307
    assert len(peer.heard) == 1


async def test_cookies_are_not_kept(wire: HttpWire) -> None:
    async with rude_peer(lambda c: c.answer(b"", extra="Set-Cookie: a=b\r\n")) as peer:
        await wire.send("bank", a_request(peer.url()))
        await wire.send("bank", a_request(peer.url()))
    assert "cookie" not in peer.heard[1].headers


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
@pytest.mark.parametrize("send_before", [None, IN_TIME])
async def test_a_dropped_kept_alive_connection_is_in_doubt_and_never_repeated(
    wire: HttpWire, method: str, send_before: float | None
) -> None:
    """aiohttp by itself sends GET, PUT and DELETE twice here (law 4)."""

    async def answer_once(caller: Caller) -> None:
        await (polite(caller) if len(peer.heard) == 1 else caller.hang_up())

    async with rude_peer(answer_once) as peer:
        assert isinstance(await wire.send("bank", a_request(peer.url())), WireAnswer)
        reply = await wire.send("bank", a_request(peer.url(), method=method, send_before=send_before))
    assert isinstance(reply, NoUsableAnswer), reply
    assert [heard.method for heard in peer.heard] == ["POST", method]
    assert peer.heard[1].body == b'{"pay": 1}'


async def test_a_second_answer_is_never_taken_for_that_of_the_next_request(wire: HttpWire) -> None:
    """Left alone, aiohttp hands the stale answer to whoever uses the connection next."""

    async def answer_twice(caller: Caller) -> None:
        await caller.answer(b"first")
        if len(peer.heard) == 1:
            await eventually(answered.is_set)
            await caller.answer(b"first, again")

    answered = asyncio.Event()
    async with rude_peer(answer_twice) as peer:
        await wire.send("bank", a_request(peer.url()))
        answered.set()
        pool = wire._sides["bank"]._session.connector  # noqa: SLF001 - only there the stale answer shows
        assert pool is not None
        [[(kept, _)]] = pool._conns.values()  # noqa: SLF001
        await eventually(lambda: kept.should_close)
        second = await wire.send("bank", a_request(peer.url(), send_before=IN_TIME))
        third = await wire.send("bank", a_request(peer.url(), send_before=IN_TIME))
    assert second == NotSent("the connection held an answer before anything was asked")
    assert isinstance(third, WireAnswer)
    assert len(peer.heard) == 2
    assert peer.connections == 2


async def test_both_answers_at_once_end_the_connection(wire: HttpWire) -> None:
    async with rude_peer(lambda c: c.say(http_answer(b"one") + http_answer(b"one"))) as peer:
        first = await wire.send("bank", a_request(peer.url()))
        second = await wire.send("bank", a_request(peer.url()))
    assert isinstance(first, WireAnswer)
    assert isinstance(second, WireAnswer)
    assert peer.connections == 2


async def test_an_answer_after_the_deadline_is_never_taken_for_the_next(wire: HttpWire) -> None:
    async def answer_late(caller: Caller) -> None:
        if len(peer.heard) == 1:
            await given_up.wait()
            await caller.answer(b"late")
        await caller.answer(b"fresh")

    given_up = asyncio.Event()
    async with rude_peer(answer_late) as peer:
        assert isinstance(await wire.send("bank", a_request(peer.url(), timeout_seconds=0.1)), NoUsableAnswer)
        given_up.set()
        reply = await wire.send("bank", a_request(peer.url()))
    assert isinstance(reply, WireAnswer)
    assert reply.body == b"fresh"


async def test_a_caller_that_is_cancelled_leaves_nothing_behind_that_could_still_be_sent(
    wire: HttpWire,
) -> None:
    async with rude_peer(Caller.stay_silent) as peer:
        task = asyncio.create_task(wire.send("bank", a_request(peer.url())))
        await eventually(lambda: len(peer.heard) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(peer.heard) == 1


async def test_connections_are_kept(wire: HttpWire) -> None:
    async with rude_peer(polite) as peer:
        for _ in range(5):
            await wire.send("bank", a_request(peer.url()))
    assert peer.connections == 1


async def test_who_gets_no_place_in_the_pool_was_not_sent(clock: HandClock) -> None:
    wire = HttpWire(clock, WireSettings(connections_max=1, waiting_max=1, wait_seconds=0.05))
    async with rude_peer(Caller.stay_silent) as peer:
        first = asyncio.create_task(wire.send("bank", a_request(peer.url(), timeout_seconds=0.5)))
        await eventually(lambda: len(peer.heard) == 1)
        waiting = asyncio.create_task(wire.send("bank", a_request(peer.url())))
        await asyncio.sleep(0)
        assert await wire.send("bank", a_request(peer.url())) == NotSent("pool queue full")
        assert await waiting == NotSent("pool queue timeout")
        assert isinstance(await first, NoUsableAnswer)
        assert len(peer.heard) == 1
    await wire.close()


async def test_a_place_that_comes_free_is_taken(clock: HandClock) -> None:
    wire = HttpWire(clock, WireSettings(connections_max=2))
    async with rude_peer(polite) as peer:
        replies = await asyncio.gather(*(wire.send("bank", a_request(peer.url())) for _ in range(20)))
    assert all(isinstance(reply, WireAnswer) for reply in replies)
    assert peer.connections <= 2
    await wire.close()


async def test_one_silent_far_side_takes_no_place_from_another(clock: HandClock) -> None:
    wire = HttpWire(clock, WireSettings(connections_max=1, waiting_max=0))
    async with rude_peer(Caller.stay_silent) as dead, rude_peer(polite) as alive:
        stuck = asyncio.create_task(wire.send("dead", a_request(dead.url(), timeout_seconds=0.3)))
        await eventually(lambda: len(dead.heard) == 1)
        assert isinstance(await wire.send("alive", a_request(alive.url())), WireAnswer)
        await stuck
    await wire.close()


async def test_five_lost_answers_open_the_breaker_and_a_harmless_question_closes_it(
    wire: HttpWire, clock: HandClock
) -> None:
    async def answer_after_five(caller: Caller) -> None:
        await (caller.hang_up() if len(peer.heard) <= 5 else polite(caller))

    async with rude_peer(answer_after_five) as peer:
        money = a_request(peer.url(), send_before=10_000.0)
        for _ in range(5):
            assert isinstance(await wire.send("bank", money), NoUsableAnswer)
        assert await wire.send("bank", money) == NotSent("breaker open")
        assert len(peer.heard) == 5
        clock.reading += 30
        assert isinstance(await wire.send("bank", a_request(peer.url())), WireAnswer)
        assert isinstance(await wire.send("bank", money), WireAnswer)


async def test_five_refused_connections_open_the_breaker(wire: HttpWire) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        request = a_request(f"http://127.0.0.1:{unheard.getsockname()[1]}/", send_before=IN_TIME)
        for _ in range(5):
            await wire.send("bank", request)
        assert await wire.send("bank", request) == NotSent("breaker open")


async def test_our_own_deadline_says_nothing_about_the_far_side(wire: HttpWire) -> None:
    async with rude_peer(polite) as peer:
        for _ in range(6):
            assert await wire.send("bank", a_request(peer.url(), send_before=LATE)) == NotSent(
                "the send deadline passed"
            )
        assert isinstance(await wire.send("bank", a_request(peer.url(), send_before=IN_TIME)), WireAnswer)


async def test_after_closing_nothing_is_sent(clock: HandClock) -> None:
    wire = HttpWire(clock)
    async with rude_peer(polite) as peer:
        await wire.close()
        assert await wire.send("bank", a_request(peer.url())) == NotSent("the wire is closed")
    assert peer.connections == 0


async def test_closing_leaves_a_request_on_its_way_in_doubt_and_a_waiting_one_unsent(
    clock: HandClock,
) -> None:
    wire = HttpWire(clock, WireSettings(connections_max=1))
    async with rude_peer(Caller.stay_silent) as peer:
        sent = asyncio.create_task(wire.send("bank", a_request(peer.url())))
        await eventually(lambda: len(peer.heard) == 1)
        waiting = asyncio.create_task(wire.send("bank", a_request(peer.url())))
        await asyncio.sleep(0)
        await wire.close()
        assert isinstance(await sent, NoUsableAnswer)
        assert isinstance(await waiting, NotSent)
        assert len(peer.heard) == 1
