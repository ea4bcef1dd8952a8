"""How many forms one address sends to the portal: counted by all processes together, stored as a hash."""

from collections.abc import AsyncIterator

import pytest

from ekpay_switch.composition.portal_pages import SENT_FORMS
from ekpay_switch.persistence.parties.permits import FETCHES, drop_old_permits
from ekpay_switch.persistence.parties.shared_buckets import CallerBuckets
from ekpay_switch.system_clock import SystemClock
from tests.persistence.books import Books

DESK, OTHER = "192.0.2.7", "198.51.100.66"


@pytest.fixture
async def processes(books: Books) -> AsyncIterator[list[CallerBuckets]]:
    engine = books.database.engine()
    yield [CallerBuckets(engine, SystemClock(), FETCHES, SENT_FORMS, "portal:") for _ in range(2)]
    await engine.dispose()


async def test_two_processes_count_the_forms_of_an_address_together(processes: list[CallerBuckets]) -> None:
    counted = [await processes[number % 2].allows(DESK) for number in range(SENT_FORMS.at_once * 2)]
    assert all(counted[: SENT_FORMS.at_once])
    assert not all(counted)
    assert sum(counted) < SENT_FORMS.at_once * 2
    assert await processes[0].allows(OTHER), "another address has a bucket of its own"


async def test_no_address_is_kept_and_a_full_bucket_is_forgotten(
    processes: list[CallerBuckets], books: Books
) -> None:
    for caller in (DESK, OTHER):
        await processes[0].allows(caller)
    holders = [row[0] for row in await books.rows("SELECT holder FROM fetch_permits")]
    assert all(holder.startswith("portal:") and DESK not in holder for holder in holders)
    await books.tell(
        "UPDATE fetch_permits SET free_at = now() - interval '61 min' WHERE holder = $1", holders[0]
    )
    engine = books.database.engine()
    await drop_old_permits(engine)
    await engine.dispose()
    assert [row[0] for row in await books.rows("SELECT holder FROM fetch_permits")] == holders[1:]
