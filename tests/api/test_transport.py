"""What arrives too big, too slow or broken, over real sockets: answered or cut, never a 500."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import uvicorn
from uvicorn.server import ServerState

from ekpay_switch.api.limits import LimitRequests, Message, Receive, RequestLimits, Scope, Send
from ekpay_switch.api.syndicate.codes import BASE
from ekpay_switch.composition import http_protocol
from ekpay_switch.composition.http_protocol import PromptHttp
from tests.api.api_setup import Desk, code_of

FETCH = f"{BASE}/fetch-bill"
HALF_A_HEAD = b"POST /x HTTP/1.1\r\nHost: s\r\n"
WHOLE_REQUEST = b"GET /health/live HTTP/1.1\r\nHost: s\r\n\r\n"


@dataclass
class Line:
    """The switch on a loopback port."""

    desk: Desk
    port: int

    async def raw(self, sent: bytes, *, pieces: int = 1) -> bytes:
        """Everything that comes back until the line is closed; empty when it was cut."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(10):
                for _ in range(pieces):
                    writer.write(sent)
                    await writer.drain()
                return await reader.read(1_000_000)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def is_alive(self) -> bool:
        answer = await self.raw(b"GET /health/live HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")
        return answer.startswith(b"HTTP/1.1 200 ")


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    desk = Desk(body_seconds=0.3)
    config = uvicorn.Config(desk.app, http=PromptHttp, lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: PromptHttp(config, state, {}), "127.0.0.1", 0)
    yield Line(desk, server.sockets[0].getsockname()[1])
    server.close()
    for connection in list(state.connections):
        connection.shutdown()
    await server.wait_closed()


def post(*headers: str, path: str = FETCH) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: s", *headers, "", ""]).encode()


def status_of(answer: bytes) -> int:
    """The status, or 0 for a line that was cut."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


async def test_ten_megabytes_are_refused_before_they_are_read(line: Line) -> None:
    sent = post(f"Content-Length: {10 * 2**20}") + b"x" * 10 * 2**20
    assert status_of(await line.raw(sent)) in {0, 413}
    assert await line.is_alive()


async def test_a_body_that_names_no_length_is_cut_at_the_limit(line: Line) -> None:
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    sent = post("Transfer-Encoding: chunked") + chunk * 640
    assert status_of(await line.raw(sent)) in {0, 413}
    assert await line.is_alive()


async def test_a_half_sent_body_is_not_waited_for_long(line: Line) -> None:
    assert status_of(await line.raw(post("Content-Length: 1000") + b"half of it")) == 408
    assert await line.is_alive()


@pytest.mark.parametrize(
    "headers",
    [
        [f"X-{n}: y" for n in range(2_000)],
        ["X: " + "y" * 100_000],
        ["Content-Length: abc"],
        ["Content-Length: -1"],
        ["Content-Length: " + "9" * 5_000],
        ["Content-Length: " + "0" * 5_000 + "5"],
        ["Host: another"],
        ["Content-Type: text/plain", "Content-Type: application/json"],
        ["Authorization: Bearer a", "Authorization: Bearer b"],
        ["Content-Length: 1", "Content-Length: 2"],
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["no colon"],
        ["X: a\0b"],
    ],
)
async def test_broken_headers_are_refused(line: Line, headers: list[str]) -> None:
    assert status_of(await line.raw(post(*headers, "Connection: close"))) in {0, 400, 408, 413, 431}
    assert await line.is_alive()


@pytest.mark.parametrize("twice", ["Host: another", "Authorization: Bearer b", "Content-Type: text/plain"])
async def test_a_header_that_two_may_read_differently_is_refused(line: Line, twice: str) -> None:
    headers = ["Authorization: Bearer a", "Content-Type: text/plain", "Content-Length: 0", twice]
    assert status_of(await line.raw(post(*headers, "Connection: close"))) == 400
    assert await line.is_alive()


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, WHOLE_REQUEST + HALF_A_HEAD], ids=repr)
async def test_a_head_that_never_ends_is_cut(
    line: Line, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    writer.write(sent)
    async with asyncio.timeout(10):
        heard = await reader.read()  # to the end, though the caller never hangs up
    assert heard.startswith(b"HTTP/1.1 200 ") is sent.startswith(b"GET")
    writer.close()
    assert await line.is_alive()


async def test_a_body_that_comes_after_its_head_has_its_own_time(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    writer.write(post("Content-Length: 2", "Connection: close"))
    await asyncio.sleep(0.2)
    writer.write(b"{}")
    async with asyncio.timeout(10):
        assert status_of(await reader.read(1_000_000)) == 401
    writer.close()


@pytest.mark.parametrize(
    "request_line",
    [b"GET / HTTP/9.9", b"\x16\x03\x01\x02", b"POST", b"GET http://other/ HTTP/1.1", b"GET /../.. HTTP/1.1"],
)
async def test_what_is_no_request_of_ours_is_no_500(line: Line, request_line: bytes) -> None:
    answer = await line.raw(request_line + b"\r\nHost: s\r\nConnection: close\r\n\r\n")
    assert status_of(answer) in {0, 400, 404, 405}
    assert await line.is_alive()


async def test_a_caller_that_hangs_up_is_paid_for_all_the_same(line: Line) -> None:
    desk, bank = line.desk, line.desk.partner()
    sealed = bank.sealed(bank.payment(await bank.fetch()))
    desk.small.biller.gate = asyncio.Event()
    _, writer = await asyncio.open_connection("127.0.0.1", line.port)
    head = post(
        f"Authorization: Bearer {bank.token}",
        f"Content-Length: {len(sealed)}",
        path=f"{BASE}/update-billPayment",
    )
    writer.write(head + sealed)
    await writer.drain()
    async with asyncio.timeout(10):
        await desk.small.biller.was_asked.wait()
        writer.transport.abort()
        (running,) = desk.syndicate.tasks.running
        desk.small.biller.gate.set()
        await running
    answer = await bank.exchange(bank.write.status(the_reference_of_the_fetch(desk), "b025"))
    assert (code_of(answer), answer["bllr_inf"]["is_bll_pd"]) == ("0000", "Y")


async def test_a_bug_is_a_500_that_says_nothing(line: Line) -> None:
    bank = line.desk.partner()
    await bank.log_in()
    line.desk.small.books.trouble.append(RuntimeError("inner words"))
    sealed = bank.sealed(bank.write.status("F" * 24, "b025"))
    head = post(
        f"Authorization: Bearer {bank.token}",
        f"Content-Length: {len(sealed)}",
        "Connection: close",
        path=f"{BASE}/check-bill-status",
    )
    answer = await line.raw(head + sealed)
    assert status_of(answer) == 500
    assert b"inner words" not in answer
    assert await line.is_alive()


def the_reference_of_the_fetch(desk: Desk) -> str:
    (quote,) = desk.small.books.quotes.values()
    return quote.request_reference


# ---- the same limits without a network, where what was read can be counted -----------------------


async def too_big(headers: list[tuple[bytes, bytes]]) -> tuple[int, int]:
    """The status of an endless body, and how many of its pieces of 16 KiB were read."""
    read = 0
    statuses: list[int] = []

    async def receive() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 16_384, "more_body": True}

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    async def never(_: Scope, __: Receive, ___: Send) -> None:
        pytest.fail("the application saw it")

    guarded = LimitRequests(never, RequestLimits(64 * 1024))
    await guarded({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive, send)
    return statuses[0], read


async def test_memory_stays_flat_whatever_is_sent() -> None:
    assert await too_big([(b"content-length", b"1000000000")]) == (413, 0)
    assert await too_big([]) == (413, 5)
    assert await too_big([(b"x", b"y")] * 65) == (431, 0)
    assert await too_big([(b"x", b"y" * 16_384)]) == (431, 0)


async def through_the_guard(*arriving: Message) -> list[Message]:
    """What an application behind the guard gets to read; nothing if it is never called."""
    waiting, got = list(arriving), []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        got.extend([await receive(), await receive()])

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        pytest.fail(f"nobody is there to be told {message}")

    await LimitRequests(app, RequestLimits(1_024))(
        {"type": "http", "method": "POST", "path": "/", "headers": []}, receive, send
    )
    return got


async def test_the_application_reads_a_body_in_one_piece_and_then_the_hang_up() -> None:
    first: Message = {"type": "http.request", "body": b"ab", "more_body": True}
    last: Message = {"type": "http.request", "body": b"c"}
    gone: Message = {"type": "http.disconnect"}
    whole = {"type": "http.request", "body": b"abc", "more_body": False}
    assert await through_the_guard(first, last, gone) == [whole, gone]


async def test_half_a_body_whose_sender_hung_up_is_never_acted_upon() -> None:
    half: Message = {"type": "http.request", "body": b"{}", "more_body": True}
    assert await through_the_guard(half, {"type": "http.disconnect"}) == []


async def test_only_http_is_limited() -> None:
    seen = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(_: Message) -> None:
        return None

    await LimitRequests(app, RequestLimits(1_024))({"type": "lifespan"}, receive, send)
    assert seen == ["lifespan"]
