"""A worker that does its rounds, one that does none any more, and what is told of both."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.composition import operations
from ekpay_switch.composition.operations import COUNTED_FOR_SECONDS, Counts
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep, count_alarms
from ekpay_switch.persistence.housekeeping import count_open
from ekpay_switch.persistence.worker_mark import SILENT_SECONDS, move_worker_mark, read_worker_silence
from tests.fakes.world import FakeClock
from tests.persistence.books import SILENT, Books

GONE = "UPDATE housekeeping_marks SET passed_until = now() - interval '61 seconds' WHERE chore = 'worker'"
OPEN = "SELECT kind, subject, owner, count FROM alarms WHERE ended_at IS NULL"


@pytest.fixture
async def engine(books: Books) -> AsyncIterator[AsyncEngine]:
    engine = books.database.engine()
    yield engine
    await engine.dispose()


async def test_a_silent_worker_is_an_alarm_of_operators_until_one_works_again(
    books: Books, engine: AsyncEngine
) -> None:
    upkeep = AlarmUpkeep(engine)
    await move_worker_mark(engine)
    assert await read_worker_silence(engine) < SILENT_SECONDS
    await upkeep.sweep_worker()
    assert await books.rows(OPEN) == []

    await books.tell(GONE)
    for _ in range(2):  # two web processes, or one that looks twice
        await upkeep.sweep_worker()
    assert [tuple(row) for row in await books.rows(OPEN)] == [("worker_silent", "worker", "operator", 1)]
    assert await read_worker_silence(engine) > SILENT_SECONDS

    await move_worker_mark(engine)
    await upkeep.sweep_worker()
    assert await books.rows(OPEN) == []
    assert await books.value("SELECT ended_by FROM alarms WHERE kind = 'worker_silent'") == "evidence"


async def test_numbers_are_counted_when_they_are_asked_for_and_never_shown_as_they_were(
    books: Books, engine: AsyncEngine
) -> None:
    clock, silence = FakeClock(), partial(read_worker_silence, engine)
    counts = Counts([partial(count_open, engine), partial(count_alarms, engine)], silence, clock)
    telemetry.forget_counted()
    assert _metric("ekpay_stuck_payments") != _metric("ekpay_stuck_payments"), "nobody has counted: no number"
    await books.partner(prefund=60_000)
    started = await books.start()
    await books.finish(started, SILENT)
    await books.tell("UPDATE payments SET next_action_at = now() - interval '1 hour'")

    assert await counts.refresh() is not None
    assert (_metric("ekpay_stuck_payments"), _metric("ekpay_database_up")) == (1, 1)
    await books.tell("UPDATE payments SET next_action_at = now() + interval '1 hour'")
    await counts.refresh()
    assert _metric("ekpay_stuck_payments") == 1, "a scraper a moment later costs the database nothing"
    clock.pass_by(COUNTED_FOR_SECONDS)
    await counts.refresh()
    assert _metric("ekpay_stuck_payments") == 0


async def test_a_database_that_is_away_leaves_no_number() -> None:
    async def away() -> float:
        raise ConnectionRefusedError

    telemetry.DATABASE_UP.set(1)
    telemetry.STUCK_PAYMENTS.set(0)
    telemetry.OPEN_PAYMENTS.labels("in_review").set(3)
    assert await Counts([], away, FakeClock()).refresh() is None
    assert _metric("ekpay_database_up") == 0
    assert math.isnan(_metric("ekpay_stuck_payments"))
    assert b'ekpay_open_payments{state="in_review"}' not in telemetry.render()


async def test_a_long_first_look_is_not_waited_for_and_counts_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Numbers of a large database may take longer to count than anybody asks: they are not begun anew."""
    monkeypatch.setattr(operations, "WAIT_SECONDS_MAX", 0.01)
    may_end, begun = asyncio.Event(), Counter[str]()

    async def look() -> None:
        begun["looks"] += 1
        await may_end.wait()

    async def silence() -> float:
        return 1.0

    counts = Counts([look], silence, FakeClock())
    telemetry.STUCK_PAYMENTS.set(7)
    assert await counts.refresh() is None
    assert math.isnan(_metric("ekpay_stuck_payments"))
    assert await counts.refresh() is None
    may_end.set()
    monkeypatch.setattr(operations, "WAIT_SECONDS_MAX", 10)
    assert await counts.refresh() == 1.0
    assert (begun["looks"], _metric("ekpay_database_up")) == (1, 1)
    await counts.stop()


def _metric(name: str) -> float:
    lines = [line for line in telemetry.render().decode().splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].split()[1])
