"""Payments of a turn counted in the database: the only count that a benchmark trusts."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from benchmarks.kit.errors import BenchError

_TABLES = ("payments", "attempts", "history", "journal_entries", "postings", "notifications", "evidence")
_TOUCHED = (*_TABLES, "accounts", "lanes", "scroll_counters")
_COUNTS = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in _TABLES)  # noqa: S608 - constants
_STATES = """
SELECT count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'delivering'), count(*),
  (SELECT count(*) FROM quotes WHERE created_at > $1 AND request_reference NOT LIKE 'PGBENCH%'),
  pg_current_wal_insert_lsn() - '0/0'::pg_lsn
FROM payments WHERE id >= $2
"""
_OTHER_ENDS = """
SELECT state || coalesce(' ' || refusal, ''), count(*) FROM payments
WHERE id >= $1 AND state <> 'completed' GROUP BY 1 ORDER BY 1
"""
# PostgreSQL publishes its statistics late: poll until they include every payment and its one update.
_WRITTEN = "SELECT relname, n_tup_ins, n_tup_upd FROM pg_stat_user_tables WHERE relname = ANY($1)"
_POLL_SECONDS = 0.1
_SETTLE_SECONDS = 30
_STATISTICS_SECONDS = 30
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class BooksError(BenchError):
    """The database and the load generator disagree."""


@dataclass(frozen=True, slots=True)
class PaymentCounts:
    """Counts at one instant; `wal` in bytes written to the log since the cluster was made."""

    completed: int
    open: int
    payments: int
    quotes: int
    wal: int

    @property
    def not_completed(self) -> int:
        """Payments that ended without being completed."""
        return self.payments - self.completed - self.open


class Books:
    """Counts fetches and payments since an instant, by the times in their keys; read between turns."""

    def __init__(self, connection: asyncpg.Connection, since: datetime = EPOCH) -> None:
        self._connection = connection
        self._since = since
        self._first_id = UUID(int=int(since.timestamp() * 1_000) << 80)

    async def counts(self) -> PaymentCounts:
        """The counts now."""
        row = await self._connection.fetchrow(_STATES, self._since, self._first_id)
        return PaymentCounts(*map(int, row))

    async def settled_counts(self) -> PaymentCounts:
        """The counts once nothing changes any more and all payments in flight have ended.

        Raises:
            TimeoutError: payments are still being made.
        """
        async with asyncio.timeout(_SETTLE_SECONDS):
            before = await self.counts()
            while True:
                await asyncio.sleep(_POLL_SECONDS)
                now = await self.counts()
                if not now.open and (now.payments, now.quotes) == (before.payments, before.quotes):
                    return now
                before = now

    async def other_end_states(self) -> str:
        """The end states of payments that are not completed, with their counts since the instant."""
        rows = await self._connection.fetch(_OTHER_ENDS, self._first_id)
        return ", ".join(f"{end}: {count}" for end, count in rows)

    async def row_counts(self) -> dict[str, int]:
        """How many rows stand in each table that a payment inserts into, counted."""
        return dict(await self._connection.fetch(_COUNTS))

    async def update_counts(self, payments: int) -> dict[str, int]:
        """Row versions updated so far, once the statistics know of all `payments` ever made and ended.

        Raises:
            TimeoutError: PostgreSQL did not tell them in time.
        """
        async with asyncio.timeout(_STATISTICS_SECONDS):
            while True:
                rows = await self._connection.fetch(_WRITTEN, list(_TOUCHED))
                written = {row["relname"]: row["n_tup_upd"] for row in rows if row["n_tup_ins"] >= payments}
                if written.get("payments", 0) >= payments:
                    return {row["relname"]: row["n_tup_upd"] for row in rows}
                await asyncio.sleep(_POLL_SECONDS)


def rows_per_payment(before: dict[str, int], after: dict[str, int], payments: int) -> dict[str, float]:
    """The growth of each count, by payment; tables that did not grow are left out."""
    grown = {name: (count - before.get(name, 0)) / payments for name, count in after.items()}
    return {name: growth for name, growth in grown.items() if growth}


def check_against_books(turn_kind: str, answered: int, grown: int, sent: int) -> None:
    """Refuse a turn whose answers the database does not confirm; `sent` includes requests that were cut off.

    Raises:
        BooksError: more answers than rows, or more rows than requests.
    """
    if not answered <= grown <= sent:
        raise BooksError(f"{turn_kind}: {sent} sent, {answered} answered, but {grown} in the books")
