"""Audit checks of treasury challans: money that was set aside is paid, moved back, or still there."""

from typing import Any

from ekpay_switch.domain.challans import BILLER, LineEnd, end_of
from ekpay_switch.domain.payment import State

_SET_ASIDE, _BACK = "set_aside_for_challan", "set_aside_for_challan_reversed"
# Each request with its entry, which has the same id; either may be missing.
CHALLANS = f"""
SELECT coalesce(r.id, e.id) AS id, r.total, e.amount AS posted, e.prefund,
  'prefund:' || r.partner_id || ':postpaid' AS expected_prefund,
  (SELECT sum(amount)::bigint FROM challan_lines AS l WHERE l.challan_id = r.id) AS of_lines
FROM challan_requests AS r FULL JOIN (
  SELECT j.id, -o.amount AS amount, o.account AS prefund FROM journal_entries AS j
  JOIN postings AS o ON o.entry_id = j.id AND o.account LIKE 'prefund:%' WHERE j.moment = '{_SET_ASIDE}'
) AS e ON e.id = r.id
ORDER BY 1
"""  # noqa: S608 - constants
# Each line that moved back with its entry; either may be missing.
MOVED_BACK = f"""
SELECT coalesce(n.entry_id, e.id) AS id, n.amount, e.amount AS posted, e.prefund, n.expected_prefund
FROM (
  SELECT n.entry_id, l.amount, 'prefund:' || r.partner_id || ':postpaid' AS expected_prefund
  FROM challan_line_ends AS n JOIN challan_lines AS l ON l.challan_id = n.challan_id AND l.seq = n.seq
  JOIN challan_requests AS r ON r.id = n.challan_id WHERE n.entry_id IS NOT NULL) AS n
FULL JOIN (
  SELECT j.id, o.amount, o.account AS prefund FROM journal_entries AS j
  JOIN postings AS o ON o.entry_id = j.id AND o.account LIKE 'prefund:%' WHERE j.moment = '{_BACK}'
) AS e ON e.id = n.entry_id
ORDER BY 1
"""  # noqa: S608 - constants
# Each line with the payment under its reference, and what that payment took from the prefund.
CHALLAN_LINES = """
SELECT l.challan_id, l.seq, l.amount, n.ending, p.state, p.biller_id, p.refusal,
  p.amount + p.rounding + p.charge + p.fee + p.vat AS taken, w.next_action_at IS NOT NULL AS is_watched
FROM challan_lines AS l JOIN challan_requests AS r ON r.id = l.challan_id
LEFT JOIN challan_line_ends AS n ON n.challan_id = l.challan_id AND n.seq = l.seq
LEFT JOIN challan_work AS w ON w.challan_id = l.challan_id
LEFT JOIN payments AS p ON p.partner_id = r.partner_id AND p.reference = l.reference
ORDER BY l.challan_id, l.seq
"""
# What challans took of each payment and did not move back, with what it credited to the merchant.
CHALLANS_OF_PAYMENTS = f"""
SELECT r.paid_by AS id, sum(l.amount)::bigint AS raised, max(s.amount) AS credited,
  bool_and(p.partner_id = r.partner_id) AS is_own
FROM challan_requests AS r JOIN challan_lines AS l ON l.challan_id = r.id
JOIN payments AS p ON p.id = r.paid_by
LEFT JOIN challan_line_ends AS n ON n.challan_id = l.challan_id AND n.seq = l.seq
LEFT JOIN merchant_shares AS s ON s.payment_id = r.paid_by AND s.payee = ''
WHERE n.ending IS DISTINCT FROM '{LineEnd.MOVED_BACK}'
GROUP BY r.paid_by ORDER BY r.paid_by
"""  # noqa: S608 - constants
# What lines without a claimed payment need, with the balance of their prefund.
CHALLAN_PREFUNDS = """
SELECT a.code, a.balance, w.waiting FROM (
  SELECT 'prefund:' || r.partner_id || ':postpaid' AS code, sum(l.amount)::bigint AS waiting
  FROM challan_requests AS r JOIN challan_lines AS l ON l.challan_id = r.id
  LEFT JOIN challan_line_ends AS n ON n.challan_id = l.challan_id AND n.seq = l.seq
  LEFT JOIN payments AS p ON p.partner_id = r.partner_id AND p.reference = l.reference
  WHERE n.ending IS NULL AND (p.id IS NULL OR p.state IN ('declined', 'expired', 'refunded'))
  GROUP BY r.partner_id) AS w
LEFT JOIN accounts AS a ON a.code = w.code ORDER BY 1
"""

Row = Any


def challan_fault(row: Row) -> str | None:
    """What is wrong unless a request set aside exactly its total, which its lines make up."""
    if row["total"] is None:
        return "an entry set money aside for it, but there is no such request"
    if row["posted"] != row["total"] or row["prefund"] != row["expected_prefund"]:
        return f"{row['total']} paisa were asked for and {row['posted'] or 0} set aside in its prefund"
    if row["of_lines"] != row["total"]:
        return f"its lines are {row['of_lines'] or 0} paisa instead of {row['total']}"
    return None


def moved_back_fault(row: Row) -> str | None:
    """What is wrong unless every line that moved back has its entry, and every such entry its line."""
    if row["amount"] is None:
        return "it moved money back for a challan line that did not end so"
    if row["posted"] != row["amount"] or row["prefund"] != row["expected_prefund"]:
        return f"a line of {row['amount']} paisa ended so, and {row['posted'] or 0} moved back"
    return None


def challan_line_fault(row: Row) -> str | None:
    """What is wrong unless a line ended as its payment did, and an open one is due to be looked at."""
    state = None if row["state"] is None else State(row["state"])
    if state is not None and (row["biller_id"] != BILLER or row["taken"] != row["amount"]):
        return "its payment is of another amount, or to somebody else"
    if row["ending"] is None:
        return None if row["is_watched"] else "it is open and nobody looks after it"
    # In a review of a late success or of contrary evidence, the earlier end of the line stays.
    if state is State.IN_REVIEW:
        return None
    if end_of(state) != row["ending"]:
        return f"it ended as {row['ending']}, and its payment is {row['state'] or 'not there'}"
    return None


def challans_of_payment_fault(row: Row) -> str | None:
    """What is wrong unless challans took at most what the merchant's own payment credited to it."""
    if not row["is_own"]:
        return "challans of another merchant were raised against it"
    if row["raised"] > (row["credited"] or 0):
        return f"challans took {row['raised']} paisa of it, which credited {row['credited'] or 0}"
    return None


def challan_prefund_fault(row: Row) -> str | None:
    """What is wrong unless the prefund covers the open lines."""
    if (row["balance"] or 0) < row["waiting"]:
        return f"open challan lines wait for {row['waiting']} paisa, and {row['balance'] or 0} are there"
    return None


# The checks in order: the query, the function that returns what is wrong with a row, and the row's name.
CHALLAN_CHECKS = (
    (CHALLANS, challan_fault, "challan_requests {id}"),
    (MOVED_BACK, moved_back_fault, "challan_line_ends with entry {id}"),
    (CHALLAN_LINES, challan_line_fault, "challan_lines {challan_id} line {seq}"),
    (CHALLANS_OF_PAYMENTS, challans_of_payment_fault, "challans of payment {id}"),
    (CHALLAN_PREFUNDS, challan_prefund_fault, "accounts {code}"),
)
