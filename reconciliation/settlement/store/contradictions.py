"""Instructions about which a bank contradicts itself, and what two persons have decided about them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reconciliation.results.table_values import Connection
from reconciliation.settlement.positions.cycles import Party, PartyRole

# The newest step of an instruction stands. A decision is about one step, so that a further one needs its own.
_OPEN: Final = """
SELECT i.role, i.party, e.end_to_end_id, e.revision, e.moved, e.why, e.is_owed_again
FROM reconciliation.settlement_instructions AS i
CROSS JOIN LATERAL (
  SELECT * FROM reconciliation.settlement_endings AS s
  WHERE s.end_to_end_id = i.end_to_end_id ORDER BY s.revision DESC LIMIT 1) AS e
WHERE e.contradicts AND NOT EXISTS (
  SELECT FROM reconciliation.settlement_contradiction_ends AS d
  WHERE d.end_to_end_id = e.end_to_end_id AND d.revision = e.revision)
ORDER BY e.end_to_end_id
"""
_END: Final = """
INSERT INTO reconciliation.settlement_contradiction_ends
  (end_to_end_id, revision, verdict, reason, decided_by, approved_by)
VALUES ($1, $2, $3, $4, $5, $6)
"""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A bank's answer and its statement disagree about an instruction; `moved_amount` in paisa.

    `is_owed_again` while our books owe the party the amount, though the bank has moved it.
    """

    party: Party
    end_to_end_id: str
    revision: int
    moved_amount: int
    reason: str
    is_owed_again: bool


class Verdict(StrEnum):
    """What two persons have found out from the bank about an instruction."""

    EXECUTED = "executed"  # the payee has the money and is not owed it
    REJECTED = "rejected"  # no money has moved; the payee is owed it again


@dataclass(frozen=True, slots=True)
class ContradictionDecision:
    """The verdict of two persons of finance, already verified."""

    end_to_end_id: str
    verdict: Verdict
    reason: str
    decided_by: str
    approved_by: str


async def open_contradictions(connection: Connection) -> tuple[Contradiction, ...]:
    """Every contradiction that nobody has decided."""
    return tuple(
        Contradiction(
            Party(PartyRole(row["role"]), row["party"]),
            row["end_to_end_id"],
            row["revision"],
            row["moved"],
            row["why"],
            row["is_owed_again"],
        )
        for row in await connection.fetch(_OPEN)
    )


async def undecided_ids(connection: Connection) -> frozenset[str]:
    """The instructions of the contradictions that nobody has decided."""
    return frozenset(item.end_to_end_id for item in await open_contradictions(connection))


async def write_contradiction_end(
    connection: Connection, decision: ContradictionDecision, revision: int
) -> None:
    """Keep what was decided about one step of an instruction.

    Raises:
        asyncpg.UniqueViolationError: it was decided before.
    """
    await connection.execute(
        _END,
        decision.end_to_end_id,
        revision,
        decision.verdict.value,
        decision.reason,
        decision.decided_by,
        decision.approved_by,
    )
