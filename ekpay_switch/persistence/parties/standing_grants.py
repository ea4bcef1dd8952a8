"""Rights that two persons give and one person ends: those of operators of agents and of issuers of bills."""

from uuid import UUID

from sqlalchemy import Table, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection


async def end_grant(
    connection: AsyncConnection, grants: Table, grant_id: UUID, removed_by: str
) -> bool | None:
    """End a right at once; False where it was ended before, None where there is none of this id.

    The caller has verified the person. Whatever uses the right at this moment holds its row, and the instant
    of the end is read after it.
    """
    held = select(grants.c.removed_at).where(grants.c.id == grant_id).with_for_update()
    row = (await connection.execute(held)).one_or_none()
    if row is None:
        return None
    if row.removed_at is not None:
        return False
    ending = {"removed_at": func.clock_timestamp(), "removed_by": removed_by}
    await connection.execute(update(grants).where(grants.c.id == grant_id).values(ending))
    return True
