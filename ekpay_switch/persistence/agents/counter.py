"""The port `AgentCounter` over PostgreSQL: drawers, orders, and what a drawer should hold.

Whoever writes for a drawer holds its row, so nothing is taken at or handed back from one that is counted.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from ekpay_switch.domain.agents.counter import (
    AgentOperator,
    AgentOrder,
    CashDrawer,
    expected_cash,
    order_reference,
)
from ekpay_switch.domain.carts.bill_cart import CartBill
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import receipts_of
from ekpay_switch.domain.payments.ends import PrefundEnd, prefund_end
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.payment_rows import as_json, from_json
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.agents import NewAgentOrder

Row = Mapping[str, Any]

_OPERATOR = """
SELECT o.id, o.partner_id, o.name, p.name AS agent_name, p.lane
FROM agent_operators AS o JOIN partners AS p ON p.id = o.partner_id
WHERE o.citizen_id = $1 AND o.removed_at IS NULL AND p.is_active
"""
_DRAWER = """
SELECT d.*, o.name AS operator_name FROM cash_drawers AS d JOIN agent_operators AS o ON o.id = d.operator_id
"""
_BY_ID = f"{_DRAWER} WHERE d.id = $1"
_OF_AGENT = f"{_DRAWER} WHERE d.id = $1 AND o.partner_id = $2"
_OPEN = f"{_DRAWER} WHERE d.operator_id = $1 AND d.closed_at IS NULL"
_CLOSED = f"""
{_DRAWER} WHERE d.operator_id = $1 AND d.closed_at IS NOT NULL ORDER BY d.opened_at DESC, d.id DESC LIMIT $2
"""
_ALL_OPEN = f"{_DRAWER} WHERE d.closed_at IS NULL ORDER BY d.opened_at, d.id"
_ALL = f"{_DRAWER} ORDER BY d.opened_at, d.id"
# A drawer that was opened by this call, whose COMMIT was not acknowledged, is opened once.
_NEW_DRAWER = """
INSERT INTO cash_drawers (id, operator_id, opening) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
_LOCK_DRAWER = "SELECT operator_id, opening, closed_at FROM cash_drawers WHERE id = $1 FOR UPDATE"
_HOLD_OPEN = "SELECT 1 FROM cash_drawers WHERE id = $1 AND closed_at IS NULL FOR SHARE"
# What was handed over and is recorded by now, and counted in no drawer yet.
_COUNT = """
UPDATE agent_orders AS a SET counted_in = $1 FROM cash_drawers AS d
WHERE d.id = a.drawer_id AND d.operator_id = $2 AND a.counted_in IS NULL AND a.begun_at IS NOT NULL
  AND EXISTS (SELECT FROM payments AS p WHERE p.partner_id = a.partner_id AND p.reference = a.reference)
"""
_SUMS = """
SELECT (SELECT coalesce(sum(amount), 0)::bigint FROM agent_orders WHERE counted_in = $1) AS taken,
  (SELECT coalesce(sum(amount), 0)::bigint FROM agent_orders WHERE handed_back_from = $1) AS handed_back
"""
_CLOSE = """
UPDATE cash_drawers SET closed_at = now(), expected = $2, counted = $3, closed_by = $4 WHERE id = $1
"""
_NEW_ORDER = """
INSERT INTO agent_orders (id, drawer_id, partner_id, reference, biller_id, bucket, fields, bill, bill_key,
  amount, charges, quote_id, quote_expires_at, fetched_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING
"""
_ORDER = """
SELECT a.*, now() AS read_at, p.id AS payment_id, p.state, p.refusal, p.facts FROM agent_orders AS a
LEFT JOIN payments AS p ON p.partner_id = a.partner_id AND p.reference = a.reference
"""
_ORDER_OF_AGENT = f"{_ORDER} WHERE a.id = $1 AND a.partner_id = $2"
_ORDERS = f"{_ORDER} WHERE a.drawer_id = $1 AND a.begun_at IS NOT NULL ORDER BY a.begun_at, a.id"
_CONFIRM = """
UPDATE agent_orders SET begun_at = coalesce(begun_at, now()) WHERE id = $1 AND drawer_id = $2 RETURNING 1
"""
_LOCK_ORDER = """
SELECT a.handed_back_at, p.state FROM agent_orders AS a
LEFT JOIN payments AS p ON p.partner_id = a.partner_id AND p.reference = a.reference
WHERE a.id = $1 AND a.partner_id = $2 FOR UPDATE OF a
"""
_HAND_BACK = "UPDATE agent_orders SET handed_back_at = now(), handed_back_from = $2 WHERE id = $1"
_DROP_OLD = "DELETE FROM agent_orders WHERE begun_at IS NULL AND fetched_at < now() - $1::interval"


class PostgresAgentCounter:
    """Drawers and orders in PostgreSQL; each call is one transaction and none is open during a wire call."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    async def operator_of(self, citizen_id: UUID) -> AgentOperator | None:
        """See `ports.agents.AgentCounter`. Read with every request, so a removed operator is out at once."""
        row = await self._row(_OPERATOR, citizen_id)
        if row is None:
            return None
        return AgentOperator(row["id"], row["partner_id"], row["agent_name"], row["lane"], row["name"])

    async def open_drawer(self, drawer_id: UUID, operator: AgentOperator, opening: Money) -> CashDrawer:
        """See `ports.agents.AgentCounter`."""

        async def _open(connection: Connection) -> CashDrawer:
            await connection.execute(_NEW_DRAWER, drawer_id, operator.operator_id, opening.minor)
            return _drawer(await connection.fetchrow(_OPEN, operator.operator_id))

        return await self._transactions.run(_open)

    async def open_drawer_of(self, operator: AgentOperator) -> CashDrawer | None:
        """See `ports.agents.AgentCounter`."""
        row = await self._row(_OPEN, operator.operator_id)
        return None if row is None else _drawer(row)

    async def drawer(self, partner_id: str, drawer_id: UUID) -> CashDrawer | None:
        """See `ports.agents.AgentCounter`."""
        row = await self._row(_OF_AGENT, drawer_id, partner_id)
        return None if row is None else _drawer(row)

    async def drawers(self, operator: AgentOperator, count_max: int) -> Sequence[CashDrawer]:
        """See `ports.agents.AgentCounter`."""
        return [_drawer(row) for row in await self._rows(_CLOSED, operator.operator_id, count_max)]

    async def all_drawers(self, *, is_open: bool) -> Sequence[CashDrawer]:
        """Those of every agent, for the staff: the open ones, or all; the oldest first."""
        return [_drawer(row) for row in await self._rows(_ALL_OPEN if is_open else _ALL)]

    async def close_drawer(self, drawer_id: UUID, counted: Money, closed_by: str = "") -> CashDrawer:
        """See `ports.agents.AgentCounter`."""
        return await self._transactions.run(
            partial(_close, drawer_id=drawer_id, counted=counted, closed_by=closed_by or None)
        )

    async def put_order(self, new: NewAgentOrder) -> None:
        """See `ports.agents.AgentCounter`."""
        bill = new.bill
        await self._rows(
            _NEW_ORDER, new.order_id, new.drawer_id, new.partner_id, order_reference(new.order_id),
            bill.biller_id, bill.bucket, as_json(dict(bill.fields)), as_json(dict(bill.bill)), bill.bill_key,
            bill.amount.minor, new.charges.minor, bill.quote_id, bill.quote_expires_at, bill.fetched_at,
        )  # fmt: skip

    async def order(self, partner_id: str, order_id: UUID) -> AgentOrder | None:
        """See `ports.agents.AgentCounter`."""
        row = await self._row(_ORDER_OF_AGENT, order_id, partner_id)
        return None if row is None else _order(row)

    async def orders(self, drawer_id: UUID) -> Sequence[AgentOrder]:
        """See `ports.agents.AgentCounter`."""
        return [_order(row) for row in await self._rows(_ORDERS, drawer_id)]

    async def confirm(self, order_id: UUID, drawer_id: UUID) -> bool:
        """See `ports.agents.AgentCounter`."""

        async def _confirm(connection: Connection) -> bool:
            if await connection.fetchval(_HOLD_OPEN, drawer_id) is None:
                return False
            return await connection.fetchval(_CONFIRM, order_id, drawer_id) is not None

        return await self._transactions.run(_confirm)

    async def hand_back(self, partner_id: str, order_id: UUID, drawer_id: UUID) -> bool:
        """See `ports.agents.AgentCounter`."""

        async def _hand_back(connection: Connection) -> bool:
            if await connection.fetchval(_HOLD_OPEN, drawer_id) is None:
                return False
            row = await connection.fetchrow(_LOCK_ORDER, order_id, partner_id)
            if row is None or row["state"] is None:
                return False
            if row["handed_back_at"] is not None:
                return True
            if prefund_end(State(row["state"])) is not PrefundEnd.BACK:
                return False
            await connection.execute(_HAND_BACK, order_id, drawer_id)
            return True

        return await self._transactions.run(_hand_back)

    async def _row(self, query: str, *values: object) -> Row | None:
        return next(iter(await self._rows(query, *values)), None)

    async def _rows(self, query: str, *values: object) -> Sequence[Row]:
        async def _read(connection: Connection) -> Sequence[Row]:
            rows: Sequence[Row] = await connection.fetch(query, *values)
            return rows

        return await self._transactions.run(_read)


async def drop_old_orders(transactions: ShortTransactions, keep_hours: float) -> None:
    """Drop orders that no operator has confirmed within `keep_hours`."""

    async def _drop(connection: Connection) -> None:
        await connection.execute(_DROP_OLD, timedelta(hours=keep_hours))

    await transactions.run(_drop)


async def _close(
    connection: Connection, drawer_id: UUID, counted: Money, closed_by: str | None
) -> CashDrawer:
    locked = await connection.fetchrow(_LOCK_DRAWER, drawer_id)
    if locked["closed_at"] is None:
        await connection.execute(_COUNT, drawer_id, locked["operator_id"])
        sums = await connection.fetchrow(_SUMS, drawer_id)
        opening, taken, back = (
            Money(locked["opening"]), Money(sums["taken"]), Money(sums["handed_back"])
        )  # fmt: skip
        expected = expected_cash(opening, taken, back)
        await connection.execute(_CLOSE, drawer_id, expected.minor, counted.minor, closed_by)
    return _drawer(await connection.fetchrow(_BY_ID, drawer_id))


def _drawer(row: Row) -> CashDrawer:
    return CashDrawer(
        drawer_id=row["id"],
        operator_id=row["operator_id"],
        operator_name=row["operator_name"],
        opened_at=row["opened_at"],
        opening=Money(row["opening"]),
        closed_at=row["closed_at"],
        expected=None if row["expected"] is None else Money(row["expected"]),
        counted=None if row["counted"] is None else Money(row["counted"]),
        closed_by=row["closed_by"] or "",
    )


def _order(row: Row) -> AgentOrder:
    state = State(row["state"]) if row["state"] else None
    return AgentOrder(
        order_id=row["id"],
        drawer_id=row["drawer_id"],
        bill=CartBill(
            biller_id=row["biller_id"],
            bucket=row["bucket"],
            fields=from_json(row["fields"]),
            bill=from_json(row["bill"]),
            bill_key=row["bill_key"],
            amount=Money(row["amount"]),
            quote_id=row["quote_id"],
            quote_expires_at=row["quote_expires_at"],
            fetched_at=row["fetched_at"],
        ),
        charges=Money(row["charges"]),
        read_at=row["read_at"],
        begun_at=row["begun_at"],
        payment_id=row["payment_id"],
        state=state,
        refusal=Refusal(row["refusal"]) if row["refusal"] else None,
        receipts=receipts_of(from_json(row["facts"])) if state is State.COMPLETED else {},
        handed_back_at=row["handed_back_at"],
        commission=None if row["commission"] is None else Money(row["commission"]),
    )
