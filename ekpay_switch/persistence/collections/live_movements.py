"""The port `LiveMovements` over PostgreSQL: what was booked since a night froze its lines, under lock.

Finance decides about a break by frozen lines, and the switch goes on meanwhile. Both take the lock of the
payment first, so a decision sees the switch's refund, or the switch sees the decision in `break_refunds`
(docs/adr/0073-a-break-is-decided-by-what-is-booked-now.md).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import FREED, RefundState
from ekpay_switch.persistence.collections.break_refunds import OWE, RELEASE
from ekpay_switch.persistence.collections.file_evidence import LOCK_PAYMENTS, OF_MOVEMENTS
from ekpay_switch.persistence.payment_rows import ADJUSTMENT_LANE, lock_books
from ekpay_switch.ports.finance import Connection, LiveMovement, LiveRefund

Row = Mapping[str, Any]

# They move nothing; a chargeback that came back to us has moved money, so it is seen.
_UNSEEN = sorted(FREED - {RefundState.RETURNED})
LOCK_TRIES_OF = "SELECT FROM tries WHERE payment_id = ANY($1) ORDER BY attempt_id FOR UPDATE"
LOCK_REFUNDS_OF = "SELECT FROM refunds WHERE payment_id = ANY($1) ORDER BY id FOR UPDATE"
# The same with further movements, whose frozen lines have ids of their own.
OF_LIVE = f"""
SELECT o.*, NULL::uuid AS attempt_id, NULL::bigint AS amount, NULL::timestamptz AS booked_at
FROM ({OF_MOVEMENTS}) AS o
UNION ALL SELECT 'further', f.id, t.payment_id, f.attempt_id, f.amount, f.booked_at
FROM further_movements AS f JOIN tries AS t ON t.attempt_id = f.attempt_id WHERE f.id = ANY($1)
"""  # noqa: S608 - constants
# The entries of a payment are of its delivery as well as of its tries: a delivery counts them all.
_BOOKED_MOVEMENTS = f"""
SELECT m.id AS movement, m.kind, m.payment_id, p.state, coalesce(t.collected, m.amount) AS collected,
  CASE m.kind WHEN 'try' THEN t.collected_at WHEN 'further' THEN m.booked_at
    WHEN 'delivery' THEN (SELECT max(e.at) FROM journal_entries AS e WHERE e.payment_id = m.payment_id)
  END AS booked_at,
  coalesce(r.attempt_id, m.attempt_id, m.id) AS attempt_id,
  (SELECT coalesce(sum(b.amount), 0) FROM break_refunds AS b
    WHERE b.attempt_id = m.id AND NOT b.is_beside)::bigint AS owed_at_desk
FROM ({OF_LIVE}) AS m JOIN payments AS p ON p.id = m.payment_id
LEFT JOIN tries AS t ON t.attempt_id = m.id AND m.kind = 'try'
LEFT JOIN refunds AS r ON r.id = m.id AND m.kind = 'refund'
"""  # noqa: S608 - constants
# The entry of a booking has its instant, which is that of their transaction. An open window comes first.
READ_MOVEMENTS = f"""
SELECT b.*, (SELECT w.closed_at FROM journal_entries AS e JOIN settlement_windows AS w ON w.id = e.window_id
  WHERE e.payment_id = b.payment_id AND e.at = b.booked_at
  ORDER BY w.closed_at DESC NULLS FIRST LIMIT 1) AS window_closed_at
FROM ({_BOOKED_MOVEMENTS}) AS b ORDER BY b.movement
"""  # noqa: S608 - constants
READ_REFUNDS = """
SELECT id, payment_id, attempt_id, state, amount, updated_at FROM refunds
WHERE payment_id = ANY($1) AND state <> ALL($2::text[]) ORDER BY created_at, id
"""


class LiveMovementRows:
    """See `ports.finance.LiveMovements`; locks in the order of `payment_rows`, books first."""

    async def lock(self, connection: Connection, movements: Collection[UUID]) -> Sequence[LiveMovement]:
        """See `ports.finance.LiveMovements`."""
        known = await connection.fetch(OF_LIVE, list(movements))
        if not known:
            return []
        payments = sorted({row["payment_id"] for row in known})
        await lock_books(connection, ADJUSTMENT_LANE)
        for statement in (LOCK_PAYMENTS, LOCK_TRIES_OF, LOCK_REFUNDS_OF):
            await connection.execute(statement, payments)
        rows = await connection.fetch(READ_MOVEMENTS, list(movements))
        refunds = await connection.fetch(READ_REFUNDS, payments, _UNSEEN)
        return [_movement(row, refunds) for row in rows]

    async def owe(
        self, connection: Connection, entry_id: UUID, movements: Collection[UUID], amount: int
    ) -> None:
        """See `ports.finance.LiveMovements`."""
        await connection.execute(OWE, list(movements), entry_id, amount)

    async def release(self, connection: Connection, entry_id: UUID, reversal_id: UUID) -> None:
        """See `ports.finance.LiveMovements`."""
        await connection.execute(RELEASE, entry_id, reversal_id)


def _movement(row: Row, refunds: Sequence[Row]) -> LiveMovement:
    """A movement with its refunds: those of its try, or of its whole payment where it is a delivery."""
    scope = (
        ("payment_id", row["payment_id"]) if row["kind"] == "delivery" else ("attempt_id", row["attempt_id"])
    )
    return LiveMovement(
        movement=row["movement"],
        payment_id=row["payment_id"],
        payment_state=State(row["state"]),
        collected=row["collected"],
        booked_at=row["booked_at"],
        owed_at_desk=row["owed_at_desk"],
        window_closed_at=row["window_closed_at"],
        refunds=tuple(
            LiveRefund(refund["id"], RefundState(refund["state"]), refund["amount"], refund["updated_at"])
            for refund in refunds
            if refund[scope[0]] == scope[1]
        ),
    )
