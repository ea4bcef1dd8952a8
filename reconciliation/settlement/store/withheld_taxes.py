"""Tax withheld from payouts in the table of migration 0053: withheld, restored and withheld again.

A row is one movement of `withheld_tax_payable` for an instruction, and rows never change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from reconciliation.results.table_values import Columns, Connection, Row, insert
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.withholding import (
    TaxBase,
    TaxedPayout,
    TaxedSum,
    TaxKey,
    WithheldTax,
)

_COLUMNS: Final[Columns] = (
    ("end_to_end_id", "text"),
    ("revision", "smallint"),
    ("section", "text"),
    ("base", "text"),
    ("basis_points", "integer"),
    ("gross_before", "bigint"),
    ("tax_before", "bigint"),
    ("gross", "bigint"),
    ("tax", "bigint"),
    ("entry_id", "uuid"),
)
# What was restored is below zero, so it counts no more.
_SUMS: Final = """
SELECT i.role, i.party, w.section, w.basis_points, sum(w.gross)::bigint AS gross, sum(w.tax)::bigint AS tax
FROM reconciliation.withheld_taxes AS w
JOIN reconciliation.settlement_instructions AS i ON i.end_to_end_id = w.end_to_end_id
WHERE date_trunc('month', i.value_date) = date_trunc('month', $1::date)
GROUP BY i.role, i.party, w.section, w.basis_points
"""
_OF_DATE: Final = """
SELECT i.role, i.party, w.section, w.base, w.basis_points, w.gross, w.tax, w.gross_before, w.tax_before
FROM reconciliation.withheld_taxes AS w
JOIN reconciliation.settlement_instructions AS i ON i.end_to_end_id = w.end_to_end_id
WHERE i.value_date = $1 AND w.revision = 0 ORDER BY i.role, i.party
"""


@dataclass(frozen=True, slots=True)
class TaxMovement:
    """A tax that is withheld by the step `revision` of an instruction, or restored, with its entry.

    Revision 0 is the instruction itself.
    """

    end_to_end_id: str
    revision: int
    withheld: WithheldTax
    entry_id: UUID
    is_restored: bool = False


async def month_sums(connection: Connection, value_date: date) -> dict[TaxKey, TaxedSum]:
    """What stands taxed of the payouts of a value date's month."""
    return {
        TaxKey(Party(PartyRole(row["role"]), row["party"]), row["section"], row["basis_points"]): TaxedSum(
            row["gross"], row["tax"]
        )
        for row in await connection.fetch(_SUMS, value_date)
    }


async def taxed_payouts(connection: Connection, value_date: date) -> tuple[TaxedPayout, ...]:
    """The tax that was withheld when a value date was settled, by payee."""
    return tuple(
        TaxedPayout(Party(PartyRole(row["role"]), row["party"]), withheld_tax(row))
        for row in await connection.fetch(_OF_DATE, value_date)
    )


async def write_tax_movements(connection: Connection, movements: Sequence[TaxMovement]) -> None:
    """Write movements, whose instructions or steps stand and whose entries the transaction posts.

    Raises:
        asyncpg.CheckViolationError: a tax is not the rate of the month's payouts so far. At the end of the
            transaction: an entry or a step does not agree with its tax.
    """
    rows = [_values(movement) for movement in movements]
    await insert(connection, "withheld_taxes", _COLUMNS, rows)


def withheld_tax(row: Row) -> WithheldTax:
    """The tax of a row that has all of its columns."""
    before = TaxedSum(row["gross_before"], row["tax_before"])
    return WithheldTax(
        row["section"], TaxBase(row["base"]), row["basis_points"], row["gross"], row["tax"], before
    )


def _values(movement: TaxMovement) -> tuple[object, ...]:
    tax, sign = movement.withheld, -1 if movement.is_restored else 1
    before = tax.before if movement.revision == 0 else TaxedSum()
    return (
        movement.end_to_end_id,
        movement.revision,
        tax.section,
        tax.base.value,
        tax.basis_points,
        before.gross,
        before.tax,
        sign * tax.gross,
        sign * tax.tax,
        movement.entry_id,
    )
