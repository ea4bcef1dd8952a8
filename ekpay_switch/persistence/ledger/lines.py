"""The statements that write the frozen lines of our books when windows close.

Successes are read from the journal entries of a window, so that everything posted has a line whatever other
rows say; failures and unknown outcomes are read from attempts and refunds (docs/adr/0054). `net` is always
what moved on the account between us and the party. The instant is that of the entry, or of the attempt where
nothing was posted.
"""

from ekpay_switch.domain.merchants.merchant import payee_of
from ekpay_switch.domain.payments.delivery import RECEIPT, AttemptEnd
from ekpay_switch.persistence.schema.ledger_lines import PREFUND_MOMENTS
from ekpay_switch.ports.finance import LineEvent, LineRole, LineStatus

_MERCHANT = payee_of("")
_MERCHANTS = f"""(starts_with(o.account, 'payable:{_MERCHANT}')
      OR starts_with(o.account, 'commission_payable:{_MERCHANT}'))"""
MOMENTS = (
    *PREFUND_MOMENTS, "collected", "collected_without_payment", "delivered", "dispute_won", "held_in_dispute",
    "owed_back_by_shares",
    "owed_back_by_shares_reversed", "paid_back", "paid_back_late", "posted_after_give_back",
    "posted_after_give_back_reversed",
)  # fmt: skip
_LISTED = ", ".join(f"'{moment}'" for moment in MOMENTS)
_CAME_TO_NOTHING = ", ".join(
    f"'{end}'" for end in (AttemptEnd.DECLINED, AttemptEnd.UNREACHED, AttemptEnd.NOT_POSTED)
)
_ENTRY = "e.id, e.payment_id, e.moment, e.currency, e.business_date, e.window_id, e.at"

# Some billers never get our reference: a challan goes by the reference sent to the treasury, a vend by the
# biller's own quote (docs/adr/0054).
NAMED_BY_BILLER = "nullif(p.facts ->> 'payment_id', ''), nullif(p.biller_quote ->> 'transaction_id', '')"

# $1: the number of entries of each lane, by lane; $2: the window; $3: its date. The entries up to these
# heads.
UP_TO_HEADS = f"""
SELECT {_ENTRY} FROM journal_entries AS e
WHERE e.window_id = $2 AND e.business_date = $3 AND e.seq <= ($1::bigint[])[e.lane + 1]
  AND e.payment_id IS NOT NULL AND e.moment IN ({_LISTED})
"""  # noqa: S608 - constants
# $1: as above; $2: windows. The entries after these heads, looked up by lane and number.
AFTER_HEADS = f"""
SELECT {_ENTRY} FROM lanes AS l
CROSS JOIN LATERAL (SELECT * FROM journal_entries AS j
  WHERE j.lane = l.lane AND j.seq > coalesce(($1::bigint[])[l.lane + 1], 0)) AS e
WHERE e.window_id = ANY($2::bigint[]) AND e.payment_id IS NOT NULL AND e.moment IN ({_LISTED})
"""  # noqa: S608 - constants

_COLUMNS = """window_id, business_date, role, party, account, payment_id, movement, event, status,
  our_reference, their_reference, gross, fee, net, currency, instant"""
# A host knows only the RRN of its message (DE37), no other reference of ours.
_NAMED_BY_HOST = """
LEFT JOIN host_messages AS host ON host.connector_id = {connector} AND host.reference = {reference}
  AND host.state <> 'withdrawn'"""
_COLLECTED = f"""
SELECT e.window_id, e.business_date, '{LineRole.CONNECTOR}', m.connector_id, '', e.payment_id,
  coalesce(f.id, t.attempt_id, e.id), '{LineEvent.PAYMENT}', '{LineStatus.SUCCESS}',
  coalesce(host.rrn, t.reference, e.id::text), coalesce(f.provider_transaction, t.provider_transaction, ''),
  m.gross, m.fee, m.gross - m.fee, e.currency, e.at
FROM entries AS e
LEFT JOIN further_movements AS f ON f.entry_id = e.id
CROSS JOIN LATERAL (
  SELECT split_part(max(o.account) FILTER (WHERE starts_with(o.account, 'receivable:')), ':', 2)
      AS connector_id,
    coalesce(-sum(o.amount) FILTER (
      WHERE o.account = 'in_flight' OR starts_with(o.account, 'suspense:')), 0)::bigint AS gross,
    coalesce(sum(o.amount) FILTER (WHERE starts_with(o.account, 'connector_fee:')), 0)::bigint AS fee
  FROM postings AS o WHERE o.entry_id = e.id) AS m
LEFT JOIN LATERAL (
  SELECT t.attempt_id, a.reference, t.provider_transaction FROM tries AS t
  JOIN attempts AS a ON a.id = t.attempt_id
  WHERE t.payment_id = e.payment_id AND t.connector_id = m.connector_id
  ORDER BY (t.attempt_id = f.attempt_id) IS TRUE DESC, (t.collected_at = e.at) IS TRUE DESC,
    (t.collected = m.gross) IS TRUE DESC, (a.outcome = 'approved') IS TRUE = (e.moment = 'collected') DESC,
    t.attempt_id LIMIT 1) AS t ON true
{_NAMED_BY_HOST.format(connector="m.connector_id", reference="t.reference")}
WHERE e.moment IN ('collected', 'collected_without_payment')
"""  # noqa: S608 - constants
# What a connector holds for a dispute has left us; what it lets go of is money that it brings again.
_PAID_BACK = f"""
SELECT e.window_id, e.business_date, '{LineRole.CONNECTOR}', m.connector_id, '', e.payment_id,
  coalesce(r.id, e.id),
  CASE e.moment WHEN 'dispute_won' THEN '{LineEvent.PAYMENT}' ELSE '{LineEvent.REFUND}' END,
  '{LineStatus.SUCCESS}', coalesce(host.rrn, r.reference, e.id::text), coalesce(r.provider_refund, ''),
  -m.amount, 0, -m.amount, e.currency, e.at
FROM entries AS e
CROSS JOIN LATERAL (
  SELECT split_part(max(o.account), ':', 2) AS connector_id, coalesce(-sum(o.amount), 0)::bigint AS amount
  FROM postings AS o WHERE o.entry_id = e.id AND starts_with(o.account, 'receivable:')) AS m
LEFT JOIN LATERAL (
  SELECT r.id, a.reference, r.provider_refund FROM refunds AS r JOIN attempts AS a ON a.id = r.attempt_id
  LEFT JOIN refund_history AS s ON s.refund_id = r.id
    AND (s.to_state IN ('done', 'held', 'returned') OR s.event = 'given_late')
  WHERE r.payment_id = e.payment_id AND r.connector_id = m.connector_id
  ORDER BY (s.at = e.at) IS TRUE DESC, r.amount = m.amount DESC, r.id LIMIT 1) AS r ON true
{_NAMED_BY_HOST.format(connector="m.connector_id", reference="r.reference")}
WHERE e.moment IN ('dispute_won', 'held_in_dispute', 'paid_back', 'paid_back_late')
"""  # noqa: S608 - constants
# The attempt that succeeded is looked up by its payment; for a late success, among the attempts before it.
_DELIVERED = f"""
SELECT e.window_id, e.business_date, '{LineRole.BILLER}', m.biller_id, '', e.payment_id,
  coalesce(a.id, e.id),
  CASE WHEN m.amount < 0 THEN '{LineEvent.REVERSAL}' ELSE '{LineEvent.PAYMENT}' END,
  '{LineStatus.SUCCESS}', coalesce({NAMED_BY_BILLER}, a.reference, e.id::text),
  coalesce(p.facts ->> '{RECEIPT}', ''), m.amount + sign(m.amount)::int * coalesce(p.rounding, 0), 0,
  m.amount + sign(m.amount)::int * coalesce(p.rounding, 0), e.currency, e.at
FROM entries AS e
LEFT JOIN payments AS p ON p.id = e.payment_id
JOIN LATERAL (
  SELECT split_part(max(o.account), ':', 2) AS biller_id, -sum(o.amount)::bigint AS amount
  FROM postings AS o WHERE o.entry_id = e.id AND NOT {_MERCHANTS}
    AND (starts_with(o.account, 'payable:') OR starts_with(o.account, 'biller_deposit:'))
  HAVING count(*) > 0) AS m ON true
LEFT JOIN LATERAL (
  SELECT a.id, a.reference FROM attempts AS a WHERE a.payment_id = e.payment_id AND a.leg = 'delivery'
    AND a.outcome = '{AttemptEnd.APPROVED}' AND e.moment IN ('delivered', 'returned_to_prefund')
  UNION ALL (
    SELECT a.id, a.reference FROM attempts AS a WHERE a.payment_id = e.payment_id AND a.leg = 'delivery'
      AND a.opened_at BETWEEN p.created_at AND e.at
    ORDER BY (a.outcome = '{AttemptEnd.DISAGREED}') IS TRUE DESC, (a.closed_at = e.at) IS TRUE DESC,
      a.opened_at DESC, a.id LIMIT 1)
  LIMIT 1) AS a ON true
WHERE e.moment IN ('delivered', 'posted_after_give_back', 'posted_after_give_back_reversed',
  'returned_to_prefund')
"""  # noqa: S608 - constants
# A payment is positive as in all lines, though it takes from the prefund; its reversal is negative. One that
# the partner pays after all, once it had been reversed, is a movement of its own.
_PREFUND_MOVEMENTS = f"""
SELECT e.window_id, e.business_date, '{LineRole.PARTNER}', split_part(m.account, ':', 2), m.account,
  e.payment_id, CASE e.moment WHEN 'debited_after_late_success' THEN e.id ELSE e.payment_id END,
  CASE WHEN e.moment IN ('accepted', 'debited_after_late_success') THEN '{LineEvent.PAYMENT}'
    WHEN e.moment = 'given_back' THEN '{LineEvent.REVERSAL}' ELSE '{LineEvent.REFUND}' END,
  '{LineStatus.SUCCESS}', e.payment_id::text, coalesce(p.reference, ''), m.amount, 0, m.amount, e.currency,
  e.at
FROM entries AS e
LEFT JOIN payments AS p ON p.id = e.payment_id
CROSS JOIN LATERAL (
  SELECT o.account, sum(o.amount)::bigint AS amount FROM postings AS o
  WHERE o.entry_id = e.id AND starts_with(o.account, 'prefund:') GROUP BY o.account) AS m
WHERE e.moment IN {PREFUND_MOMENTS}
"""  # noqa: S608 - constants
_CREDITED = f"""
SELECT e.window_id, e.business_date, '{LineRole.MERCHANT}', split_part(m.account, ':', 3), m.account,
  e.payment_id, CASE e.moment WHEN 'delivered' THEN e.payment_id ELSE coalesce(r.id, e.id) END,
  CASE e.moment WHEN 'delivered' THEN '{LineEvent.PAYMENT}'
    WHEN 'owed_back_by_shares' THEN '{LineEvent.REFUND}' ELSE '{LineEvent.REVERSAL}' END,
  '{LineStatus.SUCCESS}', coalesce(b.ekpay_trnx_id, e.payment_id::text), coalesce(b.trnx_id, ''), m.amount,
  0, m.amount, e.currency, e.at
FROM entries AS e
LEFT JOIN merchant_orders AS b ON b.payment_id = e.payment_id
CROSS JOIN LATERAL (
  SELECT o.account, -sum(o.amount)::bigint AS amount FROM postings AS o
  WHERE o.entry_id = e.id AND {_MERCHANTS} GROUP BY o.account) AS m
LEFT JOIN LATERAL (
  SELECT r.id FROM refunds AS r
  WHERE r.payment_id = e.payment_id AND r.kind IN ('refund', 'chargeback') AND e.moment <> 'delivered'
  ORDER BY r.created_at = e.at
      OR EXISTS (SELECT FROM refund_history AS s WHERE s.refund_id = r.id AND s.at = e.at) DESC,
    r.id LIMIT 1) AS r ON true
WHERE e.moment IN ('delivered', 'owed_back_by_shares', 'owed_back_by_shares_reversed')
"""  # noqa: S608 - constants
_OF_INSTITUTIONS = f"{_COLLECTED} UNION ALL {_PAID_BACK} UNION ALL {_DELIVERED}"
_POSTED = f"{_OF_INSTITUTIONS} UNION ALL {_PREFUND_MOVEMENTS} UNION ALL {_CREDITED}"

# $1: the window; $2: its date. Lines that were unknown and have failed since; a success has an entry.
_RESOLVED_UNKNOWNS = f"""
SELECT $1::bigint, $2::date, l.role, l.party, l.account, l.payment_id, l.movement, l.event,
  '{LineStatus.FAILED}', l.our_reference, '', l.gross, l.fee, l.net, l.currency, l.instant
FROM ledger_lines AS l
LEFT JOIN attempts AS a ON a.id = l.movement AND a.state = 'closed'
LEFT JOIN tries AS t ON t.attempt_id = a.id
LEFT JOIN refunds AS r ON r.id = l.movement
WHERE l.status = '{LineStatus.UNKNOWN}'
  AND NOT EXISTS (SELECT FROM ledger_lines AS n WHERE n.role = l.role AND n.movement = l.movement
    AND n.account = l.account AND n.event = l.event AND n.revision > l.revision)
  AND CASE
    WHEN l.event = '{LineEvent.REFUND}'
      THEN r.state IN ('failed', 'by_hand') OR r.state = 'done' AND r.confirmed_by IS NOT NULL
    WHEN l.role = '{LineRole.CONNECTOR}' THEN a.id IS NOT NULL AND t.collected IS NULL
    ELSE a.outcome IN ({_CAME_TO_NOTHING}) END
"""  # noqa: S608 - constants
# $3, $4: between which instants attempts were opened; $5, $6: connectors and their fees in basis points; $7:
# the end of the date. What succeeded before it has an entry in a window that closes now or has closed.
_UNBOOKED = f"""
SELECT $1::bigint, $2::date, '{LineRole.CONNECTOR}', a.far_side, '', a.payment_id, a.id,
  '{LineEvent.PAYMENT}',
  CASE WHEN a.state = 'closed' AND t.collected IS NULL THEN '{LineStatus.FAILED}'
    ELSE '{LineStatus.UNKNOWN}' END,
  coalesce(host.rrn, a.reference), '', g.gross, f.fee, g.gross - f.fee, p.currency, a.opened_at
FROM attempts AS a
JOIN payments AS p ON p.id = a.payment_id
LEFT JOIN tries AS t ON t.attempt_id = a.id
LEFT JOIN unnest($5::text[], $6::integer[]) AS k (connector_id, basis_points) ON k.connector_id = a.far_side
{_NAMED_BY_HOST.format(connector="a.far_side", reference="a.reference")}
CROSS JOIN LATERAL (SELECT p.amount + p.rounding + coalesce(t.charge, p.charge) + coalesce(t.fee, p.fee)
  + coalesce(t.vat, p.vat) AS gross) AS g
CROSS JOIN LATERAL (SELECT (g.gross * coalesce(k.basis_points, 0) + 5000) / 10000 AS fee) AS f
WHERE a.leg = 'funds' AND a.opened_at >= $3 AND a.opened_at < $4
  AND (t.collected_at IS NULL OR t.collected_at >= $7)
UNION ALL
SELECT $1::bigint, $2::date, '{LineRole.BILLER}', a.far_side, '', a.payment_id, a.id, '{LineEvent.PAYMENT}',
  CASE WHEN a.outcome IN ({_CAME_TO_NOTHING}) AND a.state = 'closed' THEN '{LineStatus.FAILED}'
    ELSE '{LineStatus.UNKNOWN}' END,
  CASE a.outcome WHEN '{AttemptEnd.UNREACHED}' THEN a.reference
    ELSE coalesce({NAMED_BY_BILLER}, a.reference) END,
  '', p.amount + p.rounding, 0, p.amount + p.rounding, p.currency, a.opened_at
FROM attempts AS a JOIN payments AS p ON p.id = a.payment_id
WHERE a.leg = 'delivery' AND a.opened_at >= $3 AND a.opened_at < $4
  AND (a.outcome IS DISTINCT FROM '{AttemptEnd.APPROVED}'
    OR a.closed_at >= $7)
UNION ALL
SELECT $1::bigint, $2::date, '{LineRole.CONNECTOR}', r.connector_id, '', r.payment_id, r.id,
  '{LineEvent.REFUND}', '{LineStatus.UNKNOWN}', coalesce(host.rrn, a.reference),
  coalesce(r.provider_refund, ''), -r.amount, 0, -r.amount, p.currency, s.sent_at
FROM (
  SELECT id FROM refunds WHERE state IN ('sent', 'in_doubt')
  UNION
  SELECT r.id FROM journal_entries AS e JOIN refunds AS r ON r.payment_id = e.payment_id
  WHERE e.business_date = $2::date + 1 AND e.moment = 'paid_back'
    AND r.state = 'done' AND r.confirmed_by IS NULL) AS air
JOIN refunds AS r ON r.id = air.id
JOIN payments AS p ON p.id = r.payment_id
JOIN attempts AS a ON a.id = r.attempt_id
{_NAMED_BY_HOST.format(connector="r.connector_id", reference="a.reference")}
CROSS JOIN LATERAL (SELECT min(at) AS sent_at FROM refund_history AS s
  WHERE s.refund_id = r.id AND s.event = 'sending') AS s
WHERE s.sent_at < $4
"""  # noqa: S608 - constants
_WITHOUT_LINE = """
WHERE NOT EXISTS (SELECT FROM ledger_lines AS n WHERE n.role = l.role AND n.movement = l.movement
  AND n.account = l.account AND n.event = l.event)
"""


def _freeze(lines: str, condition: str = "", before: str = "") -> str:
    """The INSERT of the lines of a query, numbered within their window, each with its next revision."""
    return f"""
{before} INSERT INTO ledger_lines (ordinal, revision, {_COLUMNS})
SELECT coalesce((SELECT max(n.ordinal) FROM ledger_lines AS n WHERE n.window_id = l.window_id), 0)
    + row_number() OVER (PARTITION BY l.window_id
      ORDER BY l.instant, l.role, l.movement, l.account, l.event, l.gross),
  coalesce((SELECT max(n.revision) FROM ledger_lines AS n WHERE n.role = l.role AND n.movement = l.movement
      AND n.account = l.account AND n.event = l.event), 0)
    + row_number() OVER (PARTITION BY l.role, l.movement, l.account, l.event ORDER BY l.instant, l.gross),
  {_COLUMNS}
FROM ({lines}) AS l ({_COLUMNS}) {condition}
ORDER BY 3, 1
"""  # noqa: S608 - constants


FREEZE_STANDING = _freeze(_POSTED, before=f"WITH entries AS MATERIALIZED ({UP_TO_HEADS})")
FREEZE_LATEST = _freeze(_POSTED, before=f"WITH entries AS MATERIALIZED ({AFTER_HEADS})")
FREEZE_RESOLVED = _freeze(_RESOLVED_UNKNOWNS)
FREEZE_UNBOOKED = _freeze(_UNBOOKED, _WITHOUT_LINE)
