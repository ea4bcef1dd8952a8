"""Audit checks of top-ups and transfers to utilities: each has the entries that two persons approved."""

from typing import Any

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import deposited_entry, topped_up_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.bank_lines import STANDING

_COLUMNS = "id, reference, amount, asked_by, approved_by, rejected_by, reversed_at"
_LINES = """
LEFT JOIN LATERAL (
  SELECT array_agg(j.moment || ' ' || o.account || ' ' || o.amount ORDER BY o.seq) AS lines
  FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id WHERE j.id = {of}.id) AS {name} ON true
"""
# Each transfer with the lines of its entry, which has its id, and its approved reversal with its own lines.
TRANSFERS = f"""
SELECT t.*, e.lines AS posted, r.id AS reversal_id, r.asked_by AS reversal_asked_by,
  r.approved_by AS reversal_approved_by, m.lines AS mirrored,
  count(*) FILTER (WHERE t.rejected_by IS NULL AND t.reversed_at IS NULL)
    OVER (PARTITION BY t.kind, t.reference) AS standing
FROM (
  SELECT 'top_ups' AS kind, {_COLUMNS}, 'prefund:' || partner_id || ':' || bucket AS party FROM top_ups
  UNION ALL SELECT 'deposit_transfers', {_COLUMNS}, biller_id FROM deposit_transfers) AS t
LEFT JOIN transfer_reversals AS r
  ON coalesce(r.top_up_id, r.deposit_transfer_id) = t.id AND r.approved_by IS NOT NULL
{_LINES.format(of="t", name="e")}
{_LINES.format(of="r", name="m")}
ORDER BY t.kind, t.id
"""  # noqa: S608 - constants
# Entries that reverse a transfer without an approved reversal.
UNAPPROVED_REVERSALS = """
SELECT j.id FROM journal_entries AS j
LEFT JOIN transfer_reversals AS r ON r.id = j.id AND r.approved_by IS NOT NULL
WHERE j.moment IN ('topped_up_reversed', 'deposited_reversed') AND r.id IS NULL ORDER BY j.id
"""

# Lines of our bank's statement that stand booked more than once.
BOOKED_TWICE = f"""
SELECT reference, count(DISTINCT id) AS times, array_agg(DISTINCT kind ORDER BY kind) AS kinds
FROM ({STANDING}) AS b GROUP BY reference HAVING count(DISTINCT id) > 1 ORDER BY reference
"""  # noqa: S608 - constants

Row = Any


def transfer_fault(row: Row) -> str | None:
    """What is wrong unless a transfer has exactly the entries that two persons each approved."""
    if row["standing"] > 1:
        return f"the bank reference {row['reference']} is booked {row['standing']} times"
    if row["approved_by"] is None:
        return "nobody approved it, and it was posted" if row["posted"] else _reversal_fault(row)
    if row["rejected_by"] is not None or row["approved_by"] == row["asked_by"]:
        return "the person who approved it is not a second one, or it is rejected as well"
    if row["posted"] != _lines_of(_entry_of(row)):
        return f"{row['amount']} paisa were approved, and its entry is {row['posted'] or 'not there'}"
    return _reversal_fault(row)


def _reversal_fault(row: Row) -> str | None:
    is_reversed = row["reversed_at"] is not None
    if is_reversed != (row["reversal_id"] is not None):
        return "it is reversed without an approved reversal, or has one and is not"
    if not is_reversed:
        return None
    if row["reversal_asked_by"] == row["reversal_approved_by"]:
        return "the person who approved its reversal is not a second one"
    if row["mirrored"] != _lines_of(_entry_of(row).reversal()):
        return f"it is reversed, and the entry of that is {row['mirrored'] or 'not there'}"
    return None


def _entry_of(row: Row) -> Entry:
    entry = topped_up_entry if row["kind"] == "top_ups" else deposited_entry
    return entry(row["party"], Money(row["amount"]))


def _lines_of(entry: Entry) -> list[str]:
    return [f"{entry.moment} {posting.account} {posting.amount}" for posting in entry.postings]


# The checks in order: the query, the function that returns what is wrong with a row, and the row's name.
TRANSFER_CHECKS = (
    (TRANSFERS, transfer_fault, "{kind} {id}"),
    (
        UNAPPROVED_REVERSALS,
        lambda _: "it reverses a transfer, and nobody approved that",
        "journal_entries {id}",
    ),
    (
        BOOKED_TWICE,
        lambda row: f"{row['times']} bookings name this line of the bank: {', '.join(row['kinds'])}",
        "bank line {reference}",
    ),
)
