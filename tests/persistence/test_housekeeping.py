"""What the clock tidies up and counts."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.domain.payment import FINAL, State
from ekpay_switch.persistence import housekeeping
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.housekeeping import count_open, drop_old_quotes, why_not_ready
from tests.database import a_copy, database_of
from tests.persistence.books import APPROVED, SILENT, Books


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


async def _passed(books: Books) -> timedelta:
    """How long ago the quotes were made that stand next to be looked at."""
    age: timedelta = await books.value(
        "SELECT now() - passed_until FROM housekeeping_marks WHERE chore = 'old_quotes'"
    )
    return age


async def test_old_quotes_are_passed_once_and_so_many_a_turn(
    books: Books, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "QUOTES_AT_ONCE", 2)
    await books.partner(prefund=60_000)
    paid = [(await books.start()).claim.quote_id for _ in range(3)]
    unpaid = [(await books.quote()).quote_id for _ in range(3)]
    ages = {40: paid[0], 39: unpaid[0], 38: paid[1], 36: paid[2], 35: unpaid[2], 29: "none"}
    for days, quote_id in ages.items():
        made = "UPDATE quotes SET created_at = now() - $2::int * interval '1 day' WHERE quote_id = $1"
        await books.tell(made, quote_id, days)
    # The same instant as the end of the second turn, which takes it as well.
    await books.tell(
        "UPDATE quotes AS q SET created_at = o.created_at FROM quotes AS o"
        " WHERE q.quote_id = $1 AND o.quote_id = $2",
        unpaid[1],
        paid[2],
    )

    assert await drop_old_quotes(engine, 30) == 1
    assert (await _passed(books)).days == 39
    assert await drop_old_quotes(engine, 30) == 1
    assert (await _passed(books)).days == 36
    assert await drop_old_quotes(engine, 30) == 1
    assert (await _passed(books)).days == 30
    assert await books.count("quotes") == 3


async def test_whoever_comes_next_goes_on_from_there(books: Books, engine: AsyncEngine) -> None:
    await books.partner()
    assert await drop_old_quotes(engine, 30) == 0
    passed = await _passed(books)
    restarted = books.database.engine()
    await books.quote()
    await books.tell("UPDATE quotes SET created_at = now() - interval '10 days'")
    assert await drop_old_quotes(restarted, 40) == 0
    assert (await _passed(books)) - passed < timedelta(hours=1), (
        "a longer time to keep them takes nothing back"
    )
    assert await drop_old_quotes(restarted, 5) == 1
    await restarted.dispose()


async def test_two_at_once_do_it_once(books: Books, engine: AsyncEngine) -> None:
    await books.partner()
    await books.quote()
    await books.tell("UPDATE quotes SET created_at = now() - interval '31 days'")
    async with engine.connect() as other:
        await other.execute(housekeeping.HOLD_MARK)
        assert await drop_old_quotes(engine, 30) == 0
    assert await drop_old_quotes(engine, 30) == 1


async def test_every_open_payment_is_counted_whether_or_not_something_is_to_be_done(
    books: Books, engine: AsyncEngine
) -> None:
    await books.partner(prefund=1_000_000)
    for state in State:
        for then in ("NULL", "now() + interval '1 hour'"):
            started = await books.start()
            await books.tell(
                f"UPDATE payments SET state = '{state}', refusal = 'cancelled', next_action_at = {then} "  # noqa: S608 - our own
                "WHERE id = $1",
                started.claim.payment_id,
            )
    await count_open(engine)
    for state in State:
        counted = telemetry.OPEN_PAYMENTS.labels(state)._value.get()  # noqa: SLF001 - what was told
        assert counted == (0 if state in FINAL else 2), state


async def test_where_nothing_is_open_nothing_is_old(books: Books, engine: AsyncEngine) -> None:
    telemetry.OLDEST_OPEN_SECONDS.set(99)
    await books.partner(prefund=60_000)
    await books.finish(await books.start(), APPROVED)
    await count_open(engine)
    assert "ekpay_oldest_open_seconds 0.0" in telemetry.render().decode()


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
    assert await why_not_ready(ours) == ""
    await ours.dispose()
    async with a_copy(endpoint, "template0") as place:
        empty = database_of(place).engine()
        assert await why_not_ready(empty) == "database unavailable"
        await empty.dispose()
