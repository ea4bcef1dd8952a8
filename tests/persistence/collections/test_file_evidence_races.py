"""A night that tells while everybody else works: nobody waits in a circle, and nothing is lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.collections.connector_calls import AwaitingPayer, CallbackHint
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.ports.collections import RawCallback
from ekpay_switch.ports.finance import FileAnswer, FileSays
from tests.fakes.billers import SAFETY
from tests.persistence.books import APPROVED, Books
from tests.persistence.collections.file_evidence_setup import (
    FIRST_NIGHT,
    SECOND_NIGHT,
    Night,
    of_delivery,
    of_refund,
    of_try,
    open_night,
)

COUNT = 24
TOTAL = 6_000
EVERYTHING_DUE = """
UPDATE {table} SET next_action_at = now() WHERE {key} IN (
  SELECT {key} FROM {table} WHERE next_action_at IS NOT NULL AND (lease_until IS NULL OR lease_until < now())
  FOR UPDATE SKIP LOCKED)
"""
LOCK = "SELECT FROM {table} WHERE {key} = ANY($1) FOR UPDATE"
Telling = Coroutine[object, object, int]
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@pytest.fixture
async def night(books: Books) -> AsyncIterator[Night]:
    await books.partner(prefund=4 * COUNT * TOTAL)
    async with open_night(books) as night:
        yield night


async def waits_for_the_first(night: Night, table: str, key: str, ids: Sequence[UUID], told: Telling) -> None:
    """That telling waits at the lowest of these rows and holds none of the others meanwhile."""
    first, *others = sorted(ids)
    connection = await night.books.superuser()
    try:
        async with connection.transaction():
            await connection.execute(LOCK.format(table=table, key=key), [first])
            telling = asyncio.create_task(told)
            await _until_none(night, "SELECT count(*) = 0 FROM pg_locks WHERE NOT granted")
            await connection.execute(f"{LOCK.format(table=table, key=key)} NOWAIT", others)
        assert await telling == len(ids)
    finally:
        await connection.close()


async def test_payments_are_locked_in_the_order_of_the_group_commit(night: Night) -> None:
    started = [await night.delivery() for _ in range(3)]
    answers = [of_delivery(one, FileSays.SUCCESS) for one in reversed(started)]
    ids = [one.claim.payment_id for one in started]
    await waits_for_the_first(night, "payments", "id", ids, night.tell(*answers))


async def test_tries_are_locked_in_the_order_of_callbacks(night: Night) -> None:
    held = [await night.execute() for _ in range(3)]
    answers = [of_try(one, FileSays.SUCCESS) for one in reversed(held)]
    ids = [one.attempt_id for one in held]
    await waits_for_the_first(night, "tries", "attempt_id", ids, night.tell(*answers))


async def test_refunds_are_locked_in_one_order(night: Night) -> None:
    held = [await night.refund() for _ in range(3)]
    answers = [of_refund(one, FileSays.SUCCESS) for one in reversed(held)]
    ids = [one.refund_id for one in held]
    await waits_for_the_first(night, "refunds", "id", ids, night.tell(*answers))


async def test_payments_come_before_tries_and_tries_before_refunds(night: Night) -> None:
    """The order of everybody who moves a refund; telling that waits at one holds none of what comes after."""
    held, refund = await night.execute(), await night.refund()
    answers = [of_refund(refund, FileSays.SUCCESS), of_try(held, FileSays.SUCCESS)]
    connection = await night.books.superuser()
    try:
        async with connection.transaction():
            await connection.execute(LOCK.format(table="tries", key="attempt_id"), [held.attempt_id])
            telling = asyncio.create_task(night.tell(*answers))
            await _until_none(night, "SELECT count(*) = 0 FROM pg_locks WHERE NOT granted")
            await connection.execute(f"{LOCK.format(table='refunds', key='id')} NOWAIT", [refund.refund_id])
            payment = f"{LOCK.format(table='payments', key='id')} NOWAIT"
            with pytest.raises(asyncpg.LockNotAvailableError):
                await connection.execute(payment, [held.payment_id])
        assert await telling == 2
    finally:
        await connection.close()


def nights_of(answers: Sequence[FileAnswer], seed: int) -> list[list[FileAnswer]]:
    """The same answers several times, in orders and portions of chance."""
    chance, told = random.Random(seed), list(answers)  # noqa: S311 - no secret
    portions = []
    for _ in range(3):
        chance.shuffle(told)
        middle = chance.randrange(1, len(told))
        portions += [told[:middle], told[middle:]]
    return portions


async def test_nights_resolvers_and_new_payments_never_wait_in_a_circle(night: Night) -> None:
    profile = night.small.biller.profile
    night.small.biller.profile = replace(
        profile,
        safety=replace(SAFETY, not_found_settle_seconds=None),
        timing=replace(profile.timing, ask_after_seconds=(), ask_every_seconds=0.05),
    )
    started = [await night.delivery() for _ in range(COUNT)]
    done, failed = started[: COUNT // 2], started[COUNT // 2 :]
    for one in done:
        night.small.biller.book[one.claim.attempt_reference] = one.quote.sums.billed_amount.minor
    answers = [of_delivery(one, FileSays.SUCCESS) for one in done]
    answers += [of_delivery(one, FileSays.FAILED) for one in failed]
    is_over = asyncio.Event()

    async def resolving() -> None:
        while not is_over.is_set():
            await night.resolve()
            await asyncio.sleep(0.005)

    async def paying() -> None:
        for _ in range(COUNT):
            await night.books.finish(await night.books.start(), APPROVED)

    async def telling(seed: int) -> int:
        return sum([await night.tell(*portion) for portion in nights_of(answers, seed)])

    resolvers = [asyncio.create_task(resolving()) for _ in range(2)]
    fresh, again, _ = await asyncio.gather(telling(1), telling(2), paying())
    left = "SELECT count(*) FROM payments WHERE state = 'delivering' AND id = ANY($1)"
    await _until_none(night, left, [one.claim.payment_id for one in started])
    is_over.set()
    await asyncio.gather(*resolvers)

    assert fresh + again == COUNT
    assert await _states(night, done) == {"completed"}
    assert await _states(night, failed) == {"refunded"}
    assert await night.books.value(DEADLOCKS) == 0


async def test_nights_callbacks_and_the_collector_never_wait_in_a_circle(night: Night) -> None:
    night.small.connector.profile = replace(
        night.small.connector.profile,
        timing=replace(night.small.connector.profile.timing, ask_after_seconds=(), ask_every_seconds=0.05),
    )
    held = [await night.execute() for _ in range(COUNT // 2)]
    rows = {one.attempt_id: await night.till.row(one) for one in held}
    await night.books.tell("UPDATE payments SET quote_expires_at = now()")
    night.small.connector.inquire = _says_not_yet  # type: ignore[method-assign]
    absences = [of_try(one, FileSays.ABSENT, each) for one in held for each in (FIRST_NIGHT, SECOND_NIGHT)]
    is_over = asyncio.Event()

    async def collecting() -> None:
        while not is_over.is_set():
            await night.books.tell(EVERYTHING_DUE.format(table="tries", key="attempt_id"))
            await night.collect()

    async def calling_back() -> None:
        for number, one in enumerate(held * 3):
            name = rows[one.attempt_id]["provider_reference"]
            raw = RawCallback("bkash", f"event-{number}", {}, b"{}")
            await night.till.callbacks.keep(raw, CallbackHint(raw.name, name, "success", one.order.reference))

    async def telling(seed: int) -> int:
        return sum([await night.tell(*portion) for portion in nights_of(absences, seed)])

    collectors = [asyncio.create_task(collecting()) for _ in range(2)]
    fresh, again, _ = await asyncio.gather(telling(3), telling(4), calling_back())
    await _until_none(night, "SELECT count(*) FROM tries WHERE next_action_at IS NOT NULL")
    is_over.set()
    await asyncio.gather(*collectors)

    assert fresh + again == 2 * len(held)
    assert await night.books.count("attempts", "outcome = 'never_paid'") == len(held)
    assert await night.books.value(DEADLOCKS) == 0


async def _says_not_yet(order: object) -> AwaitingPayer:
    assert order is not None
    return AwaitingPayer()


async def _until_none(night: Night, query: str, *values: object) -> None:
    async with asyncio.timeout(60):
        while await night.books.value(query, *values):  # noqa: ASYNC110 - the database has no bell
            await asyncio.sleep(0.05)


async def _states(night: Night, started: Sequence[StartedClaim]) -> set[str]:
    return {await night.state(one.claim.payment_id) for one in started}
