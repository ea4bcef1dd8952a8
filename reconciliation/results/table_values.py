"""How values go into the tables of the schema `reconciliation` and come out of them.

The tables themselves are in migrations 0013 to 0015. All of them are append-only by grant but for
`group_members.released_by`; the state of a record is its newest row.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

# An asyncpg connection and one of its rows; the driver does not type them.
Connection = Any
Row = Any

Columns = Sequence[tuple[str, str]]


def as_json(value: Mapping[str, object]) -> str:
    """JSON in one canonical form: sorted names, no spaces, dates and identifiers as text.

    What comes back from a JSONB column gives the same text again, so a digest over it can be recomputed.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def from_json(text: str) -> Any:  # noqa: ANN401 - whatever was put in
    """What `as_json` wrote, as the driver hands JSONB over."""
    return json.loads(text)


async def insert(
    connection: Connection, table: str, columns: Columns, rows: Sequence[Sequence[object]]
) -> None:
    """Insert rows by one statement, whatever their number; `columns` are names with their types."""
    if not rows:
        return
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"${place}::{kind}[]" for place, (_, kind) in enumerate(columns, start=1))
    # The names are ours; values go as parameters.
    statement = f"INSERT INTO reconciliation.{table} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608
    await connection.execute(statement, *(list(column) for column in zip(*rows, strict=True)))
