"""The port `Collections` over PostgreSQL: every call is one durable transaction, none is open in a wire call.

The modules of this folder do the work; this class runs each in a transaction, after adding its accounts.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.collections.funding import LockedTry, MoneyCollected, TryFinding
from ekpay_switch.domain.collections.new_tries import NewCollection, NewTry
from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.routing.breaker import BreakerRules
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.collections.deliveries import (
    BOOKS_OF,
    FUNDED_DUE,
    begin_delivery,
    credit_merchant,
    expire_due,
    give_up_delivery,
)
from ekpay_switch.persistence.collections.executes import begin_execute
from ekpay_switch.persistence.collections.findings import record_finding
from ekpay_switch.persistence.collections.openings import begin_another_try, cancel_payment, open_collection
from ekpay_switch.persistence.collections.share_postings import accounts_of_shares, read_shares
from ekpay_switch.persistence.collections.views import read_reference, read_returning, read_view
from ekpay_switch.persistence.payment_rows import LEG, read_locked_tries
from ekpay_switch.persistence.schema.books import payments
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.collections import (
    AlreadyOpened,
    DeliveryStart,
    FundedPayment,
    NoNewTry,
    OpenAnswer,
    PaymentView,
    ReturnPage,
    StartedDelivery,
    TryRecorded,
)

_IS_DUE = "next_action_at <= now() AND (lease_until IS NULL OR lease_until < now())"
_HOLD = """
UPDATE tries AS t SET epoch = t.epoch + 1, lease_until = now() + $1::interval, is_woken = false
FROM due WHERE t.attempt_id = due.attempt_id RETURNING t.attempt_id
"""
LEASE_ONE = f"""
WITH due AS (
  SELECT attempt_id FROM tries
  WHERE attempt_id = (SELECT id FROM attempts WHERE reference = $2 AND leg = '{LEG}') AND {_IS_DUE}
  FOR UPDATE)
{_HOLD}
"""  # noqa: S608 - constants
# Checked again under the lock: another process may have leased a row meanwhile.
LEASE_DUE = f"""
WITH first AS (
  SELECT attempt_id, row_number() OVER (PARTITION BY connector_id ORDER BY next_action_at) AS nth
  FROM tries WHERE {_IS_DUE} AND connector_id <> ALL($4::text[])
), due AS (
  SELECT attempt_id FROM tries
  WHERE {_IS_DUE} AND attempt_id IN (SELECT attempt_id FROM first WHERE nth <= $3)
  ORDER BY next_action_at LIMIT $2 FOR UPDATE SKIP LOCKED)
{_HOLD}
"""  # noqa: S608 - constants


def collect_accounts(connector_id: str) -> list[str]:
    """The ledger accounts that collecting by this connector may post to."""
    kinds = ("receivable", "connector_fee", "suspense", "refund_due")
    return [IN_FLIGHT, *(f"{kind}:{connector_id}" for kind in kinds)]


class PostgresCollections:
    """Collected payments in PostgreSQL."""

    def __init__(
        self, engine: AsyncEngine, transactions: ShortTransactions, breaker: BreakerRules | None = None
    ) -> None:
        self._engine = engine
        self._transactions = transactions
        self._breaker = breaker or BreakerRules()

    async def by_reference(self, partner_id: str, reference: str) -> PaymentView | None:
        """See `ports.collections.Collections`."""
        return await self._view_under(partner_id, payments.c.reference == reference)

    async def view(self, partner_id: str, payment_id: UUID) -> PaymentView | None:
        """See `ports.collections.Collections`."""
        return await self._view_under(partner_id, payments.c.id == payment_id)

    async def _view_under(self, partner_id: str, condition: Any) -> PaymentView | None:  # noqa: ANN401 - a SQL expression
        return await read_view(self._engine, and_(payments.c.partner_id == partner_id, condition))

    async def open(self, new: NewCollection) -> OpenAnswer:
        """See `ports.collections.Collections`."""
        answer = await self._transactions.run(lambda connection: open_collection(connection, new))
        if answer is not None:
            return answer
        view = await self.by_reference(new.partner_id, new.reference)
        assert view is not None, "the payment was found a moment ago"
        return AlreadyOpened(view)

    async def open_try(
        self, partner_id: str, payment_id: UUID, new: NewTry, page_is_ours_after_seconds: float
    ) -> LockedTry | NoNewTry:
        """See `ports.collections.Collections`."""

        async def begin(connection: Connection) -> LockedTry | NoNewTry:
            return await begin_another_try(
                connection, partner_id, payment_id, new, page_is_ours_after_seconds
            )

        return await self._transactions.run(begin)

    async def cancel(
        self, partner_id: str, payment_id: UUID, refusal: Refusal = Refusal.CANCELLED
    ) -> NoNewTry | None:
        """See `ports.collections.Collections`."""
        return await self._transactions.run(
            lambda connection: cancel_payment(connection, partner_id, payment_id, refusal)
        )

    async def lease_try(self, reference: str, lease_seconds: float) -> LockedTry | None:
        """See `ports.collections.Collections`. Waits for a callback that is being written about the try."""
        if not reference.isprintable():
            return None
        leased = await self._lease(LEASE_ONE, timedelta(seconds=lease_seconds), reference)
        return leased[0] if leased else None

    async def lease_due_tries(
        self, limit: int, lease_seconds: float, *, per_far_side: int, passing_over: Collection[str] = ()
    ) -> Sequence[LockedTry]:
        """See `ports.collections.Collections`. Locked rows are skipped."""
        lease = timedelta(seconds=lease_seconds)
        return await self._lease(LEASE_DUE, lease, limit, per_far_side, list(passing_over))

    async def _lease(self, statement: str, *values: object) -> list[LockedTry]:
        async def lease(connection: Connection) -> list[LockedTry]:
            leased = await connection.fetch(statement, *values)
            return await read_locked_tries(connection, [row["attempt_id"] for row in leased])

        return await self._transactions.run(lease)

    async def begin_execute(self, locked_try: LockedTry, send_seconds: float, hold_seconds: float) -> bool:
        """See `ports.collections.Collections`."""
        return await self._transactions.run(
            lambda connection: begin_execute(connection, locked_try, send_seconds, hold_seconds)
        )

    async def record(self, locked_try: LockedTry, finding: TryFinding) -> TryRecorded | None:
        """See `ports.collections.Collections`."""
        accounts: set[str] = set()
        if isinstance(finding, MoneyCollected):
            accounts.update(collect_accounts(locked_try.connector_id))
            accounts |= await self._credit_accounts(locked_try.payment_id, locked_try.biller_id)

        async def _record(connection: Connection) -> TryRecorded | None:
            recorded = await record_finding(connection, locked_try, finding, self._breaker)
            if recorded is not None:
                await raise_alarms(
                    connection, recorded.alarms_of(locked_try.payment_id, locked_try.connector_id)
                )
            return recorded

        return await self._transactions.run(_record, accounts)

    async def _credit_accounts(self, payment_id: UUID, biller_id: str) -> set[str]:
        """The accounts that crediting a merchant may post to; shares never change, so no lock is needed."""
        if not is_merchant(biller_id):
            return set()
        shares = await self._transactions.run(lambda connection: read_shares(connection, payment_id))
        return accounts_of_shares(share.account for share in shares)

    async def expire_due(self, limit: int) -> int:
        """See `ports.collections.Collections`."""
        return await self._transactions.run(lambda connection: expire_due(connection, limit))

    async def funded_due(
        self, limit: int, *, per_far_side: int = 16, passing_over: Collection[str] = ()
    ) -> Sequence[FundedPayment]:
        """See `ports.collections.Collections`."""
        rows = await self._transactions.run(
            lambda connection: connection.fetch(FUNDED_DUE, limit, per_far_side, list(passing_over))
        )
        return [FundedPayment(row["id"], row["biller_id"], row["is_over"]) for row in rows]

    async def start_delivery(self, start: DeliveryStart) -> StartedDelivery | None:
        """See `ports.collections.Collections`."""
        return await self._transactions.run(lambda connection: begin_delivery(connection, start))

    async def credit_merchant(self, payment_id: UUID) -> bool:
        """See `ports.collections.Collections`."""
        # These columns never change once money came in, so they may be read before the locks.
        books = await self._transactions.run(lambda connection: connection.fetchrow(BOOKS_OF, payment_id))
        if books is None:
            return False
        accounts = await self._credit_accounts(payment_id, books["biller_id"])
        return await self._transactions.run(
            lambda connection: credit_merchant(connection, payment_id, books["lane"]), {IN_FLIGHT, *accounts}
        )

    async def give_up_delivery(self, payment_id: UUID) -> bool:
        """See `ports.collections.Collections`."""
        # These columns never change once money came in, so they may be read before the locks.
        books = await self._transactions.run(lambda connection: connection.fetchrow(BOOKS_OF, payment_id))
        if books is None:
            return False
        return await self._transactions.run(
            lambda connection: give_up_delivery(connection, payment_id, books["lane"]),
            collect_accounts(books["collected_by"]),
        )

    async def return_page(self, reference: str) -> ReturnPage | None:
        """See `ports.collections.Collections`."""
        return await read_returning(self._engine, reference) if reference.isprintable() else None

    async def reference_of(self, connector_id: str, provider_reference: str) -> str | None:
        """See `ports.collections.Collections`."""
        if not provider_reference.isprintable():
            return None
        return await read_reference(self._engine, connector_id, provider_reference)
