"""How often a text message may be requested: by an address, a number, its neighbours, and everybody (T39)."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.persistence.alarms.store import PostgresAlarms
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.citizens.message_limits import (
    MessageRates,
    PostgresMessageLimits,
    drop_old_message_permits,
)
from ekpay_switch.persistence.parties.shared_buckets import SharedRate
from tests.fakes.world import FakeClock
from tests.persistence.books import Books
from tests.persistence.citizens.conftest import DIGESTS, Desk

# So slow that nothing comes back while a test runs.
SLOW = 1 / 86_400
WIDE, THREE = SharedRate(SLOW, 100), SharedRate(SLOW, 3)
RATES = MessageRates(WIDE, WIDE, WIDE, WIDE)
ADDRESS, NUMBER = "203.0.113.7", "01712345678"
OPEN_ALARMS = "SELECT count(*) FROM alarms WHERE kind = 'text_messages_capped' AND ended_at IS NULL"


class Limits:
    """One process's limits over the books of a test."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.engine = desk.books.database.engine()

    def of(self, rates: MessageRates) -> PostgresMessageLimits:
        alarms = PostgresAlarms(self.desk.transactions)
        return PostgresMessageLimits(self.engine, FakeClock(), rates, DIGESTS, alarms)


@pytest.fixture
async def limits(desk: Desk) -> AsyncIterator[Limits]:
    limits = Limits(desk)
    yield limits
    await limits.engine.dispose()


async def allowed(limits: PostgresMessageLimits, *callers: tuple[str, str]) -> list[bool]:
    return [await limits.allow(address, number) for address, number in callers]


async def test_a_stranger_uses_up_only_a_part_of_what_a_number_may_have(limits: Limits) -> None:
    one = limits.of(replace(RATES, by_address=THREE))
    assert await allowed(one, *[(ADDRESS, NUMBER)] * 4) == [True, True, True, False]
    assert await allowed(one, ("198.51.100.9", NUMBER), (ADDRESS, "01812345678")) == [True, True]


async def test_a_number_gets_so_many_from_all_addresses_of_all_processes(limits: Limits) -> None:
    rates = replace(RATES, by_number=THREE)
    here, elsewhere = limits.of(rates), limits.of(rates)
    addresses = [(f"203.0.113.{last}", NUMBER) for last in range(5)]
    assert await allowed(here, *addresses[:2]) == [True, True]
    assert await allowed(elsewhere, *addresses[2:4]) == [True, False]
    assert await allowed(here, addresses[4]) == [False]


async def test_numbers_in_sequence_share_a_limit(limits: Limits) -> None:
    one = limits.of(replace(RATES, by_neighbours=THREE))
    sequence = [(ADDRESS, f"0171234{last:04}") for last in range(5)]
    assert await allowed(one, *sequence) == [True, True, True, False, False]
    assert await allowed(one, (ADDRESS, "01712355678")) == [True]


async def test_everybody_together_is_limited_and_the_operator_gets_one_alarm(limits: Limits) -> None:
    books: Books = limits.desk.books
    one = limits.of(replace(RATES, by_all=THREE))
    numbers = [(f"203.0.113.{last}", f"0171{last:03}5678") for last in range(20)]
    assert await allowed(one, *numbers) == [True] * 3 + [False] * 17
    assert await books.value(OPEN_ALARMS) == 1
    assert await books.value("SELECT count FROM alarms WHERE kind = 'text_messages_capped'") == 1
    await AlarmUpkeep(limits.engine).sweep()
    assert await books.value(OPEN_ALARMS) == 1, "the limit is still used up"
    await books.tell("UPDATE message_permits SET free_at = now() WHERE holder LIKE 'all:%'")
    await AlarmUpkeep(limits.engine).sweep()
    assert await books.value(OPEN_ALARMS) == 0


async def test_whoever_reads_the_limits_learns_no_number(limits: Limits) -> None:
    await limits.of(RATES).allow(ADDRESS, NUMBER)
    holders = str(await limits.desk.books.rows("SELECT holder FROM message_permits"))
    assert NUMBER not in holders
    assert ADDRESS not in holders
    assert len(await limits.desk.books.rows("SELECT 1 FROM message_permits")) == 4


async def test_limits_that_are_full_again_are_dropped_after_an_hour(limits: Limits) -> None:
    await limits.of(RATES).allow(ADDRESS, NUMBER)
    await limits.desk.books.tell(
        "UPDATE message_permits SET free_at = now() - interval '61 min' WHERE holder LIKE 'number:%'"
    )
    await drop_old_message_permits(limits.engine)
    left = {
        row[0].split(":")[0] for row in await limits.desk.books.rows("SELECT holder FROM message_permits")
    }
    assert left == {"address", "neighbours", "all"}


async def test_messages_that_wait_for_minutes_raise_an_alarm_that_ends_with_them(limits: Limits) -> None:
    books, kind = limits.desk.books, str(Alarm.TEXT_MESSAGES_WAIT)
    await books.tell(
        "INSERT INTO text_messages (id, kind, masked_number, sealed, worth_until, created_at) VALUES"
        " (gen_random_uuid(), 'code', '017*****678', 'x', now(), now() - interval '1 hour')"
    )
    waiting = f"SELECT count(*) FROM alarms WHERE kind = '{kind}' AND ended_at IS NULL"  # noqa: S608 - an alarm's name
    await AlarmUpkeep(limits.engine).sweep()
    assert await books.value(waiting) == 1
    await books.tell(
        "UPDATE text_messages SET ending = 'sent', ended_at = now(), next_try_at = NULL, sealed = NULL"
    )
    await AlarmUpkeep(limits.engine).sweep()
    assert await books.value(waiting) == 0
