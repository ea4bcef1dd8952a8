"""Bills that their biller locks for whoever looks: one asks, everybody is told, and a paid one is let go."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ekpay_switch.domain.bill import Bill, BillQuery, ChargeLine
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.payments.biller_locked_bills import OldLockedBills, PostgresLockedBills
from tests.factories import a_bill
from tests.persistence.books import BILLER, Books

QUERY = BillQuery(BILLER, {"account": "1", "mobile": "01712345678"}, {"mobile": "01712345678"})
NAME = QUERY.bill_name
BILL = replace(
    a_bill("B-7"),
    due_on=date(2026, 3, 9),
    rounding=Money(44),
    charges=(ChargeLine("rebate", Money(-150)),),
    details={"customer": "রাহেলা"},
)


@pytest.fixture
async def held(books: Books) -> AsyncIterator[PostgresLockedBills]:
    engine = books.database.engine()
    yield PostgresLockedBills(engine)
    await engine.dispose()


async def _kept(held: PostgresLockedBills, life_seconds: float = 600, bill: Bill = BILL) -> int:
    epoch = await held.lease(BILLER, NAME, 20)
    assert epoch is not None
    await held.keep(QUERY, epoch, bill, life_seconds)
    return epoch


def test_a_bill_is_named_without_its_payer() -> None:
    assert NAME == "account=1"
    assert BillQuery(BILLER, {"b": "2", "a": "1"}).bill_name == "a=1&b=2"


async def test_of_many_at_once_one_may_ask(held: PostgresLockedBills) -> None:
    rights = await asyncio.gather(*(held.lease(BILLER, NAME, 20) for _ in range(10)))
    assert sorted(rights, key=str) == [1] + [None] * 9
    assert await held.lease(BILLER, "account=2", 20) == 1


async def test_what_was_told_is_held_for_everybody_whole(held: PostgresLockedBills) -> None:
    assert await held.current(BILLER, NAME) is None
    await _kept(held)
    found = await held.current(BILLER, NAME)
    assert found is not None
    assert found.bill == BILL
    assert 500 < (found.until - datetime.now(UTC)).total_seconds() < 700
    assert await held.current(BILLER, "account=2") is None


async def test_a_lock_ends_with_its_time(books: Books, held: PostgresLockedBills) -> None:
    await _kept(held)
    await books.tell("UPDATE held_bills SET held_until = now() - interval '1 second'")
    assert await held.current(BILLER, NAME) is None
    assert await held.lease(BILLER, NAME, 20) == 2


async def test_the_right_to_ask_comes_back_when_it_is_given_back_or_its_holder_dies(
    books: Books, held: PostgresLockedBills
) -> None:
    epoch = await held.lease(BILLER, NAME, 20)
    assert epoch is not None
    await held.release(BILLER, NAME, epoch)
    assert await held.lease(BILLER, NAME, 20) == 2
    await held.release(BILLER, NAME, epoch)
    assert await held.lease(BILLER, NAME, 20) is None
    await books.tell("UPDATE held_bills SET asking_until = now() - interval '1 second'")
    assert await held.lease(BILLER, NAME, 20) == 3


async def test_who_was_overtaken_keeps_nothing(books: Books, held: PostgresLockedBills) -> None:
    old = await held.lease(BILLER, NAME, 20)
    assert old is not None
    await books.tell("UPDATE held_bills SET asking_until = now() - interval '1 second'")
    assert await held.lease(BILLER, NAME, 20) == old + 1
    await held.keep(QUERY, old, BILL, 600)
    assert await held.current(BILLER, NAME) is None


async def test_a_bill_paid_through_us_is_asked_for_again(books: Books, held: PostgresLockedBills) -> None:
    await books.partner(prefund=60_000)
    await _kept(held)
    started = await books.start(bill="B-7")
    assert await held.current(BILLER, NAME) is not None
    await books.finish(started)
    assert await held.current(BILLER, NAME) is None


async def test_what_nobody_holds_is_dropped_after_a_day(books: Books, held: PostgresLockedBills) -> None:
    await _kept(held)
    engine = books.database.engine()
    try:
        old = OldLockedBills(engine)
        assert await old.drop() == 0
        await books.tell("UPDATE held_bills SET held_until = now() - interval '25 hours'")
        assert await old.drop() == 1
    finally:
        await engine.dispose()


async def test_old_bills_are_looked_for_a_few_at_a_time_and_all_in_the_end(books: Books) -> None:
    filled = (
        "INSERT INTO held_bills (biller_id, bill_name, epoch, asking_until) SELECT 'b', $1 || n, 1, {at} "
    )
    filled += "FROM generate_series(1, {count}) AS n"
    await books.tell(filled.format(at="now()", count=3), "a")
    await books.tell(filled.format(at="now() - interval '25 hours'", count=2), "m")
    await books.tell(filled.format(at="NULL", count=2), "z")
    engine = books.database.engine()
    try:
        old = OldLockedBills(engine, at_once=3)
        assert [await old.drop() for _ in range(4)] == [0, 3, 1, 0]
        await books.tell("UPDATE held_bills SET asking_until = NULL WHERE bill_name = 'a1'")
        assert sum([await old.drop() for _ in range(2)]) == 1
    finally:
        await engine.dispose()
    assert await books.count("held_bills") == 2
