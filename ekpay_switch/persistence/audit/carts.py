"""Audit checks of carts of bills: what a payer gave is with the billers, refunded, or in the prefund."""

from typing import Any

from ekpay_switch.domain.carts.bill_cart import PORTAL, BillEnd, bill_end_of, portal_payable
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import AttemptEnd

_FUNDED, _BACK = "cart_funded", "cart_funded_reversed"
# What an entry took from the account that the portal is credited to, by its moment.
_TAKEN = f"""
SELECT j.id, o.amount FROM journal_entries AS j
JOIN postings AS o ON o.entry_id = j.id AND o.account = '{portal_payable()}' WHERE j.moment = '{{moment}}'
"""  # noqa: S608 - constants
# Each funded cart with its entry, which has the same id; either may be missing.
FUNDINGS = f"""
SELECT coalesce(f.cart_id, e.id) AS id, f.cart_id IS NOT NULL AS is_funded, e.amount AS moved,
  p.amount AS credited, p.partner_id, o.trnx_id = replace(f.cart_id::text, '-', '') AS is_of_cart,
  (SELECT sum(b.amount)::bigint FROM cart_bills AS b WHERE b.cart_id = f.cart_id) AS of_bills
FROM cart_fundings AS f
LEFT JOIN payments AS p ON p.id = f.payment_id LEFT JOIN merchant_orders AS o ON o.payment_id = p.id
FULL JOIN ({_TAKEN.format(moment=_FUNDED)}) AS e ON e.id = f.cart_id ORDER BY 1
"""  # noqa: S608 - constants
# Each bill that was given back with its entry; either may be missing.
GIVEN_BACK = f"""
SELECT coalesce(n.entry_id, e.id) AS id, b.amount, -e.amount AS moved
FROM cart_bill_ends AS n JOIN cart_bills AS b ON b.cart_id = n.cart_id AND b.seq = n.seq
  AND n.entry_id IS NOT NULL
FULL JOIN ({_TAKEN.format(moment=_BACK)}) AS e ON e.id = n.entry_id ORDER BY 1
"""  # noqa: S608 - constants
_NEWEST_TRY = """
LEFT JOIN LATERAL (
  SELECT reference FROM stand_in_tries AS s WHERE s.cart_id = b.cart_id AND s.seq = b.seq
  ORDER BY nth DESC LIMIT 1) AS t ON true
"""
# Each bill of a funded cart with its newest payment, and what that took from the prefund.
BILLS = f"""
SELECT b.cart_id, b.seq, b.amount, b.biller_id AS wanted, n.ending, p.state, p.biller_id,
  p.amount + p.rounding + p.charge + p.fee + p.vat AS taken, w.next_action_at IS NOT NULL AS is_watched,
  EXISTS (SELECT FROM cart_refunds AS r WHERE r.cart_id = b.cart_id AND b.seq = ANY (r.seqs)) AS is_planned
FROM cart_fundings AS f JOIN cart_bills AS b ON b.cart_id = f.cart_id
LEFT JOIN cart_bill_ends AS n ON n.cart_id = b.cart_id AND n.seq = b.seq
LEFT JOIN cart_work AS w ON w.cart_id = b.cart_id
{_NEWEST_TRY}LEFT JOIN payments AS p ON p.partner_id = '{PORTAL}'
  AND p.reference = coalesce(t.reference, b.reference)
ORDER BY b.cart_id, b.seq
"""  # noqa: S608 - constants
# Each further payment of a bill with the one before it: that was never sent, or came to nothing before a
# restore lost the further one, which was in the books again before its bill knew of it.
TRIES = f"""
SELECT t.cart_id, t.seq, t.nth, coalesce(q.nth, 1) = t.nth - 1 AS follows, p.state,
  t.reference = b.reference || ':' || t.nth AS is_named, coalesce(n.created_at < t.at, false) AS was_lost,
  (SELECT bool_and(a.outcome = '{AttemptEnd.UNREACHED}' AND a.sends = 1)
    FROM attempts AS a WHERE a.payment_id = p.id AND a.leg = 'delivery') IS TRUE AS is_unsent
FROM stand_in_tries AS t JOIN cart_bills AS b ON b.cart_id = t.cart_id AND b.seq = t.seq
LEFT JOIN LATERAL (SELECT s.nth, s.reference FROM stand_in_tries AS s
  WHERE s.cart_id = t.cart_id AND s.seq = t.seq AND s.nth < t.nth ORDER BY s.nth DESC LIMIT 1) AS q ON true
LEFT JOIN payments AS p ON p.partner_id = '{PORTAL}' AND p.reference = coalesce(q.reference, b.reference)
LEFT JOIN payments AS n ON n.partner_id = '{PORTAL}' AND n.reference = t.reference
ORDER BY t.cart_id, t.seq, t.nth
"""  # noqa: S608 - constants
# Payments from the portal's prefund that no bill of a cart knows of.
PAYMENTS_OF_NO_BILL = f"""
SELECT p.id FROM payments AS p WHERE p.partner_id = '{PORTAL}' AND starts_with(p.reference, 'cart:')
  AND NOT EXISTS (SELECT FROM cart_bills AS b WHERE b.reference = p.reference)
  AND NOT EXISTS (SELECT FROM stand_in_tries AS t WHERE t.reference = p.reference)
ORDER BY p.id
"""  # noqa: S608 - constants
# Each planned refund with the one that was recorded under its reference, if it was.
REFUNDS = f"""
SELECT r.cart_id, r.nth, r.amount, q.amount AS recorded, q.payment_id = f.payment_id AS is_of_cart,
  (SELECT bool_and(n.ending = '{BillEnd.GIVEN_BACK}') FROM unnest(r.seqs) AS s (seq)
    LEFT JOIN cart_bill_ends AS n ON n.cart_id = r.cart_id AND n.seq = s.seq) AS are_back
FROM cart_refunds AS r LEFT JOIN cart_fundings AS f ON f.cart_id = r.cart_id
LEFT JOIN refunds AS q ON q.partner_id = '{PORTAL}' AND q.reference = r.reference
ORDER BY r.cart_id, r.nth
"""  # noqa: S608 - constants
# What bills without a claimed payment need, with the balance of their prefund.
PREFUNDS = f"""
SELECT a.code, a.balance, w.waiting FROM (
  SELECT 'prefund:{PORTAL}:' || b.bucket AS code, sum(b.amount)::bigint AS waiting
  FROM cart_fundings AS f JOIN cart_bills AS b ON b.cart_id = f.cart_id
  LEFT JOIN cart_bill_ends AS n ON n.cart_id = b.cart_id AND n.seq = b.seq
  {_NEWEST_TRY}LEFT JOIN payments AS p ON p.partner_id = '{PORTAL}'
    AND p.reference = coalesce(t.reference, b.reference)
  WHERE n.ending IS NULL AND (p.id IS NULL OR p.state IN ('declined', 'expired', 'refunded'))
  GROUP BY b.bucket) AS w
LEFT JOIN accounts AS a ON a.code = w.code ORDER BY 1
"""  # noqa: S608 - constants

Row = Any


def funding_fault(row: Row) -> str | None:
    """What is wrong unless a funded cart moved exactly its bills, which its own payment credited."""
    if not row["is_funded"]:
        return "an entry moved money for it, but there is no such funded cart"
    if row["partner_id"] != PORTAL or not row["is_of_cart"]:
        return "it was funded by a payment that is not its own"
    if not row["moved"] == row["credited"] == row["of_bills"]:
        return (
            f"its bills are {row['of_bills'] or 0} paisa, {row['credited']} were credited"
            f" and {row['moved'] or 0} moved to the prefund"
        )
    return None


def given_back_fault(row: Row) -> str | None:
    """What is wrong unless every bill that was given back has its entry, and every such entry its bill."""
    if row["amount"] is None:
        return "it moved money out of the prefund for a bill that did not end so"
    if row["moved"] != row["amount"]:
        return f"a bill of {row['amount']} paisa ended so, and {row['moved'] or 0} moved out"
    return None


def bill_fault(row: Row) -> str | None:
    """What is wrong unless a bill ended as its payment did; what is open or not refunded is looked after."""
    state = None if row["state"] is None else State(row["state"])
    if state is not None and (row["biller_id"] != row["wanted"] or row["taken"] != row["amount"]):
        return "its payment is of another amount, or to another biller"
    if row["ending"] is None:
        return None if row["is_watched"] else "it is open and nobody looks after it"
    is_unrefunded = row["ending"] == BillEnd.GIVEN_BACK and not row["is_planned"]
    if is_unrefunded and not row["is_watched"]:
        return "it was given back, and no refund of it is planned"
    # In a review of a late success or of contrary evidence, the earlier end of the bill stays.
    if state is not State.IN_REVIEW and bill_end_of(state) != row["ending"]:
        return f"it ended as {row['ending']}, and its payment is {row['state'] or 'not there'}"
    return None


def stand_in_fault(row: Row) -> str | None:
    """What is wrong unless each try of a bill began after the one before it went back without being sent.

    One that a restore has lost follows any that came to nothing, or is lost itself.
    """
    state = None if row["state"] is None else State(row["state"])
    if not row["is_named"]:
        return "its payment is not of this bill"
    if row["was_lost"] and (state is None or bill_end_of(state) is BillEnd.GIVEN_BACK):
        return None
    if not row["follows"] or bill_end_of(state) is not BillEnd.GIVEN_BACK:
        return f"it was begun while the payment before it was {row['state'] or 'not there'}"
    return None if row["is_unsent"] else "it was begun although the payment before it may have been sent"


def payment_of_no_bill_fault(row: Row) -> str:
    """What is wrong with a payment that no bill knows of: its payer may get the money back as well."""
    del row
    return "it was paid from the portal's prefund for no bill of a cart"


def cart_refund_fault(row: Row) -> str | None:
    """What is wrong unless a refund is of bills that were given back, and recorded as it was planned."""
    if not row["are_back"]:
        return "it refunds a bill that was not given back"
    if row["recorded"] is None:
        return None
    if not row["is_of_cart"]:
        return "it was recorded for another payment"
    if row["recorded"] != row["amount"]:
        return f"{row['amount']} paisa were planned and {row['recorded']} recorded"
    return None


def portal_prefund_fault(row: Row) -> str | None:
    """What is wrong unless the prefund covers the open bills."""
    if (row["balance"] or 0) < row["waiting"]:
        return f"open bills of carts wait for {row['waiting']} paisa, and {row['balance'] or 0} are there"
    return None


# The checks in order: the query, the function that returns what is wrong with a row, and the row's name.
CART_CHECKS = (
    (FUNDINGS, funding_fault, "cart_fundings {id}"),
    (GIVEN_BACK, given_back_fault, "cart_bill_ends with entry {id}"),
    (TRIES, stand_in_fault, "stand_in_tries {cart_id} bill {seq} try {nth}"),
    (BILLS, bill_fault, "cart_bills {cart_id} bill {seq}"),
    (REFUNDS, cart_refund_fault, "cart_refunds {cart_id} refund {nth}"),
    (PREFUNDS, portal_prefund_fault, "accounts {code}"),
    (PAYMENTS_OF_NO_BILL, payment_of_no_bill_fault, "payments {id}"),
)
