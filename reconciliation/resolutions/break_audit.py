"""What `ekpay audit` proves of breaks and payouts (entry point group `ekpay.audits`); needs no extra.

The hash chain shows events that were changed, inserted or deleted. Events cut off at its end show in rows
written in the same transaction: a run keeps the number of its last event, every break was found, every
decision was proposed, and every check is an event. A note, or an attempt that the database refused, has no
other row: cut off as the last event, it is not missed.
"""

from typing import Final

from ekpay_switch.ports.audit import AuditFinding
from reconciliation.resolutions.closed_months import verify_closed_months
from reconciliation.resolutions.decision_proofs import verify_decisions
from reconciliation.results.event_chain import first_broken_event
from reconciliation.results.issued_invoices import first_unsound_document
from reconciliation.results.payout_proofs import broken_payout
from reconciliation.results.table_values import Connection
from reconciliation.unidentified.item_audit import first_unsound_item

_LAST: Final = "SELECT coalesce(max(seq), 0) FROM reconciliation.break_events"
_CUT_OFF: Final = """
SELECT 'runs ' || seq AS row, 'it left event ' || (figures ->> 'events') || ' of breaks, which is gone' AS why
FROM reconciliation.runs WHERE (figures ->> 'events')::bigint > $1
ORDER BY seq LIMIT 1
"""
_UNTOLD: Final = """
SELECT 'breaks ' || b.id AS row, 'no event says that it was found' AS why
FROM reconciliation.breaks b WHERE NOT EXISTS (
  SELECT FROM reconciliation.break_events e WHERE e.break_id = b.id AND e.event = 'found')
ORDER BY b.id LIMIT 1
"""
_UNPROPOSED: Final = """
SELECT 'resolutions ' || r.id AS row, 'no event says that it was made' AS why
FROM reconciliation.resolutions r WHERE NOT EXISTS (
  SELECT FROM reconciliation.break_events e WHERE e.break_id = r.break_id
    AND e.event = CASE WHEN r.maker IS NULL THEN 'reversed' ELSE 'proposed' END
    AND e.facts ->> 'resolution' = r.id::text)
ORDER BY r.id LIMIT 1
"""
_UNCHECKED: Final = """
SELECT 'resolution_checks ' || c.resolution_id || ' of ' || c.checker AS row, 'no event says it' AS why
FROM reconciliation.resolution_checks c
JOIN reconciliation.resolutions r ON r.id = c.resolution_id WHERE NOT EXISTS (
  SELECT FROM reconciliation.break_events e WHERE e.break_id = r.break_id AND e.actor = c.checker
    AND e.event IN ('approved', 'rejected', 'reversed') AND e.facts ->> 'resolution' = r.id::text)
ORDER BY c.resolution_id, c.checker LIMIT 1
"""
_LAPSED: Final = """
SELECT 'resolution_ends ' || d.resolution_id AS row, 'no event says that it lapsed' AS why
FROM reconciliation.resolution_ends d
JOIN reconciliation.resolutions r ON r.id = d.resolution_id
WHERE d.outcome = 'lapsed' AND NOT EXISTS (
  SELECT FROM reconciliation.break_events e WHERE e.break_id = r.break_id
    AND e.event = 'rejected' AND e.facts ->> 'resolution' = r.id::text)
ORDER BY d.resolution_id LIMIT 1
"""
# A payout lacks once what it lacks: of two lines that pay it, one is booked to the wrong debt.
_PAID_TWICE: Final = """
SELECT 'resolutions ' || max(r.id::text) AS row, 'payout ' || p.key || ' is paid by two lines' AS why
FROM reconciliation.resolutions r
JOIN reconciliation.resolution_ends e ON e.resolution_id = r.id AND e.outcome = 'approved'
CROSS JOIN LATERAL jsonb_each(r.postings -> 'payouts') AS p
WHERE r.action = 'pays_payouts' AND r.reverses IS NULL AND NOT EXISTS (
  SELECT FROM reconciliation.resolutions b
  JOIN reconciliation.resolution_ends f ON f.resolution_id = b.id AND f.outcome = 'approved'
  WHERE b.reverses = r.id)
GROUP BY p.key HAVING count(*) > 1 ORDER BY p.key LIMIT 1
"""
# The lines that a mirror binds must exist; `mirror --verify` checks its content.
_UNHELD: Final = """
SELECT 'mirrors ' || m.id AS row, 'its window is open, or has no line of its last ordinal' AS why
FROM reconciliation.mirrors m WHERE NOT EXISTS (
  SELECT FROM public.settlement_windows w JOIN public.ledger_lines l ON l.window_id = w.id
  WHERE w.id = m.window_id AND w.business_date = m.business_date AND w.state <> 'open'
    AND l.ordinal = m.last_ordinal AND l.id <= m.last_line)
ORDER BY m.id LIMIT 1
"""


async def first_broken(connection: Connection) -> AuditFinding | None:
    """See `ekpay_switch.ports.audit.AuditCheck`: breaks, decisions, months, invoices, payouts, bank lines."""
    event = await first_broken_event(connection)
    if event is not None:
        return AuditFinding(f"reconciliation.break_events {event[0]}", event[1])
    last = await connection.fetchval(_LAST)
    for query, *values in (
        (_CUT_OFF, last),
        (_UNTOLD,),
        (_UNPROPOSED,),
        (_UNCHECKED,),
        (_LAPSED,),
        (_PAID_TWICE,),
        (_UNHELD,),
    ):
        row = await connection.fetchrow(query, *values)
        if row is not None:
            return AuditFinding(f"reconciliation.{row['row']}", row["why"])
    words = await verify_decisions(connection)
    if words is not None:
        return AuditFinding("reconciliation.resolutions", words)
    for check, table in (
        (verify_closed_months, "closed_months "),
        (first_unsound_document, "fee_invoices "),
        (broken_payout, ""),
    ):
        found = await check(connection)
        if found is not None:
            return AuditFinding(f"reconciliation.{table}{found[0]}", found[1])
    return await first_unsound_item(connection)
