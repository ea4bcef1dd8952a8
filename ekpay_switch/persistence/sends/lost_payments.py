"""The port `LostPayments` over PostgreSQL, with one look every few seconds where nothing is lost."""

from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.errors import OverloadedError
from ekpay_switch.persistence.engine import DATABASE_AWAY, is_away
from ekpay_switch.ports.world import Clock

LOOK_AGAIN_SECONDS = 5.0
# A payment from a prefund that may be posted, and is not booked or still in doubt.
_OPEN = """
FROM lost_sends AS l LEFT JOIN payments AS p ON p.id = l.payment_id
WHERE l.partner_reference IS NOT NULL AND (l.booked_at IS NULL OR p.state = 'delivering')
  AND (CASE WHEN l.approved_at IS NULL THEN l.state ELSE l.proposed_as END) <> 'not_posted'
"""
# Where a biller takes any number of payments, a bill is known by its account.
_ANY = text(f"SELECT EXISTS (SELECT {_OPEN})")
_IS_LOST = text(f"""
SELECT EXISTS (SELECT {_OPEN} AND l.booked_at IS NULL AND l.partner_id = :partner_id
  AND l.partner_reference = :reference)
""")
_HOLDS_BILL = text(f"""
SELECT EXISTS (SELECT {_OPEN} AND l.partner_id = :partner_id AND l.far_side = :biller_id
  AND (l.bill_key = :bill_key OR l.bill_key LIKE 'quote:%' AND l.account = :account AND l.account <> ''))
""")
_HOLDS_ORDER = text(f"""
SELECT EXISTS (SELECT FROM quotes AS q WHERE q.quote_id = :quote_id AND q.partner_id = :partner_id
  AND EXISTS (SELECT {_OPEN} AND l.partner_id = q.partner_id AND l.far_side = q.biller_id
    AND (l.bill_key = q.bill_key
      OR l.bill_key LIKE 'quote:%' AND l.account = q.bill ->> 'account' AND l.account <> '')))
  AND NOT EXISTS (SELECT FROM payments WHERE partner_id = :partner_id AND reference = :reference)
""")  # noqa: S608 - constants


class PostgresLostPayments:
    """Open lost payments; each call is two queries at most.

    Where the database is away each raises OverloadedError: nothing was done.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self._none_until = -1.0

    async def is_lost(self, partner_id: str, reference: str) -> bool:
        """See `ports.sends.LostPayments`."""
        return await self._holds(_IS_LOST, partner_id=partner_id, reference=reference)

    async def holds_order(self, partner_id: str, reference: str, quote_id: str) -> bool:
        """See `ports.sends.LostPayments`."""
        return await self._holds(_HOLDS_ORDER, partner_id=partner_id, reference=reference, quote_id=quote_id)

    async def holds_bill(self, partner_id: str, biller_id: str, bill: Bill) -> bool:
        """See `ports.sends.LostPayments`."""
        return await self._holds(
            _HOLDS_BILL,
            partner_id=partner_id,
            biller_id=biller_id,
            bill_key=bill.bill_key,
            account=bill.account,
        )

    async def _holds(self, query: TextClause, **names: str) -> bool:
        if self._clock.monotonic() < self._none_until:
            return False
        if not await self._ask(_ANY):
            self._none_until = self._clock.monotonic() + LOOK_AGAIN_SECONDS
            return False
        return await self._ask(query, **names)

    async def _ask(self, query: TextClause, **names: str) -> bool:
        try:
            async with self._engine.connect() as connection:
                answer: Any = await connection.scalar(query, names)
        except DATABASE_AWAY as error:
            if not is_away(error):
                raise
            # Asked before anything is claimed: the reference may be known and its payment be over.
            raise OverloadedError from error
        return bool(answer)
