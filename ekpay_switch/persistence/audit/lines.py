"""Audit checks of frozen lines: they agree with what was posted, and none is missing.

The lines of a window are compared with its entries, payment by payment, to find an entry without a line and a
line that differs from what was posted (docs/adr/0054). The postings are summed by queries of their own, not
by those that froze the lines.
"""

from typing import Any

from ekpay_switch.domain.merchants.merchant import payee_of
from ekpay_switch.persistence.ledger.lines import NAMED_BY_BILLER
from ekpay_switch.ports.finance import LineEvent, LineRole, LineStatus

Row = Any

_MERCHANT = payee_of("")
_CLOSED = "SELECT id, business_date FROM settlement_windows WHERE state <> 'open'"
# The role, place and event of each posting on the statement it belongs to, and its amount there.
_POSTED = f"""
SELECT e.window_id, e.payment_id,
  CASE WHEN e.moment IN ('held_in_dispute', 'paid_back', 'paid_back_late', 'owed_back_by_shares')
      OR (e.moment LIKE 'returned_%' AND o.account LIKE 'prefund:%') THEN '{LineEvent.REFUND}'
    WHEN e.moment IN ('given_back', 'owed_back_by_shares_reversed', 'posted_after_give_back_reversed',
      'returned_to_prefund') THEN '{LineEvent.REVERSAL}'
    ELSE '{LineEvent.PAYMENT}' END AS event,
  CASE split_part(o.account, ':', 1) WHEN 'receivable' THEN '{LineRole.CONNECTOR}'
    WHEN 'prefund' THEN '{LineRole.PARTNER}'
    ELSE CASE split_part(o.account, ':', 2) WHEN '{_MERCHANT.removesuffix(":")}' THEN '{LineRole.MERCHANT}'
      ELSE '{LineRole.BILLER}' END END AS role,
  CASE split_part(o.account, ':', 1) WHEN 'prefund' THEN o.account
    ELSE CASE split_part(o.account, ':', 2) WHEN '{_MERCHANT.removesuffix(":")}' THEN o.account
      ELSE split_part(o.account, ':', 2) END END AS place,
  CASE WHEN split_part(o.account, ':', 1) IN ('receivable', 'prefund') THEN o.amount ELSE -o.amount END
    AS moved
FROM ({_CLOSED}) AS w
JOIN journal_entries AS e ON e.window_id = w.id AND e.business_date = w.business_date
JOIN postings AS o ON o.entry_id = e.id
WHERE e.payment_id IS NOT NULL AND (
  e.moment IN ('collected', 'collected_without_payment', 'dispute_won', 'held_in_dispute', 'paid_back',
      'paid_back_late') AND o.account LIKE 'receivable:%'
  OR e.moment IN ('accepted', 'debited_after_late_success', 'given_back', 'returned_at_our_loss',
      'returned_to_prefund') AND o.account LIKE 'prefund:%'
  OR e.moment IN ('delivered', 'posted_after_give_back', 'posted_after_give_back_reversed',
      'returned_to_prefund', 'owed_back_by_shares', 'owed_back_by_shares_reversed')
    AND (o.account LIKE '%payable:%' OR o.account LIKE 'biller_deposit:%'))
"""  # noqa: S608 - constants
# The biller was sent the rounded bill (docs/adr/0025), and is owed the exact one.
_STATED = f"""
SELECT l.window_id, l.payment_id, l.event, l.role,
  CASE WHEN l.account = '' THEN l.party ELSE l.account END AS place,
  l.net - CASE l.role WHEN '{LineRole.BILLER}' THEN sign(l.net)::int * p.rounding ELSE 0 END AS said, l.id
FROM ledger_lines AS l LEFT JOIN payments AS p ON p.id = l.payment_id
WHERE l.status = '{LineStatus.SUCCESS}'
"""  # noqa: S608 - constants
POSTED = f"""
SELECT coalesce(s.window_id, e.window_id) AS window_id, coalesce(s.payment_id, e.payment_id) AS payment_id,
  coalesce(s.event, e.event) AS event, coalesce(s.role, e.role) AS role, coalesce(s.place, e.place) AS place,
  s.said, e.moved,
  coalesce('ledger_lines ' || s.line, 'settlement_windows ' || e.window_id) AS row
FROM (
  SELECT window_id, payment_id, event, role, place, sum(said)::bigint AS said, min(id) AS line
  FROM ({_STATED}) AS s GROUP BY 1, 2, 3, 4, 5) AS s
FULL JOIN (
  SELECT window_id, payment_id, event, role, place, sum(moved)::bigint AS moved
  FROM ({_POSTED}) AS e GROUP BY 1, 2, 3, 4, 5) AS e
  ON e.window_id = s.window_id AND e.payment_id = s.payment_id AND e.event = s.event AND e.role = s.role
  AND e.place = s.place
WHERE s.said IS DISTINCT FROM e.moved ORDER BY s.line, 1, 2, 3, 4, 5
"""  # noqa: S608 - constants
# The fees of connectors, window by window: net alone would not show a change of gross and fee together.
FEES = f"""
SELECT coalesce(l.window_id, e.window_id) AS window_id, coalesce(l.party, e.party) AS party,
  coalesce(l.fee, 0) AS fee, coalesce(e.kept, 0) AS kept
FROM (
  SELECT window_id, party, sum(fee)::bigint AS fee FROM ledger_lines
  WHERE role = '{LineRole.CONNECTOR}' AND status = '{LineStatus.SUCCESS}' GROUP BY 1, 2) AS l
FULL JOIN (
  SELECT e.window_id, split_part(o.account, ':', 2) AS party, sum(o.amount)::bigint AS kept
  FROM ({_CLOSED}) AS w
  JOIN journal_entries AS e ON e.window_id = w.id AND e.business_date = w.business_date
  JOIN postings AS o ON o.entry_id = e.id AND o.account LIKE 'connector_fee:%'
  WHERE e.moment IN ('collected', 'collected_without_payment') GROUP BY 1, 2) AS e
  ON e.window_id = l.window_id AND e.party = l.party
WHERE coalesce(l.fee, 0) <> coalesce(e.kept, 0) ORDER BY 1, 2
"""  # noqa: S608 - constants
# Lines of a window are numbered 1..n, have its date, and exist only once it has closed.
NUMBERED = """
SELECT l.window_id, count(*) AS count, max(l.ordinal) AS last, bool_and(l.business_date = w.business_date)
  AS is_of_its_day, bool_and(w.state <> 'open') AS is_closed
FROM ledger_lines AS l JOIN settlement_windows AS w ON w.id = l.window_id GROUP BY l.window_id
ORDER BY l.window_id
"""
# Lines whose reference is not the one that the institution knows.
NAMED = f"""
SELECT l.id, l.our_reference, a.reference FROM ledger_lines AS l
LEFT JOIN refunds AS r ON r.id = l.movement
LEFT JOIN further_movements AS f ON f.id = l.movement
JOIN attempts AS a ON a.id = coalesce(r.attempt_id, f.attempt_id, l.movement)
JOIN payments AS p ON p.id = a.payment_id
LEFT JOIN host_messages AS h ON h.connector_id = l.party AND h.reference = a.reference
  AND h.rrn = l.our_reference
WHERE l.role IN ('{LineRole.CONNECTOR}', '{LineRole.BILLER}')
  AND l.our_reference <> a.reference AND h.rrn IS NULL
  AND (l.role = '{LineRole.CONNECTOR}' OR coalesce(l.our_reference NOT IN ({NAMED_BY_BILLER}), true))
ORDER BY l.id
"""  # noqa: S608 - constants
REVISED = """
SELECT max(id) AS id, count(*) AS count, max(revision) AS last,
  array_agg(status ORDER BY revision) AS told FROM ledger_lines
GROUP BY role, movement, account, event HAVING count(*) > 1 OR max(revision) > 1 ORDER BY 1
"""


def posted_fault(row: Row) -> str:
    """What is wrong: a payment's lines in a window differ from what was posted."""
    stated, posted = row["said"], row["moved"]
    subject = f"{row['role']} {row['place']}, {row['event']} of {row['payment_id']}"
    if stated is None:
        return f"{posted} paisa of {subject}, were posted, and no line says so"
    if posted is None:
        return f"{stated} paisa of {subject}, are said, and nothing was posted"
    return f"{stated} paisa of {subject}, are said, and {posted} were posted"


def fee_fault(row: Row) -> str:
    """What is wrong: a connector's lines in a window differ from the fees that were posted."""
    return f"lines say that {row['party']} kept {row['fee']} paisa, and {row['kept']} were posted"


def numbered_fault(row: Row) -> str | None:
    """What is wrong unless the lines of a window are complete and of its date, and it has closed."""
    checks = (
        (row["count"] != row["last"], f"{row['count']} lines, and the last is number {row['last']}"),
        (not row["is_of_its_day"], "a line of another date"),
        (not row["is_closed"], "lines of a window that is open"),
    )
    return next((why for applies, why in checks if applies), None)


def named_fault(row: Row) -> str:
    """What is wrong: the institution does not know the reference of the line."""
    return f"its reference is {row['our_reference']}, and was told as {row['reference']}"


def revised_fault(row: Row) -> str | None:
    """What is wrong unless later revisions only resolve an unknown outcome, or are a late success."""
    if row["count"] != row["last"]:
        return f"{row['count']} revisions, and the last is number {row['last']}"
    *before, _ = row["told"]
    if LineStatus.SUCCESS in before or LineStatus.UNKNOWN in row["told"][1:]:
        return f"said again though it had ended: {', '.join(row['told'])}"
    return None


# Without a closed window there are no lines to check.
IS_CLOSED = "SELECT EXISTS (SELECT FROM settlement_windows WHERE state <> 'open')"
LINE_CHECKS = (
    (POSTED, posted_fault, "{row}"),
    (FEES, fee_fault, "ledger_lines of window {window_id}"),
    (NUMBERED, numbered_fault, "ledger_lines of window {window_id}"),
    (NAMED, named_fault, "ledger_lines {id}"),
    (REVISED, revised_fault, "ledger_lines {id}"),
)
