"""What the clock tidies up and counts."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.persistence.embedded import Endpoint
from ekpay_switch.persistence.housekeeping import count_open, drop_old_quotes, is_ready
from tests.persistence.books import APPROVED, SILENT, Books, database_of
from tests.persistence.conftest import a_copy


@pytest.fixture
async def engine(books: Books) -> AsyncIterator[AsyncEngine]:
    engine = books.database.engine()
    yield engine
    await engine.dispose()


async def test_quotes_are_dropped_when_they_are_old_and_nobody_paid_them(
    books: Books, engine: AsyncEngine
) -> None:
    await books.partner(prefund=12_000)
    paid, old, fresh = await books.start(), await books.quote(), await books.quote()
    burnt = books.claim_on(await books.quote(total=70_000))
    await books.submit(burnt)
    await books.tell(
        "UPDATE quotes SET created_at = now() - interval '31 days' WHERE quote_id <> $1", fresh.quote_id
    )

    assert await drop_old_quotes(engine, 30) == 1

    left = {row["quote_id"] for row in await books.rows("SELECT quote_id FROM quotes")}
    assert left == {paid.claim.quote_id, fresh.quote_id, burnt.quote_id}
    assert old.quote_id not in left
    assert await drop_old_quotes(engine, 30) == 0
    assert await books.audit() is None


async def test_open_and_overdue_payments_are_counted(books: Books, engine: AsyncEngine) -> None:
    await books.partner(prefund=60_000)
    await books.finish(await books.start(), APPROVED)
    await books.finish(await books.start(), SILENT)
    overdue = await books.start()
    late = "next_action_at = now() - interval '1 hour', created_at = now() - interval '2 hours'"
    await books.tell(f"UPDATE payments SET {late} WHERE id = $1", overdue.claim.payment_id)  # noqa: S608 - our own

    await count_open(engine)

    numbers = telemetry.render().decode()
    shown = {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in numbers.splitlines()
        if line[0] != "#"
    }
    assert {name: value for name, value in shown.items() if "open_payments{" in name} == {
        'ekpay_open_payments{state="delivering"}': 2.0
    }
    assert 7_100 < next(value for name, value in shown.items() if "oldest_open" in name) < 7_300


async def test_a_database_without_its_schema_is_not_ready(books: Books, endpoint: Endpoint) -> None:
    ours = books.database.engine()
    assert await is_ready(ours)
    await ours.dispose()
    async with a_copy(endpoint, "template0") as place:
        empty = database_of(place).engine()
        assert not await is_ready(empty)
        await empty.dispose()
