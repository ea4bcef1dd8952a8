"""How much each payee may be paid at our risk, and by which two persons; the newest row counts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciliation.results.table_values import Connection
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.holdbacks import RiskLimit

_NEWEST: Final = """
SELECT DISTINCT ON (role, party) role, party, id, amount FROM reconciliation.settlement_limits
ORDER BY role, party, id DESC
"""
_SET: Final = """
INSERT INTO reconciliation.settlement_limits (role, party, amount, set_by, approved_by)
VALUES ($1, $2, $3, $4, $5)
"""
_HISTORY: Final = """
SELECT role, party, amount, set_by, approved_by, at FROM reconciliation.settlement_limits ORDER BY id DESC
"""


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A limit in paisa, as two persons of finance, already verified, set it."""

    payee: Party
    amount: int
    set_by: str
    approved_by: str


async def read_limits(connection: Connection) -> dict[Party, RiskLimit]:
    """The limit of each payee that has one."""
    return {
        Party(PartyRole(row["role"]), row["party"]): RiskLimit(row["id"], row["amount"])
        for row in await connection.fetch(_NEWEST)
    }


async def write_limit(connection: Connection, change: LimitChange) -> None:
    """Set the limit of a payee; zero ends it.

    Raises:
        asyncpg.CheckViolationError: one person has set and approved it, or it is below zero.
    """
    payee = change.payee
    await connection.execute(
        _SET, payee.role.value, payee.name, change.amount, change.set_by, change.approved_by
    )


async def limit_history(connection: Connection) -> list[tuple[LimitChange, datetime]]:
    """Every limit ever set, the newest first."""
    return [
        (
            LimitChange(
                Party(PartyRole(row["role"]), row["party"]), row["amount"], row["set_by"], row["approved_by"]
            ),
            row["at"],
        )
        for row in await connection.fetch(_HISTORY)
    ]
