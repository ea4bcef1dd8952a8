"""Booking what agents earn: each order once, together one entry an agent (docs/adr/0136)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ekpay_switch.domain.agents.commission import (
    AgentCommission,
    CommissionTerms,
    OrderCommission,
    by_agent,
)
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.ledger.posting_rules import commission_account, commission_earned_entry
from ekpay_switch.domain.money import Money, total
from ekpay_switch.persistence.ledger.adjustments import post_adjustments
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.finance import Adjustment
from ekpay_switch.security.identifiers import uuid7

Row = Mapping[str, Any]

ORDERS_MAX: Final = 500
# We keep the fee of a completed payment whatever is decided about it later, so no commission is taken back.
_EARNED = """
SELECT a.id, a.partner_id, a.begun_at, p.fee FROM agent_orders AS a
JOIN payments AS p ON p.partner_id = a.partner_id AND p.reference = a.reference
WHERE a.begun_at IS NOT NULL AND a.commission IS NULL AND a.handed_back_at IS NULL AND p.state = 'completed'
ORDER BY a.begun_at, a.id LIMIT $1
"""
# Read again under its lock: another worker may have booked it since.
_LOCK = f"""
{_EARNED.partition("ORDER BY")[0]} AND a.id = ANY($1) ORDER BY a.begun_at, a.id FOR UPDATE OF a SKIP LOCKED
"""
_BOOK = "INSERT INTO agent_commissions (id, partner_id, amount) VALUES ($1, $2, $3)"
_MARK = """
UPDATE agent_orders AS a SET commission = n.amount, commission_basis_points = n.basis_points,
  commission_id = CASE WHEN n.amount > 0 THEN $4::uuid END
FROM unnest($1::uuid[], $2::bigint[], $3::integer[]) AS n (id, amount, basis_points) WHERE a.id = n.id
"""
_COMMISSIONS = """
SELECT c.id, c.partner_id, c.amount, c.booked_at,
  (SELECT count(*) FROM agent_orders AS a WHERE a.commission_id = c.id) AS order_count
FROM agent_commissions AS c ORDER BY c.booked_at DESC, c.id DESC
"""


async def book_commissions(transactions: ShortTransactions, terms: CommissionTerms) -> int:
    """Book what completed orders have earned by now, up to `ORDERS_MAX` of them; how many orders.

    One transaction books them: after a crash they are booked in the next round, and none twice.

    Raises:
        OverloadedError: no connection became free; nothing was booked.
        CommitUnknownError: the connection was lost during the commit; the next round finds what was booked.
    """

    async def _find(connection: Connection) -> Sequence[Row]:
        rows: Sequence[Row] = await connection.fetch(_EARNED, ORDERS_MAX)
        return rows

    found = await transactions.run(_find)
    order_ids = [row["id"] for row in found]

    async def _book(connection: Connection) -> int:
        earned = [_earned(row, terms) for row in await connection.fetch(_LOCK, order_ids)]
        await _mark(connection, [each for each in earned if not each.amount.minor], None)
        for agent, orders in by_agent(earned).items():
            commission_id, amount = uuid7(), total(each.amount for each in orders)
            entry = commission_earned_entry(agent, amount)
            await post_adjustments(connection, [Adjustment.of(commission_id, entry)])
            await connection.execute(_BOOK, commission_id, agent, amount.minor)
            await _mark(connection, orders, commission_id)
        return len(earned)

    accounts = {"agent_commission", *(commission_account(row["partner_id"]) for row in found)}
    return await transactions.run(_book, accounts) if found else 0


async def read_commissions(transactions: ShortTransactions) -> Sequence[AgentCommission]:
    """Every commission that was booked, the newest first."""

    async def _read(connection: Connection) -> Sequence[AgentCommission]:
        return [
            AgentCommission(
                row["id"], row["partner_id"], Money(row["amount"]), row["order_count"], row["booked_at"]
            )
            for row in await connection.fetch(_COMMISSIONS)
        ]

    return await transactions.run(_read)


def _earned(row: Row, terms: CommissionTerms) -> OrderCommission:
    rate = terms.basis_points(row["partner_id"], business_date(row["begun_at"]))
    return OrderCommission.of(row["id"], row["partner_id"], Money(row["fee"]), rate)


async def _mark(connection: Connection, orders: Sequence[OrderCommission], commission_id: object) -> None:
    ids, amounts = [each.order_id for each in orders], [each.amount.minor for each in orders]
    await connection.execute(_MARK, ids, amounts, [each.basis_points for each in orders], commission_id)
