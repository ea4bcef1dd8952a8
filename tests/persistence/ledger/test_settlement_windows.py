"""The business date and its window: taken inside the posting transaction, opened by whoever posts first."""

import asyncio
from datetime import date, timedelta

import asyncpg

from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.persistence.embedded.server import Endpoint
from tests.persistence.books import APPROVED, Books, kinds
from tests.persistence.conftest import open_books
from tests.persistence.ledger.window_closing_setup import Closing

DHAKA_TODAY = "SELECT (now() AT TIME ZONE INTERVAL '+06:00')::date"
INSIDE = """
SELECT window_id, count(*) FROM journal_entries AS e
JOIN settlement_windows AS w ON w.id = e.window_id AND w.state = 'closed' GROUP BY window_id
"""
CLOSE = "UPDATE settlement_windows SET state = 'closed', closed_at = clock_timestamp() WHERE state = 'open'"


async def _close_window(books: Books) -> dict[int, int]:
    """How many entries each window that is closed now holds for good."""
    await Closing(books).close()
    return {row[0]: row[1] for row in await books.rows(INSIDE)}


async def _close_alone(books: Books) -> None:
    """The lock and what it is for, without lines."""
    connection = await books.superuser()
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(1, 1)")
            await connection.execute(CLOSE)
    finally:
        await connection.close()


async def test_the_first_posting_of_a_day_opens_its_window(books: Books) -> None:
    assert await books.count("settlement_windows") == 0

    await books.partner(prefund=60_000)

    (window,) = await books.rows("SELECT id, business_date, state FROM settlement_windows")
    assert (window["business_date"], window["state"]) == (await books.value(DHAKA_TODAY), "open")
    (entry,) = await books.rows("SELECT window_id, business_date FROM journal_entries")
    assert (entry["window_id"], entry["business_date"]) == (window["id"], window["business_date"])


async def test_the_business_date_is_that_of_the_open_window(books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    today = await books.value(DHAKA_TODAY)
    assert started.business_date == today
    assert await books.value("SELECT business_date FROM payments") == today


async def test_a_window_of_yesterday_takes_no_posting_of_today(books: Books) -> None:
    yesterday: date = await books.value(DHAKA_TODAY) - timedelta(days=1)
    await books.tell("INSERT INTO settlement_windows (business_date) VALUES ($1)", yesterday)

    await books.partner(prefund=60_000)

    assert await books.count("settlement_windows", "state = 'open'") == 2
    assert await books.value("SELECT business_date FROM journal_entries") == yesterday + timedelta(days=1)
    assert await books.audit() is None


async def test_processes_that_open_a_day_at_once_share_its_window(place: Endpoint) -> None:
    async with open_books(place) as here, open_books(place) as there:
        await here.partner("bank0", 0)
        await here.partner("bank1", 1)

        await asyncio.gather(here.top_up("bank0", 500, 0), there.top_up("bank1", 500, 1))

        assert await here.count("settlement_windows") == 1
        assert await here.audit() is None


async def test_after_a_window_closed_the_day_gets_another(books: Books) -> None:
    await books.partner(prefund=60_000)
    await _close_window(books)

    started = await books.start()

    windows = await books.rows("SELECT id, business_date, state FROM settlement_windows ORDER BY id")
    assert [window["state"] for window in windows] == ["closed", "open"]
    assert windows[0]["business_date"] == windows[1]["business_date"] == started.business_date
    last = "SELECT window_id FROM journal_entries ORDER BY seq DESC LIMIT 1"
    assert await books.value(last) == windows[1]["id"]
    assert await books.audit() is None


async def test_window_close_races_commit(place: Endpoint) -> None:
    """A payment that commits while its window closes is in exactly one window, and none after it closed."""
    async with open_books(place, batch_max=4) as books:
        for lane in range(2):
            await books.partner(f"bank{lane}", lane, prefund=100 * 6_000)
        quotes = [await books.quote(f"bank{number % 2}", lane=number % 2) for number in range(120)]
        claims = [books.claim_on(quote, lane=number % 2) for number, quote in enumerate(quotes)]

        async def close_three_times() -> list[dict[int, int]]:
            return [await _close_window(books) for _ in range(3)]

        paying = asyncio.gather(*(books.submit(claim) for claim in claims))
        answers, counted = await asyncio.gather(paying, close_three_times())

        assert kinds(answers) == {"StartedClaim": 120}
        last = await _close_window(books)
        # Each partner's top-up and every payment, each once; and no closed window grew afterwards.
        assert sum(last.values()) == 122
        assert len(last) >= 2
        assert all(last[window] == entries for at_close in counted for window, entries in at_close.items())
        await Closing(books).is_whole()
        assert await books.audit() is None


async def test_closing_waits_for_the_batch_that_posts_and_the_next_batch_waits_for_closing(
    books: Books,
) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    posting = await books.superuser()
    transaction = posting.transaction()
    await transaction.start()
    await posting.execute("SELECT pg_advisory_xact_lock_shared(1, 1)")
    closing = asyncio.ensure_future(_close_alone(books))
    await _somebody_waits(books, 1)
    finishing = asyncio.ensure_future(books.finish(started, APPROVED))
    await _somebody_waits(books, 2)
    assert not closing.done()
    assert not finishing.done()

    await transaction.rollback()
    await posting.close()
    await closing
    await finishing

    windows = "SELECT DISTINCT window_id FROM journal_entries WHERE moment = 'delivered'"
    open_window = "SELECT id FROM settlement_windows WHERE state = 'open'"
    assert await books.value(windows) == await books.value(open_window)
    assert isinstance(await books.start(), StartedClaim)


async def _somebody_waits(books: Books, count: int) -> None:
    connection: asyncpg.Connection = await books.superuser()
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    try:
        async with asyncio.timeout(10):
            while await connection.fetchval(query) < count:
                pass  # each look is a round trip, so the others move meanwhile
    finally:
        await connection.close()
