"""What `ekpay audit` proves of withdrawals, changed accounts and tax (`ekpay.audits`); needs no extra.

Each approved withdrawal has moved exactly its amount from its prefund, and each cancelled one has put it
back; no such entry stands without its withdrawal. A sweep of our own money took no more than its closed
period held, and left the reserve. Of the top-ups of a deposit one was on its way at a time, and what left
transit is in the deposit. An instruction names the account that was valid then. Tax was withheld by the rate
of what a month has paid, and each of its entries is one of a payout or a sweep; certificates of it are what
was issued and what the ledger says. What was paid and written off of a demand is never more than it.
"""

from typing import Final

from ekpay_switch.ports.audit import AuditFinding
from reconciliation.results.issued_certificates import first_unsound_certificate
from reconciliation.results.table_values import Connection
from reconciliation.settlement.debts.demand_audit import first_unsound_demand

_MOVED: Final = """
SELECT 'withdrawals ' || w.number AS row, 'its entry does not move ' || w.amount || ' paisa' AS why
FROM (
  SELECT number, reconciliation.withdrawal_accounts(partner, bucket) AS moved, amount, entry_id AS entry,
    1 AS sign
  FROM reconciliation.withdrawals WHERE approved_by IS NOT NULL
  UNION ALL
  SELECT number, reconciliation.withdrawal_accounts(partner, bucket), amount, cancel_entry_id, -1
  FROM reconciliation.withdrawals WHERE cancelled_by IS NOT NULL) AS w
LEFT JOIN LATERAL (
  SELECT count(*) AS postings,
    sum(p.amount) FILTER (WHERE p.account = w.moved[1]) AS held,
    sum(p.amount) FILTER (WHERE p.account = w.moved[2]) AS due
  FROM public.postings AS p WHERE p.entry_id = w.entry) AS p ON true
WHERE (p.postings, p.held, p.due) IS DISTINCT FROM (2, w.sign * w.amount, -w.sign * w.amount)
ORDER BY w.number LIMIT 1
"""
_UNASKED: Final = """
SELECT 'journal_entries ' || j.id AS row, 'no withdrawal has made it' AS why
FROM public.postings AS p JOIN public.journal_entries AS j ON j.id = p.entry_id
WHERE (p.account LIKE 'withdrawal_due:%' OR p.account LIKE 'sweep_due:%' OR p.account LIKE 'deposit_due:%'
    OR p.account LIKE 'biller_deposit:%:in_transit')
  AND NOT starts_with(j.moment, 'settlement_') AND NOT EXISTS (
  SELECT FROM reconciliation.withdrawals AS w WHERE j.id IN (w.entry_id, w.cancel_entry_id))
ORDER BY j.id LIMIT 1
"""
# What the closed windows up to its day hold, against every sweep that stood when it was approved.
_OVERSWEPT: Final = """
SELECT 'withdrawals ' || w.number AS row, 'more is swept than its account held by ' || w.until AS why
FROM reconciliation.withdrawals AS w
WHERE w.approved_by IS NOT NULL AND w.until IS NOT NULL AND (
  SELECT coalesce(sum(s.amount), 0) FROM reconciliation.withdrawals AS s
  WHERE s.bucket = w.bucket AND s.approved_at <= w.approved_at
    AND (s.cancelled_at IS NULL OR s.cancelled_at > w.approved_at)) > (
  SELECT coalesce(-sum(p.amount), 0)
  FROM public.postings AS p JOIN public.journal_entries AS j ON j.id = p.entry_id
  JOIN public.settlement_windows AS d ON d.id = j.window_id
  WHERE p.account = (reconciliation.withdrawal_accounts(w.partner, w.bucket))[1] AND d.state <> 'open'
    AND j.business_date <= w.until AND NOT starts_with(j.moment, 'sweep_'))
ORDER BY w.number LIMIT 1
"""
_UNCOVERED: Final = """
SELECT 'withdrawals ' || number AS row, 'it was taken below the reserve' AS why
FROM reconciliation.withdrawals
WHERE approved_by IS NOT NULL AND bucket NOT IN ('postpaid', 'prepaid')
  AND (cover_after >= reserve) IS NOT TRUE
ORDER BY number LIMIT 1
"""
# In transit is what was approved and is neither cancelled nor moved by a bank, whose newest step counts.
_IN_TRANSIT: Final = """
SELECT 'withdrawals of ' || t.partner AS row,
  t.paisa || ' paisa are on their way, and ' || coalesce(p.paisa, 0) || ' are in transit' AS why
FROM (
  SELECT w.partner,
    coalesce(sum(w.amount) FILTER (WHERE w.approved_by IS NOT NULL AND w.cancelled_by IS NULL), 0)
    - coalesce((SELECT sum(e.moved) FROM reconciliation.settlement_instructions AS i
      CROSS JOIN LATERAL (SELECT s.moved FROM reconciliation.settlement_endings AS s
        WHERE s.end_to_end_id = i.end_to_end_id ORDER BY s.revision DESC LIMIT 1) AS e
      WHERE i.role = 'deposit' AND i.party = w.partner), 0) AS paisa
  FROM reconciliation.withdrawals AS w WHERE w.bucket = 'deposit' GROUP BY w.partner) AS t
LEFT JOIN LATERAL (SELECT sum(o.amount) AS paisa FROM public.postings AS o
  WHERE o.account = 'biller_deposit:' || t.partner || ':in_transit'
    AND o.account LIKE 'biller_deposit:%') AS p ON true
WHERE t.paisa <> coalesce(p.paisa, 0) ORDER BY t.partner LIMIT 1
"""
_NOT_ARRIVED: Final = """
SELECT 'journal_entries ' || j.id AS row, 'what left transit is not in the deposit' AS why
FROM public.postings AS p JOIN public.journal_entries AS j ON j.id = p.entry_id
WHERE p.account LIKE 'biller_deposit:%:in_transit' AND p.account LIKE 'biller_deposit:%'
  AND starts_with(j.moment, 'settlement_') AND NOT EXISTS (
  SELECT FROM public.postings AS o WHERE o.entry_id = p.entry_id AND o.amount = -p.amount
    AND o.account = left(p.account, -length(':in_transit')))
ORDER BY j.id LIMIT 1
"""
# What was in transit just behind each approval: its own amount, or less where a bank has moved too much.
_TWICE: Final = """
SELECT 'withdrawals ' || w.number AS row, 'another top-up of the deposit was on its way' AS why
FROM reconciliation.withdrawals AS w JOIN public.journal_entries AS j ON j.id = w.entry_id
WHERE w.bucket = 'deposit' AND w.amount < (
  SELECT sum(p.amount) FROM public.postings AS p JOIN public.journal_entries AS e ON e.id = p.entry_id
  WHERE p.account = 'biller_deposit:' || w.partner || ':in_transit' AND p.account LIKE 'biller_deposit:%'
    AND e.lane = j.lane AND e.seq <= j.seq)
ORDER BY w.number LIMIT 1
"""
_ALONE: Final = """
SELECT row, 'one person has decided it' AS why FROM (
  SELECT 'withdrawals ' || number AS row FROM reconciliation.withdrawals
  WHERE approved_by = asked_by OR cancelled_by = cancel_approved_by
  UNION ALL SELECT 'account_changes ' || number FROM reconciliation.account_changes
  WHERE approved_by = asked_by) AS alone
ORDER BY row LIMIT 1
"""
# An instruction with tax has moved it once, a rejection has restored it, a reinstatement moved it again.
_TAX_MOVED: Final = """
WITH due AS (
  SELECT end_to_end_id, 0 AS revision, amount + withheld AS gross, withheld AS tax
  FROM reconciliation.settlement_instructions WHERE withheld > 0
  UNION ALL
  SELECT i.end_to_end_id, e.revision, s.sign * (i.amount + i.withheld), s.sign * i.withheld
  FROM reconciliation.settlement_instructions AS i
  JOIN reconciliation.settlement_endings AS e ON e.end_to_end_id = i.end_to_end_id
    AND num_nonnulls(e.rejected_entry_id, e.reinstated_entry_id) > 0
  CROSS JOIN LATERAL (SELECT CASE WHEN e.rejected_entry_id IS NULL THEN 1 ELSE -1 END AS sign) AS s
  WHERE i.withheld > 0)
SELECT 'withheld_taxes ' || coalesce(d.end_to_end_id, w.end_to_end_id) AS row,
  'it is not what its instruction and its steps withhold' AS why
FROM due AS d
FULL JOIN reconciliation.withheld_taxes AS w
  ON w.end_to_end_id = d.end_to_end_id AND w.revision = d.revision
WHERE (d.gross, d.tax) IS DISTINCT FROM (w.gross, w.tax)
ORDER BY 1 LIMIT 1
"""
_TAX_POSTED: Final = """
SELECT 'withheld_taxes ' || w.end_to_end_id AS row, 'its entry does not move ' || w.tax || ' paisa' AS why
FROM reconciliation.withheld_taxes AS w
JOIN reconciliation.settlement_instructions AS i ON i.end_to_end_id = w.end_to_end_id
LEFT JOIN LATERAL (
  SELECT count(*) AS postings, sum(p.amount) FILTER (WHERE p.account = i.ledger_account) AS payee,
    sum(p.amount) FILTER (WHERE p.account = 'withheld_tax_payable') AS state
  FROM public.postings AS p WHERE p.entry_id = w.entry_id) AS p ON true
WHERE (p.postings, p.payee, p.state) IS DISTINCT FROM (2, w.tax, -w.tax)
ORDER BY w.id LIMIT 1
"""
# By the sums of the rows before it of the same month, payee, section and rate.
_TAX_RATE: Final = """
SELECT 'withheld_taxes ' || end_to_end_id AS row, 'it is not the rate of what its month has paid' AS why
FROM (
  SELECT w.*, coalesce(sum(w.gross) OVER earlier, 0) AS gross_sum,
    coalesce(sum(w.tax) OVER earlier, 0) AS tax_sum
  FROM reconciliation.withheld_taxes AS w
  JOIN reconciliation.settlement_instructions AS i ON i.end_to_end_id = w.end_to_end_id
  WINDOW earlier AS (
    PARTITION BY i.role, i.party, w.section, w.basis_points, date_trunc('month', i.value_date)
    ORDER BY w.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS w
WHERE revision = 0 AND (gross_before, tax_before, tax) IS DISTINCT FROM (
  gross_sum, tax_sum, div(2 * (gross_sum + gross) * basis_points + 10000, 20000) - tax_sum)
ORDER BY id LIMIT 1
"""
_TAX_UNKNOWN: Final = """
SELECT 'journal_entries ' || j.id AS row, 'no payout has withheld it, no sweep has taken it' AS why
FROM public.postings AS p JOIN public.journal_entries AS j ON j.id = p.entry_id
WHERE p.account = 'withheld_tax_payable'
  AND NOT EXISTS (SELECT FROM reconciliation.withheld_taxes AS w WHERE w.entry_id = j.id)
  AND NOT EXISTS (
    SELECT FROM reconciliation.withdrawals AS w WHERE j.id IN (w.entry_id, w.cancel_entry_id))
ORDER BY j.id LIMIT 1
"""
# A sheet keeps its time in whole seconds.
_ELSEWHERE: Final = """
SELECT 'settlement_instructions ' || i.end_to_end_id AS row,
  'it pays into another account than was valid then' AS why
FROM reconciliation.settlement_instructions AS i
JOIN reconciliation.settlement_sheets AS s ON s.value_date = i.value_date
WHERE EXISTS (
  SELECT FROM reconciliation.account_changes AS c WHERE c.role = i.role AND c.party = i.party
    AND c.stopped_by IS NULL AND c.valid_from <= s.made_at)
  AND NOT EXISTS (
    SELECT FROM reconciliation.account_changes AS c
    WHERE c.role = i.role AND c.party = i.party AND c.stopped_by IS NULL
      AND c.valid_from <= s.made_at + interval '1 second'
      AND (c.name, c.bic, c.routing_number, c.account, c.holds)
        = (i.name, i.bic, i.routing_number, i.account, i.holds)
      AND NOT EXISTS (
        SELECT FROM reconciliation.account_changes AS n WHERE n.role = i.role AND n.party = i.party
          AND n.stopped_by IS NULL AND n.valid_from > c.valid_from AND n.valid_from <= s.made_at))
ORDER BY i.end_to_end_id LIMIT 1
"""
_EARLY: Final = """
SELECT 'account_changes ' || number AS row, 'it is valid before its cooling time is over' AS why
FROM reconciliation.account_changes
WHERE valid_from < approved_at + make_interval(hours => cooling_hours) ORDER BY number LIMIT 1
"""
_TAX: Final = (_TAX_MOVED, _TAX_POSTED, _TAX_RATE, _TAX_UNKNOWN)


_CHECKS: Final = (
    _MOVED, _UNASKED, _OVERSWEPT, _UNCOVERED, _IN_TRANSIT, _NOT_ARRIVED, _TWICE, _ALONE, _ELSEWHERE, _EARLY,
    *_TAX,
)  # fmt: skip


async def first_broken(connection: Connection) -> AuditFinding | None:
    """See `ekpay_switch.ports.audit.AuditCheck`: withdrawals, accounts in force, withheld tax."""
    for query in _CHECKS:
        row = await connection.fetchrow(query)
        if row is not None:
            return AuditFinding(f"reconciliation.{row['row']}", row["why"])
    unsound_demand = await first_unsound_demand(connection)
    if unsound_demand is not None:
        return unsound_demand
    unsound = await first_unsound_certificate(connection)
    if unsound is not None:
        return AuditFinding(f"reconciliation.withholding_certificates {unsound[0]}", unsound[1])
    return None
