"""The write of a batch: a single statement that fills every table from arrays.

Its text never changes, so PostgreSQL plans it once for each connection; a table with nothing to write gets
empty arrays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import asyncpg

from ekpay_switch.persistence.group_commit.decide import Row, RowChanges


@dataclass(frozen=True, slots=True)
class SetInsert:
    """One table's part of the statement: its columns and their array types, in the order of the rows.

    `beside` are further arrays after those of the columns; they are not written, but `join` and `values` may
    use them.
    """

    table: str
    columns: Mapping[str, str]
    ignores_repeats: bool = False
    further_arrays: Mapping[str, str] = field(default_factory=dict)
    join: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def types(self) -> tuple[str, ...]:
        """The element types of all its arrays."""
        return (*self.columns.values(), *self.further_arrays.values())

    def text(self, first: int) -> str:
        """The INSERT statement whose parameters start with number `first`."""
        arrays = ", ".join(f"${first + n}::{kind}[]" for n, kind in enumerate(self.types))
        source = f"unnest({arrays}) AS u ({', '.join((*self.columns, *self.further_arrays))}) {self.join}"
        values = ", ".join(self.values.get(name, f"u.{name}") for name in self.columns)
        suffix = " ON CONFLICT DO NOTHING" if self.ignores_repeats else ""
        return f"INSERT INTO {self.table} ({', '.join(self.columns)}) SELECT {values} FROM {source}{suffix}"  # noqa: S608 - constants


QUOTES = SetInsert(
    "quotes",
    {
        "quote_id": "text", "partner_id": "text", "request_reference": "text", "biller_id": "text",
        "bucket": "text", "bill_key": "text", "bill_lock": "bigint", "is_paid": "boolean",
        "currency": "text", "amount": "bigint", "charge": "bigint", "fee": "bigint", "vat": "bigint",
        "rounding": "bigint", "fee_version": "text", "bill": "jsonb", "biller_quote": "jsonb",
        "expires_at": "timestamptz",
    },
    ignores_repeats=True,
)  # fmt: skip
PAYMENTS = SetInsert(
    "payments",
    {
        "id": "uuid", "partner_id": "text", "lane": "smallint", "reference": "text", "fingerprint": "bytea",
        "quote_id": "text", "biller_id": "text", "bill_key": "text", "bucket": "text", "currency": "text",
        "amount": "bigint", "charge": "bigint", "fee": "bigint", "vat": "bigint", "rounding": "bigint",
        "state": "text",
        "refusal": "text", "biller_quote": "jsonb", "quote_expires_at": "timestamptz", "scroll_no": "bigint",
        "business_date": "date", "epoch": "integer", "steps": "smallint", "next_action_at": "timestamptz",
        "lease_until": "timestamptz",
    },
    # A row has its rank among the new numbers of its series; the number is the series' first one plus the
    # rank.
    further_arrays={"scroll_series": "text"},
    join="LEFT JOIN allocated ON allocated.series = u.scroll_series",
    values={"scroll_no": "allocated.first + u.scroll_no"},
)  # fmt: skip
ATTEMPTS = SetInsert(
    "attempts",
    {
        "id": "uuid", "payment_id": "uuid", "leg": "text", "far_side": "text", "reference": "text",
        "state": "text", "step": "text", "sends": "smallint", "send_until": "timestamptz",
    },
)  # fmt: skip
HISTORY = SetInsert(
    "history",
    {
        "payment_id": "uuid", "seq": "smallint", "from_state": "text", "event": "text", "to_state": "text",
        "actor": "text", "facts": "jsonb",
    },
)  # fmt: skip
EVIDENCE = SetInsert(
    "evidence",
    {"payment_id": "uuid", "attempt_id": "uuid", "epoch": "integer", "kind": "text", "facts": "jsonb"},
    ignores_repeats=True,
)
ENTRIES = SetInsert(
    "journal_entries",
    {
        "id": "uuid", "lane": "smallint", "seq": "bigint", "payment_id": "uuid", "moment": "text",
        "currency": "text", "business_date": "date", "window_id": "bigint", "hash": "bytea",
    },
)  # fmt: skip
POSTINGS = SetInsert(
    "postings", {"entry_id": "uuid", "seq": "smallint", "account": "text", "amount": "bigint"}
)
NOTIFICATIONS = SetInsert(
    "notifications",
    {"id": "uuid", "payment_id": "uuid", "partner_id": "text", "notice": "text", "version": "smallint"},
)
# A payment that is found vended again, in review, has token lines that were written before.
TOKEN_LINES = SetInsert(
    "token_lines",
    {"payment_id": "uuid", "seq": "smallint", "kind": "text", "digits_sealed": "bytea"},
    ignores_repeats=True,
)
# Repeats fail: where another payment has used the receipt meanwhile, the batch fails and is read again.
USED_RECEIPTS = SetInsert("used_receipts", {"receipt": "text", "payment_id": "uuid"})
# Scroll numbers are allocated as the payments are written and rolled back with them, so none is lost. Sorted,
# so that two batches never deadlock on each other's counters.
ALLOCATE = """
INSERT INTO scroll_counters (series, business_date, last)
SELECT series, $3, needed FROM unnest($1::text[], $2::bigint[]) AS n (series, needed) ORDER BY series
ON CONFLICT (series, business_date) DO UPDATE SET last = scroll_counters.last + excluded.last
RETURNING series, last
"""
COUNTED_TYPES = ("text[]", "bigint[]", "date")
# The new numbers of a series are the last ones of its counter, as many as were needed.
ALLOCATED = """
allocated AS (
  SELECT series, last - needed + 1 AS first
  FROM counted JOIN unnest($1::text[], $2::bigint[]) AS n (series, needed) USING (series))
"""
INSERTS = (
    PAYMENTS, ATTEMPTS, HISTORY, EVIDENCE, ENTRIES, POSTINGS, NOTIFICATIONS, TOKEN_LINES, USED_RECEIPTS,
)  # fmt: skip

# The epoch in the WHERE is the fence: a row with a newer epoch is not updated, and the row count shows it.
# Keys are passed twice, as a list and by row: with the list, even a plan made while a table was small finds
# its rows by their index instead of scanning the table. An answer that leaves the state alone does not count
# as a change: how long a payment has been in its state, and so its alarm, is told from `updated_at`.
MOVE_PAYMENTS = """
UPDATE payments AS p SET state = u.state, refusal = u.refusal, facts = u.facts, steps = u.steps,
  next_action_at = u.next_action_at, lease_until = NULL,
  updated_at = CASE WHEN u.steps > p.steps THEN now() ELSE p.updated_at END
FROM unnest({arrays}) AS u (id, epoch, state, refusal, facts, steps, next_action_at)
WHERE p.id = ANY({keys}) AND p.id = u.id AND p.epoch = u.epoch RETURNING 1
"""
MOVE_PAYMENTS_TYPES = ("uuid", "integer", "text", "text", "jsonb", "smallint", "timestamptz")
HOLD_PAYMENTS = """
UPDATE payments AS p SET lease_until = u.hold_until, next_action_at = u.hold_until, asked = u.asked
FROM unnest({arrays}) AS u (id, epoch, hold_until, asked)
WHERE p.id = ANY({keys}) AND p.id = u.id AND p.epoch = u.epoch RETURNING 1
"""
HOLD_PAYMENTS_TYPES = ("uuid", "integer", "timestamptz", "integer")
BEGIN_SENDS = """
UPDATE attempts AS a SET step = u.step, sends = u.sends, send_until = u.send_until
FROM unnest({arrays}) AS u (id, step, sends, send_until) WHERE a.id = ANY({keys}) AND a.id = u.id
"""
BEGIN_SENDS_TYPES = ("uuid", "text", "smallint", "timestamptz")
END_ATTEMPTS = """
UPDATE attempts AS a SET state = u.state, outcome = u.outcome, closed_at = u.closed_at
FROM unnest({arrays}) AS u (id, state, outcome, closed_at) WHERE a.id = ANY({keys}) AND a.id = u.id
"""
END_ATTEMPTS_TYPES = ("uuid", "text", "text", "timestamptz")
# The total of a day begins with the first batch of that day, and never goes back to an earlier one. What was
# paid before totals were kept may be given back after, so none falls below zero.
MOVE_BALANCES = """
UPDATE accounts AS a SET balance = a.balance + u.growth, taken_on = greatest(a.taken_on, u.day),
  taken = greatest(CASE WHEN a.taken_on >= u.day THEN a.taken ELSE 0 END + u.taken, 0)
FROM unnest({arrays}) AS u (code, growth, taken, day)
WHERE a.code = ANY({keys}) AND a.code = u.code RETURNING 1
"""
MOVE_BALANCES_TYPES = ("text", "bigint", "bigint", "date")
MOVE_LANES = """
UPDATE lanes AS l SET seq = u.seq, hash = u.hash
FROM unnest({arrays}) AS u (lane, seq, hash) WHERE l.lane = ANY({keys}) AND l.lane = u.lane
"""
MOVE_LANES_TYPES = ("smallint", "bigint", "bytea")
UPDATES = (
    ("moved_payments", MOVE_PAYMENTS, MOVE_PAYMENTS_TYPES),
    ("held_payments", HOLD_PAYMENTS, HOLD_PAYMENTS_TYPES),
    ("begun_sends", BEGIN_SENDS, BEGIN_SENDS_TYPES),
    ("ended_attempts", END_ATTEMPTS, END_ATTEMPTS_TYPES),
    ("moved_balances", MOVE_BALANCES, MOVE_BALANCES_TYPES),
    ("moved_lanes", MOVE_LANES, MOVE_LANES_TYPES),
)


def _statement() -> str:
    parts, first = [f"counted AS ({ALLOCATE})", ALLOCATED], len(COUNTED_TYPES) + 1
    for insert in INSERTS:
        parts.append(f"into_{insert.table} AS ({insert.text(first)})")
        first += len(insert.types)
    for name, text, types in UPDATES:
        arrays = ", ".join(f"${first + n}::{kind}[]" for n, kind in enumerate(types))
        keys = f"${first}::{types[0]}[]"
        parts.append(f"{name} AS ({text.format(arrays=arrays, keys=keys)})")
        first += len(types)
    checked = ("moved_payments", "held_payments", "moved_balances")
    counts = ", ".join(f"(SELECT count(*) FROM {name})" for name in checked)  # noqa: S608 - constants
    series = "(SELECT array_agg(series ORDER BY series) FROM allocated)"
    firsts = "(SELECT array_agg(first ORDER BY series) FROM allocated)"
    return f"WITH {', '.join(parts)} SELECT {counts}, {series} AS series, {firsts} AS firsts"


WRITE_BATCH = _statement()
WRITE_QUOTES = QUOTES.text(1)


class LostRowError(Exception):
    """A row that was read under lock is not there to update: a bug; the transaction is rolled back."""


def _columns(rows: Sequence[Row], width: int) -> Iterable[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


async def write_quotes(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
    """Store quotes; a quote that was stored before is left unchanged."""
    await connection.execute(WRITE_QUOTES, *_columns(rows, len(QUOTES.columns)))


def balance_rows(changes: RowChanges, day: date) -> list[Row]:
    """The prefunds that move, by code, as `MOVE_BALANCES` wants them; a total moves with its balance only."""
    totals = changes.day_totals
    return [(code, growth, totals.get(code, 0), day) for code, growth in sorted(changes.balances.items())]


async def write_changes(connection: asyncpg.Connection, changes: RowChanges, day: date) -> dict[str, int]:
    """Write every row of the batch in one statement; returns the first new scroll number of each series.

    Raises:
        LostRowError: a payment's epoch or an account row is not as it was read.
    """
    insert_rows = (
        changes.payments, changes.attempts, changes.history, changes.evidence, changes.entries,
        changes.postings, changes.notifications, changes.token_lines, changes.used_receipts,
    )  # fmt: skip
    balances = balance_rows(changes, day)
    lanes = [(lane, *head) for lane, head in sorted(changes.lanes.items())]
    update_rows: tuple[Sequence[Row], ...] = (
        list(changes.moved_payments.values()),
        changes.extended_leases,
        changes.started_sends,
        changes.ended_attempts,
        balances,
        lanes,
    )
    parameters: list[object] = [list(changes.numbers_needed), list(changes.numbers_needed.values()), day]
    for insert, rows in zip(INSERTS, insert_rows, strict=True):
        parameters += _columns(rows, len(insert.types))
    for (_, _, types), changed in zip(UPDATES, update_rows, strict=True):
        parameters += _columns(changed, len(types))
    *counts, series, firsts = await connection.fetchrow(WRITE_BATCH, *parameters)
    if counts != [len(changes.moved_payments), len(changes.extended_leases), len(balances)]:
        raise LostRowError
    return dict(zip(series or (), firsts or (), strict=True))
