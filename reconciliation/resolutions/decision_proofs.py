"""Decisions beside the books: each approved one has its entry, and each entry about a break its decision."""

from typing import Final

from ekpay_switch.ports.finance import Connection
from reconciliation.results.table_values import from_json

_DECISIONS_AND_ENTRIES: Final = """
SELECT coalesce(d.entry_id, j.id) AS entry_id, d.id AS resolution, d.moment, d.postings, j.moment AS booked,
  j.payment_id, j.accounts, j.amounts
FROM (
  SELECT r.id, r.entry_id, r.moment, r.postings FROM reconciliation.resolutions r
  JOIN reconciliation.resolution_ends e ON e.resolution_id = r.id AND e.outcome = 'approved'
  WHERE r.moment <> '') AS d
FULL JOIN (
  SELECT e.id, e.moment, e.payment_id, array_agg(p.account ORDER BY p.seq) AS accounts,
    array_agg(p.amount ORDER BY p.seq) AS amounts
  FROM journal_entries e JOIN postings p ON p.entry_id = e.id
  WHERE starts_with(e.moment, 'break_') GROUP BY e.id, e.moment, e.payment_id) AS j ON j.id = d.entry_id
ORDER BY 1
"""


async def verify_decisions(connection: Connection) -> str | None:
    """None where decisions and entries are the same, or in words the first that is not."""
    for row in await connection.fetch(_DECISIONS_AND_ENTRIES):
        if row["resolution"] is None:
            return f"entry {row['entry_id']} ({row['booked']}) rests on no approved decision"
        if row["booked"] is None:
            return f"decision {row['resolution']} is approved, and its entry {row['entry_id']} is not booked"
        decided = [tuple(line) for line in from_json(row["postings"])["lines"]]
        booked = list(zip(row["accounts"], row["amounts"], strict=True))
        if (row["moment"], decided, None) != (row["booked"], booked, row["payment_id"]):
            return f"entry {row['entry_id']} is not what decision {row['resolution']} says"
    return None
