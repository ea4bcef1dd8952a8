"""Closed months: the movements of every account as two persons closed them, and the proof that they stand.

Needs no extra: `ekpay audit` reads them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from reconciliation.results.table_values import Connection, as_json, from_json

_CLOSED: Final = """
SELECT month, closed_by, approved_by, closed_at, figures, digest FROM reconciliation.closed_months
WHERE $1::date IS NULL OR month = $1 ORDER BY month
"""
_CLOSE: Final = """
INSERT INTO reconciliation.closed_months (month, closed_by, approved_by, figures, digest)
VALUES ($1, $2, $3, $4::jsonb, $5)
"""
# One scan, whatever the number of closed months.
_MOVED: Final = """
SELECT m.month, o.account, e.currency,
  coalesce(sum(o.amount) FILTER (WHERE o.amount > 0), 0)::bigint AS debit,
  coalesce(-sum(o.amount) FILTER (WHERE o.amount < 0), 0)::bigint AS credit
FROM public.journal_entries AS e JOIN public.postings AS o ON o.entry_id = e.id
JOIN reconciliation.closed_months AS m ON m.month = date_trunc('month', e.business_date)::date
GROUP BY m.month, o.account, e.currency
"""
Movements = Mapping[str, list[int]]


@dataclass(frozen=True, slots=True)
class ClosedMonth:
    """A month by its first day, as it was closed.

    `figures` has under `moved` what was debited and credited on each account, in paisa, and under `closing`
    each balance at the end, debit positive; `digest` is their SHA-256 as canonical JSON.
    """

    month: date
    closed_by: str
    approved_by: str
    closed_at: datetime
    figures: Mapping[str, Any]
    digest: str


def account_key(account: str, currency: str) -> str:
    """How an account is named in the figures of a month."""
    return f"{account} {currency}"


def digest_of_month(figures: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of the figures of a month."""
    return hashlib.sha256(as_json(figures).encode()).hexdigest()


async def closed_month(connection: Connection, month: date) -> ClosedMonth | None:
    """The closing of a month, or None while it is not closed."""
    row = await connection.fetchrow(_CLOSED, month)
    return None if row is None else _closed(row)


async def write_closed_month(
    connection: Connection, month: date, persons: tuple[str, str], figures: Mapping[str, Any]
) -> None:
    """Write the closing of a month by the two persons who close and approve it.

    Raises:
        asyncpg.CheckViolationError: both are the same person.
        asyncpg.UniqueViolationError: the month is closed.
    """
    closed_by, approved_by = persons
    digest = digest_of_month(figures)
    await connection.execute(_CLOSE, month, closed_by, approved_by, as_json(figures), digest)


async def verify_closed_months(connection: Connection) -> tuple[date, str] | None:
    """None where every closed month has moved what it had when it was closed, or one that has not."""
    months = [_closed(row) for row in await connection.fetch(_CLOSED, None)]
    if not months:
        return None
    moved: dict[date, dict[str, list[int]]] = {closing.month: {} for closing in months}
    for row in await connection.fetch(_MOVED):
        key = account_key(row["account"], row["currency"])
        moved[row["month"]][key] = [row["debit"], row["credit"]]
    for closing in months:
        why = _difference(closing, moved[closing.month])
        if why:
            return closing.month, why
    return None


def _difference(closing: ClosedMonth, moved: Movements) -> str:
    if digest_of_month(closing.figures) != closing.digest:
        return "its figures are not those that were closed"
    before: Movements = closing.figures["moved"]
    for key in sorted({*before, *moved}):
        if before.get(key, [0, 0]) != moved.get(key, [0, 0]):
            return f"{key} has moved by {moved.get(key)} since it was closed with {before.get(key)}"
    return ""


def _closed(row: Mapping[str, Any]) -> ClosedMonth:
    values = dict(row)
    return ClosedMonth(**values | {"figures": from_json(values["figures"])})
