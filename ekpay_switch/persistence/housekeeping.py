"""Periodic housekeeping: dropping unpaid quotes, and counting open payments for the gauges.

It runs every few seconds, so its cost depends on what there is to do: paid quotes and finished payments,
which are kept for ever, are never scanned.
"""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch import telemetry, trouble
from ekpay_switch.persistence.engine import refusal_reason
from ekpay_switch.persistence.schema.upkeep import OPEN, UNSCHEDULED

QUOTES_AT_ONCE = 10_000
OVERDUE_AFTER = timedelta(minutes=5)

# Locked to the end of the transaction; another worker skips this chore meanwhile.
HOLD_MARK = text("""
SELECT passed_until FROM housekeeping_marks WHERE chore = 'old_quotes' FOR UPDATE SKIP LOCKED
""")
# The instant so many quotes further, or of the youngest old quote. Quotes of one batch share their instant.
FIND_END = text("""
SELECT coalesce(
  (SELECT created_at FROM quotes
   WHERE created_at > :since AND created_at <= now() - CAST(:kept AS interval)
   ORDER BY created_at OFFSET :passed LIMIT 1),
  now() - CAST(:kept AS interval))
""")
# A subquery instead of a join: each quote's payment is looked up by its key, whatever the statistics say.
DROP_QUOTES = text("""
DELETE FROM quotes WHERE created_at > :since AND created_at <= :until
  AND (SELECT true FROM payments WHERE payments.quote_id = quotes.quote_id LIMIT 1) IS NULL
""")
MOVE_MARK = text("UPDATE housekeeping_marks SET passed_until = :until WHERE chore = 'old_quotes'")
# Two partial indexes together contain every open payment (`schema.upkeep`).
READ_OPEN = text(f"""
SELECT state, count(*) AS payments, extract(epoch FROM now() - min(created_at)) AS oldest_seconds FROM (
  SELECT state, created_at FROM payments WHERE {OPEN} AND next_action_at IS NOT NULL
  UNION ALL SELECT state, created_at FROM payments WHERE {UNSCHEDULED}) AS open
GROUP BY state
""")  # noqa: S608 - constants
COUNT_OVERDUE = text("SELECT count(*) FROM payments WHERE next_action_at < now() - CAST(:late AS interval)")


async def drop_old_quotes(engine: AsyncEngine, keep_days: int) -> int:
    """Drop quotes that were never paid and are older than `keep_days`; returns how many.

    Continues where this or another process stopped: an old quote expired long ago, so it will never be paid,
    and paid quotes stay. Looks at `QUOTES_AT_ONCE` quotes a call.
    """
    async with engine.begin() as connection:
        since = await connection.scalar(HOLD_MARK)
        if since is None:
            return 0
        parameters = {"since": since, "kept": timedelta(days=keep_days), "passed": QUOTES_AT_ONCE - 1}
        until = await connection.scalar(FIND_END, parameters)
        if until <= since:
            return 0
        dropped = await connection.execute(DROP_QUOTES, {"since": since, "until": until})
        await connection.execute(MOVE_MARK, {"until": until})
    return dropped.rowcount


async def count_open(engine: AsyncEngine) -> None:
    """Bring the gauges of open and overdue payments up to date."""
    async with engine.connect() as connection:
        rows = (await connection.execute(READ_OPEN)).all()
        telemetry.STUCK_PAYMENTS.set(await connection.scalar(COUNT_OVERDUE, {"late": OVERDUE_AFTER}) or 0)
    telemetry.OLDEST_OPEN_SECONDS.set(max((row.oldest_seconds for row in rows), default=0))
    telemetry.OPEN_PAYMENTS.clear()
    for row in rows:
        telemetry.OPEN_PAYMENTS.labels(row.state).set(row.payments)


# As much as does not fit into what a table has free: it is taken back, so only its room is asked for.
_PROBE = text("""
INSERT INTO failed_logins (caller, free_at)
SELECT 'probe ' || number || repeat('x', 1000), now() FROM generate_series(1, 256) AS number
""")
_READ = text("SELECT current_setting('transaction_read_only') FROM alembic_version")


async def why_not_ready(engine: AsyncEngine) -> str:
    """Why the database takes no payments, empty where it does: it is away, has no schema or cannot write.

    Once it has refused to write it is asked to write again, and is ready as soon as it does.
    """
    try:
        async with engine.connect() as connection:
            reads_only = await connection.scalar(_READ)
            if trouble.DATABASE.reason and reads_only != "on":
                await connection.execute(_PROBE)
                await connection.rollback()
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        reason = refusal_reason(error)
        if reason:
            trouble.count_database_refusal(reason)
            return f"database refuses to write: {reason}"
        telemetry.log_warning("not_ready", error=error)
        return "database unavailable"
    if reads_only == "on":
        trouble.count_database_refusal("read_only")
        return "database refuses to write: read_only"
    trouble.DATABASE.clear()
    return ""
