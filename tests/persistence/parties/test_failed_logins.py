"""Failed logins over PostgreSQL: who waits, and that all processes count together."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ekpay_switch.persistence.parties.failed_logins import BY_ADDRESS, BY_NAME, FailedLogins
from ekpay_switch.system_clock import SystemClock
from tests.persistence.books import Books

BANK, THIEF = "192.0.2.7", "198.51.100.66"
AN_HOUR_LATER = "UPDATE failed_logins SET free_at = free_at - interval '61 min'"


@pytest.fixture
async def logins(books: Books) -> AsyncIterator[FailedLogins]:
    engine = books.database.engine()
    yield FailedLogins(engine, SystemClock())
    await engine.dispose()


async def failures(logins: FailedLogins, address: str, name: str, count: int) -> list[bool]:
    return [await logins.count(address, name) for _ in range(count)]


async def test_a_name_is_guessed_at_twenty_times_from_one_address_and_not_for_others(
    logins: FailedLogins,
) -> None:
    counted = await failures(logins, THIEF, "bank1", BY_NAME.at_once + 5)
    assert counted[: BY_NAME.at_once] == [True] * BY_NAME.at_once
    assert not any(counted[BY_NAME.at_once :])
    assert await logins.count(BANK, "bank1")
    assert await logins.count(THIEF, "bank2")


async def test_an_address_that_tries_many_names_waits_as_well(logins: FailedLogins, books: Books) -> None:
    counted = [await logins.count(THIEF, f"bank{number}") for number in range(BY_ADDRESS.at_once + 50)]
    assert all(counted[: BY_ADDRESS.at_once])
    assert not counted[-1]
    assert await books.value("SELECT count(*) FROM failed_logins") <= BY_ADDRESS.at_once + 60


async def test_fifteen_hundred_invented_names_from_one_network_are_one_callers(logins: FailedLogins) -> None:
    addresses = (f"2001:db8:1:2::{number:x}" for number in range(1_500))
    counted = [await logins.count(address, f"invented{number}") for number, address in enumerate(addresses)]
    assert BY_ADDRESS.at_once <= sum(counted) <= BY_ADDRESS.at_once + 100
    assert not counted[-1]
    assert await logins.count("2001:db8:1:3::1", "bank1"), "the neighbour is another caller"


async def test_a_door_without_names_is_counted_by_address_alone(logins: FailedLogins, books: Books) -> None:
    assert all(await failures(logins, THIEF, "", BY_NAME.at_once + 20))
    assert await books.value("SELECT count(*) FROM failed_logins") == 1


async def test_processes_count_together(books: Books, logins: FailedLogins) -> None:
    engine = books.database.engine()
    other = FailedLogins(engine, SystemClock())
    counted = await asyncio.gather(
        *((logins, other)[number % 2].count(THIEF, "bank1") for number in range(BY_NAME.at_once * 2))
    )
    await engine.dispose()
    assert BY_NAME.at_once <= sum(counted) <= BY_NAME.at_once + 5


async def test_the_longer_somebody_stays_away_the_more_is_forgiven(
    books: Books, logins: FailedLogins
) -> None:
    await failures(logins, THIEF, "bank1", BY_NAME.at_once)
    await books.tell(AN_HOUR_LATER)
    engine = books.database.engine()
    assert all(await failures(FailedLogins(engine, SystemClock()), THIEF, "bank1", BY_NAME.at_once))
    await engine.dispose()


async def test_old_failures_are_dropped_and_no_name_or_address_is_kept(
    books: Books, logins: FailedLogins
) -> None:
    await failures(logins, THIEF, "bank1\0\ud800", 1)
    rows = await books.rows("SELECT caller FROM failed_logins")
    assert all(len(row["caller"]) == 64 for row in rows)
    assert await logins.drop_old() == 0
    await books.tell(AN_HOUR_LATER)
    assert await logins.drop_old() == len(rows) == 2
