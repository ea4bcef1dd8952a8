"""The sweep looks at each alarm a few times, however many were raised since the last statistics."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from tests.persistence.books import BILLER, Books

ROWS = 2_000
# As after an outage: all of them wait, each with its alarm, and nothing was analysed since.
WAITING = f"""
SET session_replication_role = replica;
INSERT INTO payments (id, partner_id, lane, reference, fingerprint, quote_id, biller_id, bill_key, bucket,
  currency, amount, charge, fee, vat, state, biller_quote, business_date, epoch, steps)
SELECT gen_random_uuid(), 'bank1', 0, 'r' || n, '', 'q' || n, '{BILLER}', 'k' || n, 'postpaid', 'BDT', 100, 0, 0, 0,
  'in_review', '{{}}', current_date, 1, 2 FROM generate_series(1, {ROWS}) AS n;
INSERT INTO alarms (id, kind, subject, payment_id, owner, due_on, facts)
SELECT gen_random_uuid(), 'payment_in_review', 'payment ' || id, id, 'finance', current_date, '{{}}' FROM payments;
"""  # noqa: E501, S608 - constants


@pytest.fixture
async def engine(books: Books) -> AsyncIterator[AsyncEngine]:
    await books.partner()
    await books.tell(WAITING)
    engine = books.database.engine()
    yield engine
    await engine.dispose()


def _nodes(plan: Any) -> Iterator[Any]:  # noqa: ANN401 - as PostgreSQL tells it
    yield plan
    for one in plan.get("Plans", ()):
        yield from _nodes(one)


async def test_a_sweep_compares_no_alarm_with_each_other_one(engine: AsyncEngine) -> None:
    told: list[tuple[str, Any]] = []

    def listen(_: object, __: object, statement: str, parameters: Any, *_more: object) -> None:  # noqa: ANN401
        told.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", listen)
    await AlarmUpkeep(engine).sweep()
    event.remove(engine.sync_engine, "before_cursor_execute", listen)
    async with engine.connect() as connection:
        explained = [
            await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            for statement, parameters in told
        ]
        plans = [one.scalar_one()[0]["Plan"] for one in explained]

    compared = sum(
        node.get("Rows Removed by Join Filter", 0) * node["Actual Loops"]
        for plan in plans
        for node in _nodes(plan)
    )
    assert told
    assert compared < 10 * ROWS
