"""Expected debits on our own bank's statement: a row of ours for each instruction, matched by the night."""

from typing import Final

import polars as pl

from reconciliation.canonical_row import BRINGS, LEDGER, SUCCESS, complete, no_rows
from reconciliation.matching.institution_positions import CURRENCY
from reconciliation.results.table_values import Connection, Row

# How the origins of these rows begin.
INSTRUCTION: Final = "instruction "
# A rejected instruction is not booked, unless the bank's statement says so all the same.
_EXPECTED: Final = """
SELECT end_to_end_id, statement, value_date, amount FROM reconciliation.settlement_instructions AS i
WHERE NOT coalesce((
  SELECT e.is_owed_again FROM reconciliation.settlement_endings AS e
  WHERE e.end_to_end_id = i.end_to_end_id ORDER BY e.revision DESC LIMIT 1), false)
ORDER BY end_to_end_id
"""


async def expected_debits(connection: Connection) -> pl.DataFrame:
    """Canonical rows of all instructions that stand, each under an origin of its own that never changes."""
    rows = [_row(row) for row in await connection.fetch(_EXPECTED)]
    return complete(pl.DataFrame(rows)) if rows else no_rows()


def _row(row: Row) -> dict[str, object]:
    return {
        "source": LEDGER,
        "origin": f"{INSTRUCTION}{row['end_to_end_id']}",
        "ordinal": 1,
        "institution": row["statement"],
        "reference": row["end_to_end_id"],
        "direction": BRINGS,
        "ours": row["end_to_end_id"],
        "theirs": "",
        "status": SUCCESS,
        "gross": -row["amount"],
        "fee": 0,
        "vat": 0,
        "net": -row["amount"],
        "currency": CURRENCY,
        "business_date": row["value_date"],
        "due_date": row["value_date"],
        "is_late": False,
    }
