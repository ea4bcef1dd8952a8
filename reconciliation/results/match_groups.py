"""Which rows of ours are matched: each in one live group; a unique index of the database refuses a second.

Every matched row of ours is here; of groups of more than two rows, theirs as well. When a run judges a group
again its members are released, by that run, and may be in another group from then on.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from reconciliation.results.table_values import Connection

# Source, origin, ordinal of one row.
Member = tuple[int, str, int]

_RELEASE: Final = """
UPDATE reconciliation.group_members AS m SET released_by = $1
FROM unnest($2::smallint[], $3::text[], $4::integer[]) AS r (source, origin, ordinal)
WHERE m.source = r.source AND m.origin = r.origin AND m.ordinal = r.ordinal AND m.released_by IS NULL
"""
_COLUMNS: Final = ("run_id", "group_id", "source", "origin", "ordinal")


async def release(connection: Connection, run_id: UUID, members: Sequence[Member]) -> None:
    """Release rows that a run judged again, or that count no longer."""
    if members:
        await connection.execute(_RELEASE, run_id, *(list(column) for column in zip(*members, strict=True)))


async def write_groups(
    connection: Connection, run_id: UUID, members: Iterable[tuple[int, int, str, int]]
) -> None:
    """Write the members of a run's groups: number of the group, source, origin, ordinal.

    They are streamed: a night has about as many as matched rows, and arrays of them cost twice the time.

    Raises:
        asyncpg.UniqueViolationError: a row is in a live group already.
    """
    records = ((run_id, *member) for member in members)
    await connection.copy_records_to_table(
        "group_members", schema_name="reconciliation", columns=_COLUMNS, records=records
    )
