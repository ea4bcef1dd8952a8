"""Who owns which alarm and the coming business days, stored for those who raise alarms in a transaction."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.alarms import Alarm, AlarmTerms

# Rows are written in one order, so that two processes which start at once never deadlock.
_STORE_TERMS = text("""
INSERT INTO alarm_terms (kind, owner, due_business_days, after_hours)
VALUES (:kind, :owner, :due_business_days, :after_hours)
ON CONFLICT (kind) DO UPDATE SET owner = excluded.owner, due_business_days = excluded.due_business_days,
  after_hours = excluded.after_hours
WHERE (alarm_terms.owner, alarm_terms.due_business_days, alarm_terms.after_hours)
  IS DISTINCT FROM (excluded.owner, excluded.due_business_days, excluded.after_hours)
""")
_DROP_DAYS = text("DELETE FROM business_days WHERE day <> ALL(CAST(:days AS date[]))")
_STORE_DAYS = text("""
INSERT INTO business_days (day) SELECT day FROM unnest(CAST(:days AS date[])) AS d (day) ORDER BY day
ON CONFLICT DO NOTHING
""")


async def store_alarm_terms(
    engine: AsyncEngine, terms: Mapping[Alarm, AlarmTerms], business_days: Sequence[date]
) -> None:
    """Store the terms of every alarm and the coming business days; the same ones again change nothing."""
    rows = [
        {
            "kind": str(kind),
            "owner": str(terms[kind].owner),
            "due_business_days": terms[kind].due_business_days,
            "after_hours": terms[kind].after_hours,
        }
        for kind in sorted(terms)
    ]
    async with engine.begin() as connection:
        for row in rows:
            await connection.execute(_STORE_TERMS, row)
        await connection.execute(_DROP_DAYS, {"days": list(business_days)})
        await connection.execute(_STORE_DAYS, {"days": list(business_days)})
