"""The port `HealthRecords` over PostgreSQL, and the chore that reckons the records from attempts."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.health import HealthRecord
from ekpay_switch.domain.payments.delivery import AttemptEnd
from ekpay_switch.domain.planned_stops import PlannedStop
from ekpay_switch.persistence.schema.books import one_of
from ekpay_switch.persistence.schema.health import institution_health

# A payer who leaves the provider's page is no failure of the provider, and no answer of it either.
_LEFT = one_of("a.outcome", (TryEnd.NEVER_PAID, TryEnd.LAPSED))
_FAILED = one_of("a.outcome", (AttemptEnd.UNREACHED, AttemptEnd.NOT_POSTED, TryEnd.NO_PAGE))
_APPROVED = one_of("a.outcome", (AttemptEnd.APPROVED, TryEnd.SECOND_SUCCESS))
# Open, and past the time in which the answer was due; a payer who is still on a page was asked nothing yet.
_UNKNOWN = "a.state <> 'closed' AND a.send_until < now() AND (a.leg = 'delivery' OR a.step = 'execute')"
# A try takes as long as its payer, so only deliveries are held against the promise, and have percentiles.
# A few thousand pages by the BRIN index on `opened_at`, whatever the age of the table. Older doubts count in
# the oldest one as well, by the payments that are due.
# What did not reach an institution during a planned stop says nothing about it.
_RECKON = text(f"""
WITH stops AS (
  SELECT * FROM unnest(CAST(:sides AS text[]), CAST(:begin AS timestamptz[]), CAST(:end AS timestamptz[]))
    AS s (far_side, begins_at, ends_at)
), late AS (
  SELECT a.far_side, min(a.opened_at) AS since FROM payments AS p JOIN attempts AS a ON a.payment_id = p.id
  WHERE p.next_action_at IS NOT NULL AND {_UNKNOWN} GROUP BY a.far_side
), recent AS (
  SELECT a.far_side, count(*) FILTER (WHERE {_APPROVED}) AS approved,
    count(*) FILTER (WHERE {_FAILED}) AS failed, count(*) FILTER (WHERE {_UNKNOWN}) AS unknown,
    count(*) FILTER (WHERE a.state = 'closed' AND NOT ({_APPROVED} OR {_FAILED} OR {_LEFT})) AS declined,
    count(*) FILTER (WHERE a.state = 'closed' AND NOT {_LEFT} AND (a.leg = 'funds'
      OR a.closed_at - a.opened_at <= CAST(:promise AS interval))) AS in_time,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM a.closed_at - a.opened_at)::float8)
      FILTER (WHERE {_APPROVED} AND a.leg = 'delivery') AS p50_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM a.closed_at - a.opened_at)::float8)
      FILTER (WHERE {_APPROVED} AND a.leg = 'delivery') AS p95_seconds
  FROM attempts AS a WHERE a.opened_at > now() - interval '24 hours' AND NOT (
    a.outcome IS NOT DISTINCT FROM '{AttemptEnd.UNREACHED}' AND EXISTS (
      SELECT FROM stops AS s
      WHERE s.far_side = a.far_side AND a.opened_at >= s.begins_at AND a.opened_at < s.ends_at))
  GROUP BY a.far_side
)
INSERT INTO institution_health AS h (institution, at, tries, approved, declined, failed, unknown, in_time,
  p50_seconds, p95_seconds, oldest_unknown)
SELECT coalesce(r.far_side, l.far_side), now(),
  coalesce(r.approved + r.declined + r.failed + r.unknown, 0), coalesce(r.approved, 0),
  coalesce(r.declined, 0), coalesce(r.failed, 0), coalesce(r.unknown, 0), coalesce(r.in_time, 0),
  r.p50_seconds, r.p95_seconds, l.since
FROM recent AS r FULL JOIN late AS l ON l.far_side = r.far_side
ON CONFLICT (institution) DO UPDATE SET at = excluded.at, tries = excluded.tries,
  approved = excluded.approved, declined = excluded.declined, failed = excluded.failed,
  unknown = excluded.unknown, in_time = excluded.in_time, p50_seconds = excluded.p50_seconds,
  p95_seconds = excluded.p95_seconds, oldest_unknown = excluded.oldest_unknown
""")  # noqa: S608 - constants
# Whoever was not asked for a day has no record.
_FORGET = text("DELETE FROM institution_health WHERE at < now() - interval '10 minutes'")


class PostgresHealth:
    """The records in PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def all(self) -> Mapping[str, HealthRecord]:
        """See `ports.health.HealthRecords`."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(institution_health))
            return {row.institution: HealthRecord(**row._mapping) for row in rows}  # noqa: SLF001 - public in SQLAlchemy

    async def reckon(self, answer_seconds: float, stops: Sequence[tuple[str, PlannedStop]] = ()) -> None:
        """Reckon every record anew; `answer_seconds` is the promise that answers are held against.

        What did not reach an institution during one of its planned `stops` is left out.
        """
        values = {
            "promise": timedelta(seconds=answer_seconds),
            "sides": [institution for institution, _ in stops],
            "begin": [stop.begins_at for _, stop in stops],
            "end": [stop.ends_at for _, stop in stops],
        }
        async with self._engine.begin() as connection:
            await connection.execute(_RECKON, values)
            await connection.execute(_FORGET)
