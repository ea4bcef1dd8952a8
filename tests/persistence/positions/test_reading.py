"""The query that is asked once a second looks rows up by key, however many stand there."""

import json
from typing import Any

from ekpay_switch.domain.positions import Head, Missing, Position
from ekpay_switch.persistence.positions import reading
from ekpay_switch.persistence.positions.reading import read_position
from tests.persistence.books import APPROVED, Books

ROWS = 20_000
STANDING = f"""
SET session_replication_role = replica;
INSERT INTO journal_entries (id, lane, seq, moment, currency, business_date, window_id, hash)
SELECT gen_random_uuid(), n % 10 + 100, n / 10 + 1, 'delivered', 'BDT', current_date, 1, '\\x01'
FROM generate_series(0, {ROWS} - 1) AS n;
INSERT INTO attempts (id, payment_id, leg, far_side, reference, state, sends, send_until, closed_at, outcome)
SELECT gen_random_uuid(), gen_random_uuid(), 'delivery', 'desco', 'r' || n, 'closed', 1, now(), now(),
  'approved'
FROM generate_series(1, {ROWS}) AS n;
"""  # noqa: S608 - constants


def _scans(plan: Any) -> list[str]:  # noqa: ANN401 - as PostgreSQL tells it
    own = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    return own + [name for part in plan.get("Plans", ()) for name in _scans(part)]


async def test_it_reads_no_table_through(books: Books) -> None:
    await books.partner(prefund=100_000)
    await books.finish(await books.start(), APPROVED)
    for statement in (STANDING, "VACUUM ANALYZE journal_entries, attempts"):
        await books.tell(statement)
    connection = await books.database.connect()
    try:
        held = (await read_position(connection, None)).position
        heads = {**held.heads, **{lane: Head(ROWS // 10, b"\1") for lane in range(100, 110)}}
        wider = Position(held.database, held.system_identifier, held.timeline, heads, held.newest, held.at)
        read = await read_position(connection, wider)
        assert read.missing == Missing([], [])
        arguments = reading.arguments_of(wider)
        (plan,) = await connection.fetchrow(f"EXPLAIN (FORMAT JSON) {reading.READ}", *arguments)
        assert set(_scans(json.loads(plan)[0]["Plan"])) <= {
            "lanes",
            "housekeeping_marks",
            "payments",
            "refunds",
        }
    finally:
        await connection.close()


async def test_what_is_missing_is_told_by_lane_and_table(books: Books) -> None:
    await books.partner(prefund=100_000)
    await books.finish(await books.start(), APPROVED)
    connection = await books.database.connect()
    try:
        held = (await read_position(connection, None)).position
        (lane, head), *_ = held.heads.items()
        heads = {lane: Head(head.seq, b"another hash"), 15: Head(1, head.hash)}
        newest = {**held.newest, "refunds": held.newest["payments"]}
        lost = Position(held.database, held.system_identifier, held.timeline, heads, newest, held.at)
        missing = (await read_position(connection, lost)).missing
        assert (sorted(missing.lanes), missing.tables) == ([lane, 15], ["refunds"])
    finally:
        await connection.close()
