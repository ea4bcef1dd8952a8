"""What `ekpay audit` proves of demands; needs no extra.

Two persons have made and ended each. What lines of our bank have paid of it and what was written off are on
accounts of its payee, and together never more than it; every write-off rests on its demand, and its paper
says its amount. What was set off has come to those accounts as well. Nobody is asked for more than it owed.
"""

from typing import Final

from ekpay_switch.domain.ledger.settlement_postings import DEMAND_WRITTEN_OFF
from ekpay_switch.ports.audit import AuditFinding
from reconciliation.results.table_values import Connection

_OVERPAID: Final = """
SELECT 'demands ' || d.number AS row, p.paisa || ' paisa were paid of it, and ' || coalesce(d.remainder, 0)
  || ' are left, of ' || d.amount AS why
FROM reconciliation.demands AS d
CROSS JOIN LATERAL (SELECT coalesce(sum(s.amount), 0) AS paisa FROM reconciliation.demand_payments AS s
  WHERE s.number = d.number) AS p
WHERE p.paisa + coalesce(d.remainder, 0) > d.amount
  OR d.paid + d.remainder > d.amount OR d.paid < p.paisa
ORDER BY d.number LIMIT 1
"""
_ELSEWHERE: Final = """
SELECT 'unidentified_parts of demand ' || p.number AS row,
  'entry ' || p.entry_id || ' pays ' || p.account || ', which is no account of an approved demand' AS why
FROM reconciliation.demand_payments AS p LEFT JOIN reconciliation.demands AS d ON d.number = p.number
WHERE d.approved_by IS NULL OR p.account <> ALL (reconciliation.demand_accounts(d.role, d.party))
ORDER BY p.number LIMIT 1
"""
_WRITTEN_OFF: Final = """
SELECT 'demands ' || d.number AS row, 'its entry does not write off ' || d.remainder || ' paisa' AS why
FROM reconciliation.demands AS d
LEFT JOIN LATERAL (
  SELECT sum(p.amount) FILTER (WHERE p.account = 'write_off') AS lost,
    sum(p.amount) FILTER (WHERE p.account = ANY (reconciliation.demand_accounts(d.role, d.party))) AS forgiven
  FROM public.postings AS p WHERE p.entry_id = d.end_entry_id) AS p ON true
WHERE d.ending = 'written_off' AND (p.lost, p.forgiven) IS DISTINCT FROM (d.remainder, -d.remainder)
ORDER BY d.number LIMIT 1
"""
_UNASKED: Final = f"""
SELECT 'journal_entries ' || j.id AS row, 'no demand has made it' AS why
FROM public.journal_entries AS j
WHERE j.moment = '{DEMAND_WRITTEN_OFF}' AND NOT EXISTS (
  SELECT FROM reconciliation.demands AS d WHERE d.end_entry_id = j.id)
ORDER BY j.id LIMIT 1
"""  # noqa: S608 - a constant
_ALONE: Final = """
SELECT 'demands ' || number AS row, 'one person has decided it' AS why FROM reconciliation.demands
WHERE approved_by = asked_by OR ended_by = end_approved_by ORDER BY number LIMIT 1
"""
_PAPER: Final = """
SELECT 'demands ' || number AS row, 'its paper does not say ' || amount || ' paisa' AS why
FROM reconciliation.demands WHERE (content ->> 'amount')::bigint <> amount ORDER BY number LIMIT 1
"""
# What is not left of an ended demand has come to the accounts of its payee since it was asked for: by lines
# of our bank, by a write-off, or by what the payee was owed. One pass over the postings for all demands.
_NOT_COME: Final = """
SELECT 'demands ' || c.number AS row, c.paisa || ' paisa have come to its accounts, and ' || c.gone
  || ' are said to be paid, set off or written off' AS why
FROM (
  SELECT d.number, d.amount - CASE d.ending WHEN 'withdrawn' THEN d.remainder ELSE 0 END AS gone,
    coalesce(-sum(p.amount) FILTER (WHERE w.closed_at IS NULL OR w.closed_at >= d.asked_at), 0) AS paisa
  FROM reconciliation.demands AS d
  CROSS JOIN LATERAL unnest(reconciliation.demand_accounts(d.role, d.party)) AS a (account)
  LEFT JOIN public.postings AS p ON p.account = a.account AND p.amount < 0
  LEFT JOIN public.journal_entries AS j ON j.id = p.entry_id
  LEFT JOIN public.settlement_windows AS w ON w.id = j.window_id
  WHERE d.ending IS NOT NULL GROUP BY d.id) AS c
WHERE c.gone > c.paisa ORDER BY c.number LIMIT 1
"""
# The debt by windows that were closed when it was asked for, or approved: each is read by the clock, so a
# window that was being closed at that very moment is on one side of one of both.
_NOT_OWED: Final = """
SELECT 'demands ' || c.number AS row, greatest(c.asked, c.approved) || ' paisa were owed, and ' || c.amount
  || ' are demanded' AS why
FROM (
  SELECT d.number, d.amount,
    coalesce(sum(p.amount) FILTER (WHERE s.since <= d.asked_at), 0) AS asked,
    coalesce(sum(p.amount) FILTER (WHERE s.since <= d.approved_at), 0) AS approved
  FROM reconciliation.demands AS d
  CROSS JOIN LATERAL unnest(reconciliation.demand_accounts(d.role, d.party)) AS a (account)
  LEFT JOIN public.postings AS p ON p.account = a.account
  LEFT JOIN public.journal_entries AS j ON j.id = p.entry_id
  LEFT JOIN public.settlement_windows AS w ON w.id = j.window_id
  CROSS JOIN LATERAL (
    SELECT CASE WHEN starts_with(j.moment, 'settlement_') THEN j.at ELSE w.closed_at END) AS s (since)
  WHERE d.rejected_by IS NULL GROUP BY d.id) AS c
WHERE c.amount > greatest(c.asked, c.approved) ORDER BY c.number LIMIT 1
"""
_CHECKS: Final = (_OVERPAID, _ELSEWHERE, _WRITTEN_OFF, _UNASKED, _ALONE, _PAPER, _NOT_COME, _NOT_OWED)


async def first_unsound_demand(connection: Connection) -> AuditFinding | None:
    """The first demand that does not hold, or None."""
    for query in _CHECKS:
        row = await connection.fetchrow(query)
        if row is not None:
            return AuditFinding(f"reconciliation.{row['row']}", row["why"])
    return None
