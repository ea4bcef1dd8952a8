"""Audit checks of agents' counters: who served, for what payment cash was taken, and what a drawer held."""

from typing import Any

from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.ends import PrefundEnd, prefund_end

# Each operator with the approval that linked them.
OPERATORS = """
SELECT o.id, c.id IS NOT NULL AS is_approved,
  c.terms = jsonb_build_object('partner_id', o.partner_id, 'citizen_id', o.citizen_id::text, 'name', o.name)
    AS is_as_approved
FROM agent_operators AS o LEFT JOIN access_changes AS c
  ON c.id = o.added_by_change AND c.kind = 'agent_operator' AND c.approved_by IS NOT NULL
ORDER BY o.id
"""
# Each order that was confirmed with its payment, and the drawers of its cash.
ORDERS = """
SELECT a.id, a.amount, a.biller_id AS wanted, p.state, p.biller_id,
  p.amount + p.rounding + p.charge + p.fee + p.vat AS paid, p.charge + p.fee + p.vat = a.charges AS is_priced,
  a.handed_back_at IS NOT NULL AS is_handed_back, a.counted_in IS NOT NULL AS is_counted,
  a.reference = 'agent:' || replace(a.id::text, '-', '') AS is_named,
  o.partner_id = a.partner_id AS is_of_agent,
  a.counted_in IS NULL OR (k.operator_id = d.operator_id AND k.closed_at IS NOT NULL) AS is_counted_there
FROM agent_orders AS a JOIN cash_drawers AS d ON d.id = a.drawer_id
JOIN agent_operators AS o ON o.id = d.operator_id
LEFT JOIN cash_drawers AS k ON k.id = a.counted_in
LEFT JOIN payments AS p ON p.partner_id = a.partner_id AND p.reference = a.reference
WHERE a.begun_at IS NOT NULL ORDER BY a.id
"""
# Each closed drawer with what its orders say that it held.
DRAWERS = """
SELECT d.id, d.expected, d.opening
  + (SELECT coalesce(sum(amount), 0) FROM agent_orders WHERE counted_in = d.id)
  - (SELECT coalesce(sum(amount), 0) FROM agent_orders WHERE handed_back_from = d.id) AS held
FROM cash_drawers AS d WHERE d.closed_at IS NOT NULL ORDER BY d.id
"""
# Payments at a counter of which no counter knows, or that nobody confirmed there.
PAYMENTS_OF_NO_ORDER = """
SELECT p.id FROM payments AS p WHERE starts_with(p.reference, 'agent:') AND NOT EXISTS (
  SELECT FROM agent_orders AS a
  WHERE a.partner_id = p.partner_id AND a.reference = p.reference AND a.begun_at IS NOT NULL)
ORDER BY p.id
"""

# What each order that is completed was to earn, and what it says that it has earned.
COMMISSIONED_ORDERS = """
SELECT a.id, a.commission, (p.fee * a.commission_basis_points + 5000) / 10000 AS due,
  a.commission = 0 OR EXISTS (
    SELECT FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
    WHERE j.payment_id = p.id AND o.account = 'fee_income' AND o.amount = -p.fee) AS is_earned,
  a.commission = 0 OR c.partner_id = a.partner_id AS is_of_agent
FROM agent_orders AS a
LEFT JOIN payments AS p ON p.partner_id = a.partner_id AND p.reference = a.reference
LEFT JOIN agent_commissions AS c ON c.id = a.commission_id
WHERE a.commission IS NOT NULL ORDER BY a.id
"""
# Each commission with its orders, and every line of its entry.
COMMISSIONS = """
SELECT c.id, c.amount,
  (SELECT coalesce(sum(commission), 0) FROM agent_orders WHERE commission_id = c.id) AS of_orders,
  (SELECT array_agg(o.account || ' ' || o.amount ORDER BY o.seq) FROM postings AS o WHERE o.entry_id = c.id)
    = ARRAY['agent_commission ' || c.amount, 'commission_payable:agent:' || c.partner_id || ' -' || c.amount]
    AS is_booked
FROM agent_commissions AS c ORDER BY c.id
"""
# What moved on the accounts of commission beside commission that was booked, and its payouts.
OTHER_COMMISSION_ENTRIES = """
SELECT DISTINCT o.entry_id AS id FROM postings AS o JOIN journal_entries AS j ON j.id = o.entry_id
WHERE (o.account = 'agent_commission' OR starts_with(o.account, 'commission_payable:agent:'))
  AND NOT (starts_with(j.moment, 'settlement_') AND o.account <> 'agent_commission')
  AND NOT EXISTS (SELECT FROM agent_commissions AS c WHERE c.id = o.entry_id)
ORDER BY o.entry_id
"""

Row = Any


def operator_fault(row: Row) -> str | None:
    """What is wrong unless two persons linked this account to this agent under this name."""
    if not row["is_approved"]:
        return "no two persons have linked this operator"
    return None if row["is_as_approved"] else "the operator is not the one that was approved"


def order_fault(row: Row) -> str | None:
    """What is wrong unless an order is its own agent's, and its cash and its payment are one sum."""
    if not row["is_named"] or not row["is_of_agent"]:
        return "its payment or its drawer is not its own"
    if not row["is_counted_there"]:
        return "its cash was counted in an open drawer, or in another operator's"
    if row["state"] is not None:
        return _paid_fault(row)
    is_touched = row["is_counted"] or row["is_handed_back"]
    return "its cash was counted or handed back, and there is no payment" if is_touched else None


def _paid_fault(row: Row) -> str | None:
    if row["biller_id"] not in {None, row["wanted"]}:
        return f"it was paid to {row['biller_id']}, and its bill is of {row['wanted']}"
    end = prefund_end(State(row["state"]))
    if end is PrefundEnd.PAID and (row["paid"] != row["amount"] or not row["is_priced"]):
        return f"its payer gave {row['amount']} paisa, and {row['paid']} were paid"
    if row["is_handed_back"] and end is not PrefundEnd.BACK:
        return "its cash was handed back, and its money is not in the prefund"
    return None


def drawer_fault(row: Row) -> str | None:
    """What is wrong unless a drawer was expected to hold what its orders say."""
    if row["expected"] == row["held"]:
        return None
    return f"{row['expected']} paisa were expected in it, and its orders come to {row['held']}"


def payment_of_no_order_fault(_: Row) -> str | None:
    """A payment at a counter belongs to an order that its operator confirmed."""
    return "it was paid at a counter, and no order there knows of it"


def commissioned_order_fault(row: Row) -> str | None:
    """What is wrong unless an order has earned its share of a fee that we have earned."""
    if not row["is_of_agent"]:
        return "its commission is another agent's"
    if not row["is_earned"]:
        return "it has earned commission of a fee that we have not earned"
    if row["commission"] != row["due"]:
        return f"it has earned {row['commission']} paisa, and its rate comes to {row['due']}"
    return None


def commission_fault(row: Row) -> str | None:
    """What is wrong unless a commission is the sum of its orders, and its entry books as much."""
    if row["amount"] != row["of_orders"]:
        return f"{row['amount']} paisa were booked, and its orders have earned {row['of_orders']}"
    return None if row["is_booked"] else "its entry books something else"


def other_commission_entry_fault(_: Row) -> str | None:
    """An entry that moves commission books some, or pays it out."""
    return "it moves commission, and no agent has earned it"


# The checks in order: the query, the function that returns what is wrong with a row, and the row's name.
AGENT_CHECKS = (
    (OPERATORS, operator_fault, "agent_operators {id}"),
    (ORDERS, order_fault, "agent_orders {id}"),
    (DRAWERS, drawer_fault, "cash_drawers {id}"),
    (COMMISSIONED_ORDERS, commissioned_order_fault, "agent_orders {id}"),
    (COMMISSIONS, commission_fault, "agent_commissions {id}"),
    (OTHER_COMMISSION_ENTRIES, other_commission_entry_fault, "journal_entries {id}"),
    (PAYMENTS_OF_NO_ORDER, payment_of_no_order_fault, "payments {id}"),
)
