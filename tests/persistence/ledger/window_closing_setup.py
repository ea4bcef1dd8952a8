"""Closing windows over real books: what is frozen, a line each, and what must hold of all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from ekpay_switch.persistence.ledger.windows import SettlementWindows
from ekpay_switch.ports.finance import ClosedWindow
from tests.persistence.books import Books

KEPT_BASIS_POINTS = 150
LINES = "SELECT * FROM ledger_lines ORDER BY id"
DHAKA_TODAY = "SELECT (now() AT TIME ZONE INTERVAL '+06:00')::date"
# Each entry that belongs into a statement, in a closed window: how many success lines name its payment there.
UNLINED = """
SELECT e.id, e.moment, e.payment_id FROM journal_entries AS e
JOIN settlement_windows AS w ON w.id = e.window_id AND w.state = 'closed'
WHERE e.moment IN ('accepted', 'collected', 'collected_without_payment', 'delivered', 'given_back',
  'paid_back', 'paid_back_late', 'posted_after_give_back')
AND 1 <> (
  SELECT count(DISTINCT movement) FROM ledger_lines AS l
  WHERE l.window_id = e.window_id AND l.payment_id = e.payment_id AND l.instant = e.at
    AND l.status = 'success' AND (l.event, l.role) IN (
      VALUES ('payment', CASE e.moment WHEN 'accepted' THEN 'partner' WHEN 'delivered' THEN
          CASE WHEN EXISTS (SELECT FROM merchant_orders AS m WHERE m.payment_id = e.payment_id)
            THEN 'merchant' ELSE 'biller' END
          WHEN 'posted_after_give_back' THEN 'biller'
          WHEN 'collected' THEN 'connector' WHEN 'collected_without_payment' THEN 'connector' END),
        ('reversal', CASE e.moment WHEN 'given_back' THEN 'partner' END),
        ('refund', CASE WHEN e.moment IN ('paid_back', 'paid_back_late') THEN 'connector' END)))
"""
# No gap in ordinals or revisions, and nothing frozen again but what was open or turned out well.
NUMBERS = """
SELECT window_id FROM ledger_lines GROUP BY window_id
HAVING count(*) <> max(ordinal) OR count(DISTINCT ordinal) <> count(*)
"""
REVISIONS = """
SELECT role, movement, account, event, array_agg(status ORDER BY revision) AS told FROM ledger_lines
GROUP BY 1, 2, 3, 4
HAVING count(*) <> max(revision)
  OR array_agg(status ORDER BY revision) NOT IN ('{success}', '{failed}', '{unknown}', '{unknown,success}',
    '{unknown,failed}', '{failed,success}', '{unknown,failed,success}')
"""


@dataclass
class Closing:
    """One test's windows upon its books."""

    books: Books

    def windows(self, **kept: int) -> SettlementWindows:
        rates = kept or {"bkash": KEPT_BASIS_POINTS}
        return SettlementWindows(self.books.database.connect, lambda: rates)

    async def today(self) -> date:
        day: date = await self.books.value(DHAKA_TODAY)
        return day

    async def close(self, days: int = 0) -> Sequence[ClosedWindow]:
        """Close up to today, or to so many days after it."""
        return await self.windows().close(await self.today() + timedelta(days=days))

    async def lines(self, **wanted: object) -> list[dict[str, Any]]:
        """Lines as frozen, oldest first; those with these values alone."""
        rows = [dict(row) for row in await self.books.rows(LINES)]
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    async def told(self, movement: UUID, role: str = "connector") -> list[str]:
        """What was said of a movement, revision by revision."""
        return [row["status"] for row in await self.lines(movement=movement, role=role)]

    async def back_to_yesterday(self) -> date:
        """Whatever was done today was done a day earlier: entries, attempts and their windows alike."""
        for statement in YESTERDAY:
            await self.books.tell(statement)
        return await self.today() - timedelta(days=1)

    async def is_whole(self) -> None:
        """Every entry is in one line, and lines are numbered as they should."""
        assert await self.books.rows(UNLINED) == []
        assert await self.books.rows(NUMBERS) == []
        assert await self.books.rows(REVISIONS) == []


# The chain covers dates, so books that were moved are not audited.
YESTERDAY = (
    "UPDATE settlement_windows SET business_date = business_date - 1",
    "UPDATE journal_entries SET business_date = business_date - 1, at = at - interval '1 day'",
    "UPDATE attempts SET opened_at = opened_at - interval '1 day', closed_at = closed_at - interval '1 day'",
    "UPDATE tries SET collected_at = collected_at - interval '1 day'",
    "UPDATE refund_history SET at = at - interval '1 day'",
    "UPDATE refunds SET created_at = created_at - interval '1 day'",
)
