"""Reads both sides of a bank reconciliation: our entries on the bank account, and the rows of statements."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from ekpay_switch.ports.finance import Connection
from reconciliation.canonical_row import FILE, SUCCESS
from reconciliation.errors import ReportError
from reconciliation.matching.institution_positions import CURRENCY
from reconciliation.papers.bank_items import BankMovement, BankReconciliation, reconcile_bank
from reconciliation.settlement.current_state import SettlementWork, statement_rows

_NO_LIMITS = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
# Each entry that moved the account, with every name under which a bank's line may bear it.
_OURS = """
WITH bank AS (
  SELECT e.id, e.business_date, e.at, e.moment, e.payment_id, sum(o.amount)::bigint AS amount
  FROM public.postings AS o JOIN public.journal_entries AS e ON e.id = o.entry_id
  WHERE o.account = 'settlement_bank' AND e.business_date <= $1 AND e.currency = $2 GROUP BY e.id),
by_decision AS (
  SELECT e.id::uuid AS entry_id, d.reference
  FROM public.decisions AS d CROSS JOIN LATERAL jsonb_array_elements_text(d.entry_ids) AS e (id)
  WHERE d.reference <> ''),
by_break AS (
  SELECT entry_id, min(reference) AS reference FROM public.break_bank_lines
  WHERE booked_by <> 'return' GROUP BY entry_id),
returned AS (
  SELECT entry_id, reference, amount FROM public.break_bank_lines WHERE booked_by = 'return'),
-- An entry that books several transfers is a movement for each of them, and one for what it moved beside.
divided AS (
  SELECT b.id, b.business_date, b.at, b.moment, b.payment_id, r.amount, r.reference
  FROM bank AS b JOIN returned AS r ON r.entry_id = b.id
  UNION ALL
  SELECT b.id, b.business_date, b.at, b.moment, b.payment_id, b.amount - coalesce(r.amount, 0), NULL
  FROM bank AS b
  LEFT JOIN (SELECT entry_id, sum(amount)::bigint AS amount FROM returned GROUP BY entry_id) AS r
    ON r.entry_id = b.id
  WHERE r.entry_id IS NULL OR b.amount <> r.amount),
by_hand AS (
  SELECT DISTINCT r.payment_id, h.at, r.bank_reference
  FROM public.refunds AS r JOIN public.refund_history AS h ON h.refund_id = r.id
  WHERE r.bank_reference IS NOT NULL)
SELECT b.id, b.business_date, b.moment, b.amount, array_remove(ARRAY[c.batch, s.end_to_end_id, t.reference,
  d.reference, q.reference, b.reference, k.reference, r.bank_reference], NULL) AS names
FROM divided AS b
LEFT JOIN reconciliation.settlement_credits AS c ON c.entry_id = b.id
LEFT JOIN reconciliation.settlement_endings AS s ON s.moved_entry_id = b.id
LEFT JOIN public.transfer_reversals AS v ON v.id = b.id
LEFT JOIN public.top_ups AS t ON t.id = coalesce(v.top_up_id, b.id)
LEFT JOIN public.deposit_transfers AS d ON d.id = coalesce(v.deposit_transfer_id, b.id)
LEFT JOIN by_decision AS q ON q.entry_id = b.id
LEFT JOIN by_break AS k ON k.entry_id = b.id
LEFT JOIN by_hand AS r ON r.payment_id = b.payment_id AND r.at = b.at
ORDER BY b.business_date, b.id, b.reference
"""
_CLOSINGS = """
SELECT f.institution, f.name, f.closing
FROM reconciliation.files AS f
CROSS JOIN LATERAL (
  SELECT s.state FROM reconciliation.file_states AS s JOIN reconciliation.runs AS r ON r.id = s.run_id
  WHERE s.file_id = f.id AND r.seq <= $2 ORDER BY r.seq DESC LIMIT 1) AS s
WHERE f.closing IS NOT NULL AND s.state = 'loaded' AND f.day <= $1
ORDER BY f.institution, f.day, f.cycle, f.correction
"""


async def read_bank_reconciliation(work: SettlementWork, at: date) -> BankReconciliation:
    """Both sides at a date, in one snapshot.

    Raises:
        ReportError: no statement up to that date was read.
    """
    connection = work.connection
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_NO_LIMITS)
        closings = await connection.fetch(_CLOSINGS, at, work.run.seq)
        if not closings:
            raise ReportError(f"no statement of a bank up to {at} was read")
        books = await _our_movements(connection, at)
    rows = _booked_rows(statement_rows(work), at)
    return reconcile_bank(at, books, _lines_of(rows), _balances(closings, rows))


async def _our_movements(connection: Connection, at: date) -> list[BankMovement]:
    return [
        BankMovement(
            tuple(row["names"]) or (f"entry {row['id']}",), row["business_date"], row["amount"], row["moment"]
        )
        for row in await connection.fetch(_OURS, at, CURRENCY)
    ]


def _balances(closings: Sequence[Mapping[str, Any]], rows: pl.DataFrame) -> tuple[int, int]:
    """What the first statement of each bank began with, and what the last one closed with, of all banks."""
    first: dict[str, Mapping[str, Any]] = {}
    last: dict[str, Mapping[str, Any]] = {}
    for row in closings:
        first.setdefault(row["institution"], row)
        last[row["institution"]] = row
    moved = rows.filter(pl.col("origin").is_in([row["name"] for row in first.values()]))["net"].sum()
    before = sum(row["closing"] for row in first.values()) - int(moved)
    return before, sum(row["closing"] for row in last.values())


def _booked_rows(rows: pl.DataFrame, at: date) -> pl.DataFrame:
    is_booked = (pl.col("source") == FILE) & (pl.col("status") == SUCCESS) & (pl.col("currency") == CURRENCY)
    return rows.filter(is_booked & (pl.col("business_date") <= at)).sort("origin", "ordinal")


def _lines_of(rows: pl.DataFrame) -> list[BankMovement]:
    columns = ("ours", "theirs", "reference", "business_date", "net", "institution")
    return [
        BankMovement(tuple(dict.fromkeys(name for name in (ours, theirs, reference) if name)), day, net, bank)
        for ours, theirs, reference, day, net, bank in rows.select(columns).iter_rows()
    ]
