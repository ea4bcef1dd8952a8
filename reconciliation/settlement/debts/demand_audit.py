"""What `ekpay audit` proves of demands; needs no extra.

Two persons have made and ended each. What lines of our bank have paid of it and what was written off are on
accounts of its payee, and together never more than it; every write-off rests on its demand, and its paper
says its amount.
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
_CHECKS: Final = (_OVERPAID, _ELSEWHERE, _WRITTEN_OFF, _UNASKED, _ALONE, _PAPER)


async def first_unsound_demand(connection: Connection) -> AuditFinding | None:
    """The first demand that does not hold, or None."""
    for query in _CHECKS:
        row = await connection.fetchrow(query)
        if row is not None:
            return AuditFinding(f"reconciliation.{row['row']}", row["why"])
    return None
