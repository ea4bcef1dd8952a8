"""The payouts of connectors that standing decisions say other lines of our bank have paid."""

from typing import Final

from reconciliation.results.table_values import Connection, from_json

# The lock of the events keeps them still. Whatever pays a payout pays all that it lacks.
PAID: Final = """
SELECT r.break_id, r.postings -> 'payouts' AS payouts FROM reconciliation.resolutions r
JOIN reconciliation.resolution_ends e ON e.resolution_id = r.id AND e.outcome = 'approved'
WHERE r.action = 'pays_payouts' AND r.reverses IS NULL AND NOT EXISTS (
  SELECT FROM reconciliation.resolutions b
  JOIN reconciliation.resolution_ends f ON f.resolution_id = b.id AND f.outcome = 'approved'
  WHERE b.reverses = r.id)
"""


async def paid_payouts(connection: Connection) -> frozenset[str]:
    """Their keys; each is paid wholly by what came under its key and by those lines."""
    rows = await connection.fetch(PAID)
    return frozenset(key for row in rows for key in from_json(row["payouts"]))
