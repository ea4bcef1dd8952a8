"""What is reckoned about a hanging biller, and the relay that makes one hang."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.kit.far_side_relay import FarSideRelay, open_relay
from benchmarks.kit.payment_counts import BooksError
from benchmarks.paying.hanging_biller import (
    PER_SECOND,
    POOL,
    SECONDS_MAX,
    BulkheadResult,
    BulkheadTurn,
    checked_turn,
    payment_instants,
)
from benchmarks.paying.hot_biller import UNIFORM, MixTurn, PaidCounts

_SENT = len(payment_instants(3))


def _healthy(rate: float = 100.0) -> MixTurn:
    return MixTurn(UNIFORM, 100, rate, {"p99": 1.0}, 1.0, {}, {})


def _turn(rate: float, *, hangs: bool) -> BulkheadTurn:
    return BulkheadTurn(hangs, _healthy(rate), _SENT, POOL, _SENT - POOL)


class TestTrickle:
    def test_it_fills_the_pool_at_once_and_goes_on_steadily(self) -> None:
        at = payment_instants(3)
        assert at.count(0.0) == POOL + 1
        steps = [later - sooner for sooner, later in zip(at[POOL:], at[POOL + 1 :], strict=False)]
        assert steps == pytest.approx([1 / PER_SECOND] * len(steps))
        assert at[-1] > 3

    def test_the_longest_turn_ends_before_a_held_call_is_overdue(self) -> None:
        assert payment_instants(SECONDS_MAX)[-1] < 20


class TestJudging:
    def test_a_biller_that_answers_has_completed_everything(self) -> None:
        turn = checked_turn(_healthy(), _SENT, PaidCounts(_SENT, _SENT), hangs=False)
        assert (turn.completed, turn.given_back) == (_SENT, 0)

    def test_a_biller_that_hangs_has_completed_its_pool_late(self) -> None:
        turn = checked_turn(_healthy(), _SENT, PaidCounts(POOL + 3, _SENT), hangs=True)
        assert (turn.completed, turn.given_back) == (POOL + 3, _SENT - POOL - 3)

    @pytest.mark.parametrize(
        ("hangs", "grown"),
        [
            pytest.param(False, PaidCounts(_SENT - 1, _SENT), id="answers, and one is given back"),
            pytest.param(True, PaidCounts(_SENT, _SENT), id="hangs, and all are completed"),
            pytest.param(True, PaidCounts(POOL - 1, _SENT), id="hangs, and the pool was not full"),
            pytest.param(True, PaidCounts(POOL, _SENT - 1), id="one is not in the books"),
        ],
    )
    def test_books_that_tell_another_conduct_are_refused(self, *, hangs: bool, grown: PaidCounts) -> None:
        with pytest.raises(BooksError):
            checked_turn(_healthy(), _SENT, grown, hangs=hangs)

    def test_the_loss_is_the_median_of_the_pairs(self) -> None:
        rates = ((100.0, 90.0), (200.0, 200.0), (50.0, 49.0))
        turns = [
            _turn(rate, hangs=hangs)
            for pair in rates
            for hangs, rate in zip((False, True), pair, strict=True)
        ]
        assert BulkheadResult(tuple(turns), "clean").figures()["bulkhead_loss"] == 0.02

    def test_at_most_counts_what_the_answering_biller_was_paid(self) -> None:
        turns = (_turn(90.0, hangs=False), _turn(90.0, hangs=True))
        result = BulkheadResult(turns, "clean")
        assert result.loss == 0
        assert result.loss_at_most == pytest.approx(1 - 90 / (90 + PER_SECOND))


@asynccontextmanager
async def _echo_behind(
    relay: FarSideRelay,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through the relay to a far side that says what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while heard := await reader.read(100):
            writer.write(heard)
            await writer.drain()
        writer.close()
        has_ended.set()

    has_ended = asyncio.Event()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    relay.far_port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    try:
        yield reader, writer
    finally:
        # Every side hears of the end before the loop is closed.
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 60)
        await asyncio.wait_for(has_ended.wait(), 60)
        writer.close()
        server.close()


class TestRelay:
    async def test_what_is_held_arrives_at_the_release(self) -> None:
        async with open_relay(0) as relay, _echo_behind(relay) as (reader, writer):
            relay.hold()
            has_come = relay.expect(1)
            writer.write(b"pay")
            await asyncio.wait_for(has_come.wait(), 60)
            answer = asyncio.create_task(reader.read(100))
            done, _ = await asyncio.wait([answer], timeout=0.05)
            assert not done
            relay.release()
            assert await asyncio.wait_for(answer, 60) == b"pay"

    async def test_what_comes_while_it_hangs_is_lost(self) -> None:
        async with open_relay(0) as relay, _echo_behind(relay) as (reader, writer):
            relay.hangs = True
            has_come = relay.expect(1)
            writer.write(b"lost")
            await asyncio.wait_for(has_come.wait(), 60)
            await asyncio.sleep(0)
            relay.hangs = False
            writer.write(b"kept")
            assert await asyncio.wait_for(reader.read(100), 60) == b"kept"
