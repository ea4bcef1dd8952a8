"""What the clock does every few seconds reads no table through, however much stands there."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.persistence import housekeeping
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.host_links.store import count_reversals
from ekpay_switch.persistence.housekeeping import count_open, drop_old_quotes
from ekpay_switch.persistence.ledger.deposit_watch import DepositWatch
from ekpay_switch.persistence.notifications.store import PostgresNotifications, count_waiting
from ekpay_switch.persistence.payments.biller_locked_bills import OldLockedBills
from ekpay_switch.persistence.routing import store as routing
from ekpay_switch.persistence.routing.store import drop_old_outcomes
from tests.persistence.books import BILLER, Books

# One row in each of these is cheap to read; of ten million only those that the work is about may be.
GROWING = (
    "payments", "quotes", "notifications", "notification_deliveries", "host_messages", "routing_outcomes",
    "held_bills", "journal_entries", "postings",
)  # fmt: skip
ROWS, AT_ONCE = 20_000, 100
LOOKED_AT = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
# What it looks like years later: all has ended, but for the last few rows of each.
STANDING = f"""
SET session_replication_role = replica;
INSERT INTO quotes (quote_id, partner_id, request_reference, biller_id, bucket, bill_key, bill_lock, is_paid,
  currency, amount, charge, fee, vat, fee_version, bill, biller_quote, expires_at, created_at)
SELECT 'q' || n, 'bank1', 'r' || n, '{BILLER}', 'postpaid', 'k' || n, n, false, 'BDT', 100, 0, 0, 0, 'v1',
  '{{}}', '{{}}', now(), now() - interval '{ROWS} minutes' * 4 + n * interval '4 minutes'
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO payments (id, partner_id, lane, reference, fingerprint, quote_id, biller_id, bill_key, bucket,
  currency, amount, charge, fee, vat, state, biller_quote, business_date, epoch, steps, next_action_at)
SELECT gen_random_uuid(), 'bank1', 0, 'r' || n, '', 'q' || n, '{BILLER}', 'k' || n, 'postpaid', 'BDT', 100, 0, 0, 0,
  CASE WHEN n > {ROWS} - 10 THEN 'delivering' ELSE 'completed' END, '{{}}', current_date, 1, 2,
  CASE WHEN n > {ROWS} - 10 THEN now() END
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO notifications (id, payment_id, partner_id, notice, state)
SELECT gen_random_uuid(), id, 'bank1', 'payment.completed', 'delivered' FROM payments;
INSERT INTO notification_deliveries (notification_id, endpoint_id, state, next_try_at)
SELECT id, gen_random_uuid(), 'delivered', NULL FROM notifications;
INSERT INTO host_messages (connector_id, reference, epoch, state)
SELECT 'bank', 'r' || n, 1, 'withdrawn' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO routing_outcomes (attempt_id, connector_id, instrument, outcome)
SELECT gen_random_uuid(), 'ebl', 'card', 'collected' FROM generate_series(1, {ROWS});
INSERT INTO held_bills (biller_id, bill_name, epoch, asking_until)
SELECT '{BILLER}', 'n' || n, 1, now() FROM generate_series(1, {ROWS}) AS n;
INSERT INTO journal_entries (id, lane, seq, moment, currency, business_date, window_id, hash)
SELECT gen_random_uuid(), n % 10 + 100, n / 10 + 1, 'delivered', 'BDT', current_date, 1, ''
FROM generate_series(0, {ROWS} - 1) AS n;
INSERT INTO postings (entry_id, seq, account, amount) SELECT id, 1, 'biller_deposit:desco', -1 FROM journal_entries;
UPDATE lanes SET seq = {ROWS} / 10 WHERE lane BETWEEN 100 AND 109;
"""  # noqa: E501, S608 - constants
VACUUM = tuple(f"VACUUM ANALYZE {table}" for table in GROWING)
ONE_MORE_VEND = """
SET session_replication_role = replica;
UPDATE lanes SET seq = seq + 1 WHERE lane = 100;
INSERT INTO journal_entries (id, lane, seq, moment, currency, business_date, window_id, hash)
SELECT gen_random_uuid(), lane, seq, 'delivered', 'BDT', current_date, 1, '' FROM lanes WHERE lane = 100;
INSERT INTO postings (entry_id, seq, account, amount)
SELECT id, 1, 'biller_deposit:desco', -1 FROM journal_entries WHERE lane = 100 ORDER BY seq DESC LIMIT 1;
"""
# A biller that did not take our login, and that has answered about all payments since.
RAISED_LONG_AGO = """
SET session_replication_role = replica;
INSERT INTO history (payment_id, seq, from_state, event, to_state, actor, facts)
SELECT id, 2, 'delivering', 'biller_acknowledged', 'completed', 'switch', '{}' FROM payments;
INSERT INTO alarms (id, kind, subject, payment_id, owner, due_on, facts, raised_at, last_raised_at)
SELECT gen_random_uuid(), 'shut_out', 'biller of others', id, 'operator', current_date, '{}',
  now() - interval '1 year', now() - interval '1 year' FROM payments WHERE state = 'delivering' LIMIT 1
"""
# A merchant that was away: both of its queues are long, and all of it is due.
LONG_QUEUES = (
    """
INSERT INTO notification_endpoints (id, partner_id, url, kind)
VALUES (gen_random_uuid(), 'bank1', 'ipn', 'ipn')
""",
    """
UPDATE notification_deliveries AS d SET state = 'waiting', endpoint_id = e.id, rank = q.n % 2,
  next_try_at = now() - q.n * interval '1 s'
FROM notification_endpoints AS e, (
  SELECT notification_id, row_number() OVER () AS n FROM notification_deliveries
) AS q WHERE q.notification_id = d.notification_id
""",
    "VACUUM ANALYZE notification_deliveries",
)  # fmt: skip


@pytest.fixture
async def engine(books: Books) -> AsyncIterator[AsyncEngine]:
    await books.partner()
    for statement in (STANDING, *VACUUM):
        await books.tell(statement)
    engine = books.database.engine()
    yield engine
    await engine.dispose()


async def _plans(engine: AsyncEngine, chore: Callable[[], Awaitable[object]]) -> list[Any]:
    """How each statement of a chore was carried out, once the chore has been done before."""
    told: list[tuple[str, Any]] = []

    def listen(_: object, __: object, statement: str, parameters: Any, *_more: object) -> None:  # noqa: ANN401
        told.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", listen)
    await chore()
    event.remove(engine.sync_engine, "before_cursor_execute", listen)
    assert told
    async with engine.connect() as connection:
        explained = [
            await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            for statement, parameters in told
        ]
        return [one.scalar_one()[0]["Plan"] for one in explained]


def _nodes(plan: Any) -> Iterator[Any]:  # noqa: ANN401 - as PostgreSQL tells it
    yield plan
    for one in plan.get("Plans", ()):
        yield from _nodes(one)


def _read(plans: list[Any]) -> dict[str, float]:
    """How many rows of each growing table were looked at, those that were passed over included."""
    read: dict[str, float] = {}
    for node in itertools.chain.from_iterable(map(_nodes, plans)):
        table = node.get("Relation Name")
        if table in GROWING and node["Node Type"] != "ModifyTable":
            looked_at = sum(node.get(name, 0) for name in LOOKED_AT) * node["Actual Loops"]
            read[table] = read.get(table, 0) + looked_at
    return read


def _read_through(plans: list[Any]) -> list[str]:
    scans = [
        node["Relation Name"] for plan in plans for node in _nodes(plan) if node["Node Type"] == "Seq Scan"
    ]
    return [table for table in scans if table in GROWING]


CHORES: dict[str, Callable[[AsyncEngine], Callable[[], Awaitable[object]]]] = {
    "old quotes": lambda engine: lambda: drop_old_quotes(engine, 1),
    "old held bills": lambda engine: OldLockedBills(engine, AT_ONCE).drop,
    "open payments": lambda engine: lambda: count_open(engine),
    "waiting notifications": lambda engine: lambda: count_waiting(engine),
    "reversals": lambda engine: lambda: count_reversals(engine),
    "old outcomes": lambda engine: lambda: drop_old_outcomes(engine),
}


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "QUOTES_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(routing, "PRUNED_AT_ONCE", AT_ONCE)


async def test_no_chore_reads_what_stands(engine: AsyncEngine) -> None:
    for name, chore in CHORES.items():
        plans = await _plans(engine, chore(engine))
        assert _read_through(plans) == [], name
        assert sum(_read(plans).values()) < ROWS / 20, (name, _read(plans))


async def test_a_sweep_of_alarms_reads_no_payment_that_has_ended(books: Books, engine: AsyncEngine) -> None:
    for statement in (RAISED_LONG_AGO, "VACUUM ANALYZE history, alarms"):
        await books.tell(statement)
    plans = await _plans(engine, AlarmUpkeep(engine).sweep)
    assert "payments" not in _read_through(plans)
    assert _read(plans)["payments"] < ROWS / 20


async def test_paid_quotes_are_read_once(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _read(await _plans(engine, lambda: drop_old_quotes(engine, 1)))
    assert first["payments"] == AT_ONCE
    monkeypatch.setattr(housekeeping, "QUOTES_AT_ONCE", ROWS)
    await drop_old_quotes(engine, 1)
    monkeypatch.setattr(housekeeping, "QUOTES_AT_ONCE", AT_ONCE)
    assert sum(_read(await _plans(engine, lambda: drop_old_quotes(engine, 1))).values()) < AT_ONCE


async def test_a_watch_of_deposits_reads_what_was_posted_since(books: Books, engine: AsyncEngine) -> None:
    watch = DepositWatch(engine, {"desco": 1.0})
    await watch.show()
    await books.tell(ONE_MORE_VEND)
    assert _read(await _plans(engine, watch.show)) == {"journal_entries": 1, "postings": 1}


async def test_a_lease_reads_the_heads_of_long_queues(books: Books, engine: AsyncEngine) -> None:
    for statement in LONG_QUEUES:
        await books.tell(statement)
    notifications = PostgresNotifications(engine)
    # A lease that ends as it begins, so that the plan is of one that finds both places free.
    _, lease = await _plans(engine, lambda: notifications.lease_due(10, 0))
    assert _read_through([lease]) == []
    assert _read([lease])["notification_deliveries"] < ROWS / 20
