"""Expected debits on our own bank's statement: a row of ours for each instruction, matched by the night.

An instruction that the bank has booked and returned has a debit and a credit under its id. Both are expected
once our own steps have the whole amount as moved and as back; of anything less the night proves nothing, and
the rows stay a break until persons have looked.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import polars as pl

from reconciliation.canonical_row import BRINGS, FAILED, LEDGER, SUCCESS, complete, no_rows
from reconciliation.matching.institution_positions import CURRENCY
from reconciliation.results.table_values import Connection, Row
from reconciliation.settlement.store.expected_transfers import WITHDRAWN

# How the origins of these rows begin.
INSTRUCTION: Final = "instruction "
RETURNED: Final = " returned"
# Each instruction with the sums that moved for it, step by step, null where no statement has a line of it, as
# after a correction that drops its debit: nothing came back by that. A rejected instruction is not booked,
# unless the bank's statement says so all the same.
_INSTRUCTIONS: Final = """
SELECT i.end_to_end_id, i.statement, i.value_date, i.amount, coalesce(e.moved, '{}') AS moved,
  coalesce(e.is_owed_again, false) AS is_owed_again
FROM reconciliation.settlement_instructions AS i
LEFT JOIN (
  SELECT end_to_end_id,
    array_agg(CASE WHEN ending NOT IN ('missing', 'waiting') THEN moved END ORDER BY revision) AS moved,
    (array_agg(is_owed_again ORDER BY revision DESC))[1] AS is_owed_again
  FROM reconciliation.settlement_endings GROUP BY end_to_end_id) AS e ON e.end_to_end_id = i.end_to_end_id
ORDER BY i.end_to_end_id
"""


async def expected_debits(connection: Connection) -> pl.DataFrame:
    """Canonical rows of all instructions that stand, each under an origin of its own that never changes.

    One whose whole amount had moved and is back, by our own steps, stands with its debit and its return. A
    row that failed is none: it says that a return of before is not expected any more.
    """
    rows = [row for line in await connection.fetch(_INSTRUCTIONS) for row in _rows(line)]
    return complete(pl.DataFrame(rows)) if rows else no_rows()


def _rows(line: Row) -> Iterator[dict[str, object]]:
    returns = returns_of(line["moved"], line["amount"])
    if returns or not line["is_owed_again"]:
        yield _row(line)
    is_back = bool(returns) and line["moved"][-1] == 0
    for number in range(1, returns + 1):
        origin = f"{INSTRUCTION}{line['end_to_end_id']}{RETURNED}{'' if number == 1 else f' {number}'}"
        returned = {"origin": origin, "gross": line["amount"], "net": line["amount"]}
        if number == returns and is_back:
            yield _row(line) | returned
        else:
            yield _row(line) | returned | {"origin": f"{origin}{WITHDRAWN}", "status": FAILED}


def returns_of(moved: Sequence[int | None], amount: int) -> int:
    """How often the whole amount of an instruction had moved and was back, by its steps in their order.

    A step is None where no statement has a line of it.
    """
    return sum(pair == (amount, 0) for pair in pairwise(moved))


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
