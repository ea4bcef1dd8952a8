"""Audit checks of merchants' money: credited shares, refunds from them, and what merchants are owed.

Each payment's shares are compared with its entries and with the rule that divides refunds; what a merchant is
owed is compared with its accounts (docs/adr/0045).
"""

from collections.abc import Mapping
from typing import Any

from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.errors import UnbalancedEntryError
from ekpay_switch.domain.ledger.posting_rules import Sums, merchant_credited_entry
from ekpay_switch.domain.merchants.merchant import PayeeKind, Share, payee_of, share_account
from ekpay_switch.domain.merchants.shares import Stake, apportion
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.persistence.audit.refunds import UNDECIDED
from ekpay_switch.persistence.collections.share_postings import CHARGES

_MERCHANT = payee_of("")
_UNDECIDED = ", ".join(f"'{state}'" for state in sorted(UNDECIDED))
# Each merchant payment with its order, its shares, what was credited and what refunds took from it.
SALES = f"""
SELECT p.id, p.partner_id, p.biller_id, p.state, p.amount, p.rounding, p.charge, p.fee, p.vat,
  o.partner_id AS ordered_of, s.payees, s.kinds, s.accounts, s.amounts, s.refunded,
  CASE WHEN m.payment_id IS NOT NULL THEN ARRAY[m.charge_refunded, m.fee_refunded, m.vat_refunded] END
    AS returned,
  coalesce(h.credits, 0) AS credits, coalesce(a.attempts, 0) AS attempts, coalesce(r.taken, 0) AS taken,
  coalesce(d.count, 0) AS deliveries, d.posted, t.accounts AS moved_accounts, t.amounts AS moved_amounts
FROM payments AS p LEFT JOIN merchant_orders AS o ON o.payment_id = p.id
LEFT JOIN merchant_sums AS m ON m.payment_id = p.id
LEFT JOIN (
  SELECT payment_id, array_agg(payee ORDER BY seq) AS payees, array_agg(kind ORDER BY seq) AS kinds,
    array_agg(account ORDER BY seq) AS accounts, array_agg(amount ORDER BY seq) AS amounts,
    array_agg(refunded ORDER BY seq) AS refunded
  FROM merchant_shares GROUP BY payment_id) AS s ON s.payment_id = p.id
LEFT JOIN (
  SELECT payment_id, count(*) AS credits FROM history WHERE event = '{Event.MERCHANT_CREDITED}'
  GROUP BY payment_id) AS h ON h.payment_id = p.id
LEFT JOIN (
  SELECT payment_id, count(*) AS attempts FROM attempts WHERE leg = 'delivery' GROUP BY payment_id) AS a
  ON a.payment_id = p.id
LEFT JOIN (
  SELECT payment_id, sum(amount - from_suspense)::bigint AS taken FROM refunds
  WHERE kind IN ('refund', 'chargeback') AND state NOT IN ({_UNDECIDED}) GROUP BY payment_id) AS r
  ON r.payment_id = p.id
LEFT JOIN (
  SELECT j.payment_id, count(DISTINCT j.id) AS count,
    array_agg(o.account || ' ' || o.amount ORDER BY j.id, o.seq) AS posted
  FROM merchant_orders AS m JOIN journal_entries AS j ON j.payment_id = m.payment_id
    AND j.moment = 'delivered' JOIN postings AS o ON o.entry_id = j.id GROUP BY j.payment_id) AS d
  ON d.payment_id = p.id
LEFT JOIN (
  SELECT payment_id, array_agg(account) AS accounts, array_agg(moved) AS amounts FROM (
    SELECT j.payment_id, o.account, sum(o.amount)::bigint AS moved
    FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
    WHERE j.moment IN ('owed_back_by_shares', 'owed_back_by_shares_reversed')
      AND NOT starts_with(o.account, 'refund_due:')
    GROUP BY j.payment_id, o.account HAVING sum(o.amount) <> 0) AS a GROUP BY payment_id) AS t
  ON t.payment_id = p.id
WHERE starts_with(p.biller_id, '{_MERCHANT}') OR o.payment_id IS NOT NULL ORDER BY p.id
"""  # noqa: S608 - constants
# Each try of a merchant's payment has its price, and no other try has one.
PRICES = f"""
SELECT t.attempt_id, a.outcome, t.charge IS NOT NULL AS is_priced,
  starts_with(p.biller_id, '{_MERCHANT}') AS is_merchants, t.collected,
  p.amount + t.charge + t.fee + t.vat AS price,
  (t.charge, t.fee, t.vat) = (p.charge, p.fee, p.vat) AS is_shown
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id JOIN payments AS p ON p.id = t.payment_id
WHERE t.charge IS NOT NULL OR starts_with(p.biller_id, '{_MERCHANT}') ORDER BY t.attempt_id
"""  # noqa: S608 - constants
BALANCES = f"""
SELECT coalesce(m.partner_id, a.partner_id) AS partner_id, m.owed, m.debt_limit, coalesce(a.held, 0) AS held
FROM merchants AS m FULL JOIN (
  SELECT split_part(account, ':', 3) AS partner_id, -sum(amount)::bigint AS held FROM postings
  WHERE account LIKE 'payable:{_MERCHANT}%' OR account LIKE 'commission_payable:{_MERCHANT}%'
  GROUP BY 1) AS a ON a.partner_id = m.partner_id
ORDER BY 1
"""  # noqa: S608 - constants

Row = Any


def sale_fault(row: Row) -> str | None:
    """What is wrong unless a payment was credited to its shares once, and refunds divided by the rule."""
    return _order_fault(row) or _credit_fault(row) or _refunds_fault(row)


def _order_fault(row: Row) -> str | None:
    """What is wrong unless its order is its merchant's and its shares are whole and on their accounts."""
    if row["ordered_of"] != row["partner_id"] or row["biller_id"] != payee_of(row["partner_id"]):
        return "it has no order of its merchant"
    shares = zip(row["payees"] or [], row["kinds"] or [], row["amounts"] or [], strict=True)
    read = [Share(payee, kind and PayeeKind(kind), Money(amount)) for payee, kind, amount in shares]
    if sum(share.amount.minor for share in read) != row["amount"]:
        return f"its shares do not sum to its {row['amount']} paisa"
    if [share_account(row["partner_id"], share) for share in read] != row["accounts"]:
        return "a share stands on an account that is not its payee's"
    return None


def _credit_fault(row: Row) -> str | None:
    """What is wrong unless it was credited once if it was paid, by one entry equal to its shares."""
    times, is_paid = row["credits"], row["state"] == State.COMPLETED
    checks = (
        (row["attempts"], "somebody was told of it as of a bill"),
        (times > 1 or (is_paid and not times), f"{row['state']}, and credited {times} times"),
        (row["deliveries"] != times, f"credited {times} times, and by {row['deliveries']} entries"),
        (times and row["posted"] != _lines_due(row), "what was credited is not its shares and charges"),
    )
    return next((why for applies, why in checks if applies), None)


def _lines_due(row: Row) -> list[str]:
    """The expected postings of the entry that credits it; empty where its parts do not sum up."""
    parts = (Money(row[name]) for name in ("amount", "charge", "fee", "vat", "rounding"))
    shares = [Stake(*line) for line in zip(row["accounts"], map(Money, row["amounts"]), strict=True)]
    try:
        entry = merchant_credited_entry(shares, Sums(*parts))
    except UnbalancedEntryError:
        return []
    return [f"{line.account} {line.amount}" for line in entry.postings]


def _refunds_fault(row: Row) -> str | None:
    """What is wrong unless each share gave back its largest-remainder part of the refunds, by its entries."""
    accounts, weights, refunded = [*row["accounts"]], [*row["amounts"]], [*row["refunded"]]
    if row["returned"] is not None:
        accounts += [account for _, account, _ in CHARGES]
        weights += [row[name] for name, _, _ in CHARGES]
        refunded += row["returned"]
    if refunded != [*apportion(row["taken"], weights)]:
        return f"its shares have given back {refunded}, which are not the parts of {row['taken']}"
    posted: Mapping[str, int] = dict(
        zip(row["moved_accounts"] or [], row["moved_amounts"] or [], strict=True)
    )
    due = {account: part for account, part in zip(accounts, refunded, strict=True) if part}
    return None if posted == due else "its entries did not take from its shares what they have given back"


def price_fault(row: Row) -> str | None:
    """What is wrong unless tries have prices where they should, and the funding try collected its price."""
    if row["is_priced"] != row["is_merchants"]:
        return "it has no price of its own" if row["is_merchants"] else "a bill's try has a price of its own"
    if row["outcome"] != TryEnd.APPROVED:
        return None
    if row["collected"] != row["price"]:
        return f"it brought {row['collected']} paisa at a price of {row['price']}"
    return None if row["is_shown"] else "its payment shows another price"


def merchant_balance_fault(row: Row) -> str | None:
    """What is wrong unless `owed` is the balance of its accounts and its payees', within the debt limit."""
    if row["owed"] is None:
        return "accounts name it, but there is no such merchant"
    if row["owed"] != row["held"]:
        return f"it is owed {row['owed']} paisa, and its accounts hold {row['held']}"
    return None if row["owed"] >= -row["debt_limit"] else "it owes more than its debt limit"
