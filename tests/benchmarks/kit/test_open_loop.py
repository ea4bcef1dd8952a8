import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.kit.open_loop import (
    LoadTarget,
    OpenLoopClient,
    OpenLoopError,
    OpenLoopResult,
    Sample,
    UnreadableResponseError,
    offer_load,
    parse_response_head,
    percentile,
    poisson_instants,
    refuse_late_load,
    steady_instants,
)
from benchmarks.kit.prepared_requests import PreparedRequest

BUSY = "busy"
HANGS_UP = "hangs up"


class FarSide:
    """Answers 200, says 503 to the body `busy`, and hangs up on the body that asks for it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await _head(reader):
                fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = (await reader.readexactly(int(fields["Content-Length"]))).decode()
                self.asked.append((fields["Authorization"], body))
                if body == HANGS_UP:
                    return
                word = "503 Busy" if body == BUSY else "200 OK"
                # In two pieces, as answers may come.
                writer.write(f"HTTP/1.1 {word}\r\nserver: test\r\nCONTENT-LENGTH: 4\r\n\r\ndo".encode())
                await writer.drain()
                writer.write(b"ne")
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return ""


@asynccontextmanager
async def far_side() -> AsyncIterator[tuple[FarSide, str]]:
    side = FarSide()
    server = await asyncio.start_server(side.serve, "127.0.0.1", 0)
    try:
        yield side, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/pay"
    finally:
        server.close()
        await server.wait_closed()


def observed(*samples: Sample) -> OpenLoopResult:
    return OpenLoopResult(samples, queued=0, cpu_seconds=0.0, connections=1)


def request(body: str) -> bytes:
    head = f"POST /pay HTTP/1.1\r\nAuthorization: x\r\nContent-Length: {len(body)}\r\n\r\n"
    return f"{head}{body}".encode()


async def test_every_request_travels_once_under_its_own_bearer() -> None:
    bodies = [PreparedRequest(1 + number % 2, f"body-{number}") for number in range(200)]
    async with far_side() as (side, url):
        seen = await offer_load(LoadTarget(url, "text/plain", ("one", "two")), [0.0] * len(bodies), bodies)
    assert sorted(side.asked) == sorted((f"Bearer {('one', 'two')[b.token - 1]}", b.body) for b in bodies)
    assert seen.failed_count == 0
    assert all(sample.due <= sample.sent <= sample.answered for sample in seen.samples)


async def test_refusals_and_broken_connections_are_failures_and_stop_nobody() -> None:
    words = ["a", BUSY, "b", HANGS_UP, "c", HANGS_UP, "d"]
    async with far_side() as (side, url):
        # With one connection, so that each has to wait for the one before.
        address = ("127.0.0.1", int(url.rsplit(":")[-1].removesuffix("/pay")))
        load = OpenLoopClient(*address, [(0.0, request(word)) for word in words], connections_max=1)
        await asyncio.to_thread(load.run)
    assert [sample.status for sample in load.samples] == [200, 503, 200, 0, 200, 0, 200]
    assert [body for _, body in side.asked] == words
    assert (load.queued, load.opened) == (6, 3)
    assert observed(*load.samples).failed_count == 3


async def test_too_few_bodies_are_no_load() -> None:
    with pytest.raises(OpenLoopError, match="2 requests are due, but 1 are prepared"):
        await offer_load(
            LoadTarget("http://127.0.0.1:1/", "text/plain", ("one",)), [0.0, 0.1], [PreparedRequest(1, "a")]
        )


async def test_a_load_process_that_fails_is_told() -> None:
    async with far_side() as (_, url):
        pass
    with pytest.raises(OpenLoopError, match="ConnectionRefusedError"):
        await offer_load(LoadTarget(url, "text/plain", ("one",)), [0.0], [PreparedRequest(1, "a")])


def test_latency_counts_from_the_instant_that_was_fixed_not_from_the_sending() -> None:
    late = observed(Sample(1.0, 1.5, 2.0, 200))
    assert late.latencies_ms() == [1_000.0]
    assert late.lag_p99_ms == 500.0


def test_what_was_due_in_the_first_moments_is_left_out() -> None:
    seen = observed(Sample(0.5, 0.5, 3.0, 200), Sample(1.0, 1.0, 1.25, 200))
    assert seen.latencies_ms(since=1.0) == [250.0]


def test_a_load_that_was_late_itself_is_refused() -> None:
    on_time = observed(*[Sample(0.0, 0.004, 0.1, 200)] * 100)
    refuse_late_load(on_time, 4.5)
    with pytest.raises(OpenLoopError, match=r"4\.0 ms late"):
        refuse_late_load(on_time, 3.5)


def test_one_late_request_in_a_hundred_is_forgiven() -> None:
    once_late = observed(*[Sample(0.0, 0.0, 0.1, 200)] * 99, Sample(0.0, 9.0, 9.1, 200))
    assert once_late.lag_p99_ms == 0.0
    refuse_late_load(once_late, 1.0)


@pytest.mark.parametrize(("rank", "expected"), [(50, 50), (95, 95), (99, 99), (100, 100), (0.5, 1)])
def test_percentiles_of_the_first_hundred_numbers(rank: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), rank) == expected


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.integers(1, 100))
def test_a_percentile_is_the_smallest_number_with_its_share_at_or_below(
    numbers: list[float], rank: int
) -> None:
    found = percentile(numbers, rank)
    assert sum(number <= found for number in numbers) * 100 >= rank * len(numbers)
    assert sum(number < found for number in numbers) * 100 < rank * len(numbers)


def test_random_arrivals_are_the_same_for_a_seed_and_others_for_another() -> None:
    assert poisson_instants(100, 5, 1) == poisson_instants(100, 5, 1) != poisson_instants(100, 5, 2)


def test_random_arrivals_come_in_order_within_their_time_at_their_rate() -> None:
    instants = poisson_instants(1_000, 20, 7)
    assert instants == sorted(instants)
    assert instants[0] > 0
    assert instants[-1] < 20
    # Four standard deviations of a count of 20,000.
    assert abs(len(instants) - 20_000) < 4 * 20_000**0.5


def test_steady_arrivals_keep_their_distance() -> None:
    assert steady_instants(4, 1) == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("cut", range(1, 40))
def test_an_answer_is_read_however_it_is_cut(cut: int) -> None:
    answer = b"HTTP/1.1 201 Created\r\ncontent-length: 7\r\nserver: x\r\n\r\n"
    assert parse_response_head(answer[:-cut]) is None
    assert parse_response_head(answer) == (201, len(answer) + 7)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"SMTP hello\r\ncontent-length: 1\r\n\r\n",
    ],
)
def test_an_answer_without_status_or_length_is_unreadable(answer: bytes) -> None:
    with pytest.raises(UnreadableResponseError):
        parse_response_head(answer)
