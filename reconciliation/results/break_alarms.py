"""One alarm for each institution with standing breaks, kept in the transaction that changes a break.

A night's run raises it, or counts it once more with the figures of now; whatever ends the last standing break
of an institution, a run or a decision, ends it. The caller holds the lock of the event chain.
"""

from collections.abc import Collection
from typing import Final

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, breaks_subject
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.results.table_values import Row

# Every institution that ever had a break, with those of its breaks that stand: all institutions, or some.
_STANDING: Final = """
SELECT b.institution, count(*) FILTER (WHERE e.stands) AS standing,
  coalesce(sum(b.exposure) FILTER (WHERE e.stands), 0)::bigint AS exposure,
  min(b.first_seen) FILTER (WHERE e.stands) AS oldest
FROM reconciliation.breaks b
CROSS JOIN LATERAL (
  SELECT state IN ('open', 'proposed') AS stands FROM reconciliation.break_events
  WHERE break_id = b.id ORDER BY seq DESC LIMIT 1
) e
WHERE $1::text[] IS NULL OR b.institution = ANY ($1)
GROUP BY b.institution ORDER BY b.institution
"""
_OVER: Final = "the last of its breaks has ended"


async def raise_break_alarms(
    connection: Connection, finance: Finance, institutions: Collection[str] | None = None
) -> None:
    """Raise the alarm of each institution with standing breaks, and end that of each other one.

    `institutions` are all of them where it is None.
    """
    rows = await _standing(connection, institutions)
    alarms = [
        RaisedAlarm(
            Alarm.BREAKS_OPEN,
            breaks_subject(row["institution"]),
            amount=row["exposure"],
            facts={"breaks": str(row["standing"]), "oldest": row["oldest"].isoformat()},
        )
        for row in rows
        if row["standing"]
    ]
    await finance.alarms.raise_alarms(connection, alarms)
    over = [breaks_subject(row["institution"]) for row in rows if not row["standing"]]
    await finance.alarms.end_alarms(connection, over, _OVER)


async def end_break_alarms(connection: Connection, finance: Finance, institution: str) -> None:
    """End the alarm of an institution if none of its breaks stands any more."""
    if not any(row["standing"] for row in await _standing(connection, [institution])):
        await finance.alarms.end_alarms(connection, [breaks_subject(institution)], _OVER)


async def _standing(connection: Connection, institutions: Collection[str] | None) -> list[Row]:
    names = None if institutions is None else list(institutions)
    return list(await connection.fetch(_STANDING, names))
