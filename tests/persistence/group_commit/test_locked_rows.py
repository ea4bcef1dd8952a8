"""A row that somebody else holds: only its own caller waits, and fails by itself where it takes too long."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from ekpay_switch.domain.errors import CommitUnknownError
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.payments.delivery import Recorded
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.group_commit import committer
from tests.persistence.books import APPROVED, BILLER, Books, recording_of
from tests.persistence.conftest import open_books

PROMPTLY = 5.0  # seconds; half of what the session waits for a lock
PAYMENT = "SELECT FROM payments WHERE id = $1 FOR UPDATE"


@asynccontextmanager
async def held(books: Books, lock: str, *values: object) -> AsyncIterator[None]:
    """Somebody else holds this lock."""
    holder = await books.superuser()
    transaction = holder.transaction()
    await transaction.start()
    await holder.fetch(lock, *values)
    try:
        yield
    finally:
        await transaction.rollback()
        await holder.close()


@pytest.fixture
async def hasty(place: Endpoint) -> AsyncIterator[Books]:
    """Books whose callers wait for two seconds at most."""
    async with open_books(place, reconnect_seconds=2.0) as books:
        yield books


def begin(books: Books, *steps: Any) -> list["asyncio.Task[Any]"]:  # noqa: ANN401 - steps of any kind
    return [asyncio.ensure_future(books.submit(step)) for step in steps]


async def test_one_locked_row_does_not_fail_its_batch(hasty: Books) -> None:
    await hasty.partner(prefund=600_000)
    payments = [await hasty.start() for _ in range(11)]
    locked = payments[4].claim.payment_id

    async with held(hasty, PAYMENT, locked):
        told = begin(hasty, *(recording_of(payment, APPROVED) for payment in payments))
        waiting = told.pop(4)
        async with asyncio.timeout(PROMPTLY):
            answers = await asyncio.gather(*told)
            assert all(isinstance(answer, Recorded) for answer in answers)
            assert not waiting.done()
            with pytest.raises(CommitUnknownError):
                await waiting
    assert await hasty.state_of(locked) == "delivering"
    assert isinstance(await hasty.finish(payments[4]), Recorded)
    assert await hasty.audit() is None


async def test_a_row_that_is_let_go_in_time_fails_nobody(books: Books) -> None:
    await books.partner(prefund=600_000)
    payments = [await books.start() for _ in range(3)]

    async with held(books, PAYMENT, payments[0].claim.payment_id):
        waiting, *told = begin(books, *(recording_of(payment, APPROVED) for payment in payments))
        async with asyncio.timeout(PROMPTLY):
            await asyncio.gather(*told)

    assert isinstance(await waiting, Recorded)
    assert await books.audit() is None


async def test_who_finds_a_busy_row_held_at_every_look_waits_in_line_before_it_fails(
    hasty: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where two processes post to one prefund without a pause: the row is free between two looks."""

    async def _held_at_every_look(_: object, steps: Sequence[object], *, with_lanes: bool) -> list[bool]:
        assert with_lanes in {True, False}
        return [True] * len(steps)

    monkeypatch.setattr(committer, "find_blocked", _held_at_every_look)
    await hasty.partner(prefund=600_000)
    payment = await hasty.start()
    async with held(hasty, PAYMENT, payment.claim.payment_id):
        (waiting,) = begin(hasty, recording_of(payment, APPROVED))
        await asyncio.sleep(0.8)  # longer than a batch waits for a lock

    assert isinstance(await waiting, Recorded)
    assert await hasty.audit() is None


async def test_who_comes_while_a_row_is_locked_is_not_held_up(books: Books) -> None:
    await books.partner(prefund=600_000)
    payment = await books.start()
    quotes = [await books.quote() for _ in range(3)]

    async with held(books, PAYMENT, payment.claim.payment_id):
        (waiting,) = begin(books, recording_of(payment, APPROVED))
        async with asyncio.timeout(PROMPTLY):
            for quote in quotes:
                assert isinstance(await books.submit(books.claim_on(quote)), StartedClaim)
            await books.tell("SELECT pg_sleep(0.3)")  # the step that waits is looked at meanwhile
            assert isinstance(await books.submit(books.claim_on(await books.quote())), StartedClaim)
        assert not waiting.done()

    assert isinstance(await waiting, Recorded)
    assert await books.audit() is None


LOCKS = {
    "prefund": "SELECT FROM accounts WHERE code = 'prefund:bank1:prepaid' FOR UPDATE",
    "bill": "SELECT pg_advisory_xact_lock(bill_lock) FROM quotes WHERE partner_id = 'bank1'",
    "lane": "SELECT FROM lanes WHERE lane = 1 FOR UPDATE",
    "counter": f"SELECT FROM scroll_counters WHERE series = '{BILLER}' FOR UPDATE",
    "partner": "SELECT FROM partners WHERE id = 'bank1' FOR UPDATE",
}


@pytest.mark.parametrize("lock", LOCKS)
async def test_whatever_is_locked_its_own_callers_wait_and_no_others(books: Books, lock: str) -> None:
    """Counters, and partners that a new payment points to, are locked by the write alone."""
    await books.partner("bank1", lane=1, prefund=600_000)
    await books.partner("bank2", lane=2, prefund=600_000)
    await books.start("bank1", lane=1)
    mine = [books.claim_on(await books.quote("bank1", lane=1), lane=1) for _ in range(3)]
    others = [books.claim_on(await books.quote("bank2", lane=2), lane=2) for _ in range(5)]
    others = [replace(claim, scroll_series="") for claim in others]

    async with held(books, LOCKS[lock]):
        waiting = begin(books, *mine)
        told = begin(books, *others)
        async with asyncio.timeout(PROMPTLY):
            answers = await asyncio.gather(*told)
        assert all(isinstance(answer, StartedClaim) for answer in answers)
        assert not any(task.done() for task in waiting)

    assert all(isinstance(answer, StartedClaim) for answer in await asyncio.gather(*waiting))
    assert await books.audit() is None


async def test_a_receipt_that_somebody_holds_keeps_one_caller(books: Books) -> None:
    await books.partner(prefund=600_000)
    payments = [await books.start() for _ in range(3)]
    steps = [recording_of(payment, APPROVED) for payment in payments]
    steps[1] = replace(steps[1], plan=replace(steps[1].plan, unique_receipt="R-9"))

    async with held(books, "SELECT pg_advisory_xact_lock(2, hashtext('R-9'))"):
        told = begin(books, *steps)
        waiting = told.pop(1)
        async with asyncio.timeout(PROMPTLY):
            await asyncio.gather(*told)
        assert not waiting.done()

    assert isinstance(await waiting, Recorded)
    assert await books.count("used_receipts") == 1


async def test_a_stop_waits_for_what_was_set_aside(place: Endpoint) -> None:
    async with open_books(place) as books:
        await books.partner(prefund=600_000)
        payments = [await books.start() for _ in range(2)]
        async with held(books, PAYMENT, payments[0].claim.payment_id):
            waiting, told = begin(books, *(recording_of(payment, APPROVED) for payment in payments))
            async with asyncio.timeout(PROMPTLY):
                await told
            assert books.group_commit.depth == 1
            stopping = asyncio.ensure_future(books.group_commit.stop())
        await stopping
        assert isinstance(await waiting, Recorded)
