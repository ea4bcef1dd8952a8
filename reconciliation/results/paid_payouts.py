"""Payouts of connectors that standing decisions of two persons have settled otherwise than by their credit.

Another line of our bank has paid one (`pays_payouts`), or what it lacks is our own cost or a claim.
"""

from dataclasses import dataclass
from typing import Final

from reconciliation.results.table_values import Connection, from_json

_STANDS: Final = """
JOIN reconciliation.resolution_ends e ON e.resolution_id = r.id AND e.outcome = 'approved'
WHERE r.reverses IS NULL AND NOT EXISTS (
  SELECT FROM reconciliation.resolutions b
  JOIN reconciliation.resolution_ends f ON f.resolution_id = b.id AND f.outcome = 'approved'
  WHERE b.reverses = r.id)
"""
# The lock of the events keeps them still. Whatever pays a payout pays all that it lacks.
PAID: Final = f"""
SELECT r.break_id, r.postings -> 'payouts' AS payouts FROM reconciliation.resolutions r
{_STANDS} AND r.action = 'pays_payouts'
"""  # noqa: S608 - constants
_DECIDED: Final = f"""
SELECT DISTINCT k.institution, k.reference, r.action FROM reconciliation.resolutions r
JOIN reconciliation.breaks k ON k.id = r.break_id
{_STANDS} AND r.action IN ('bank_fee', 'claim', 'write_off')
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class SettledPayouts:
    """Keys of payouts by what two persons have decided of what they lack.

    `by_lines` were paid by other lines of our bank. Of (bank, key) in `at_our_cost` we bear what is missing,
    and in `claimed` the connector owes it by a claim.
    """

    by_lines: frozenset[str] = frozenset()
    at_our_cost: frozenset[tuple[str, str]] = frozenset()
    claimed: frozenset[tuple[str, str]] = frozenset()

    def is_whole(self, bank: str, key: str) -> bool:
        """Whether its payees wait for nothing more of it."""
        return key in self.by_lines or (bank, key) in self.at_our_cost

    def is_decided(self, bank: str, key: str) -> bool:
        """Whether the connector's receivable lacks nothing of it any more."""
        return self.is_whole(bank, key) or (bank, key) in self.claimed


async def paid_payouts(connection: Connection) -> frozenset[str]:
    """The keys of payouts that other lines have paid; each is paid wholly by them and its own credit."""
    rows = await connection.fetch(PAID)
    return frozenset(key for row in rows for key in from_json(row["payouts"]))


async def settled_payouts(connection: Connection) -> SettledPayouts:
    """Everything that standing decisions say of payouts."""
    rows = await connection.fetch(_DECIDED)
    places = {(row["institution"], row["reference"]): row["action"] for row in rows}
    claimed = frozenset(place for place, action in places.items() if action == "claim")
    return SettledPayouts(await paid_payouts(connection), frozenset(places) - claimed, claimed)
