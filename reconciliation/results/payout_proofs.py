"""What `ekpay audit` proves of payouts: each instruction rests on rules, limits and a cover, or an override.

Value dates that were settled before migration 0039 have no cover and are left out. Needs no extra.
"""

from typing import Final

from reconciliation.results.table_values import Connection

_PROOFS: Final = (
    """
SELECT 'settlement_instructions ' || i.end_to_end_id AS row, 'the rules of payouts do not allow it' AS why
FROM reconciliation.settlement_instructions AS i
LEFT JOIN reconciliation.settlement_holdbacks AS h
  ON h.value_date = i.value_date AND h.role = i.role AND h.party = i.party
  AND h.instructed = i.amount + i.withheld
WHERE i.value_date >= (SELECT min(value_date) FROM reconciliation.settlement_covers) AND h.party IS NULL
ORDER BY i.end_to_end_id LIMIT 1
""",
    """
SELECT 'settlement_holdbacks ' || h.value_date || ' ' || h.role || ':' || h.party AS row,
  'it allows more than its rules and its limit, or is not of its position' AS why
FROM reconciliation.settlement_holdbacks AS h
LEFT JOIN reconciliation.settlement_positions AS p
  ON p.value_date = h.value_date AND p.role = h.role AND p.party = h.party
  AND p.carried_in - p.net = h.owed AND p.instructed = h.instructed
LEFT JOIN reconciliation.settlement_limits AS l
  ON l.id = h.limit_id AND l.role = h.role AND l.party = h.party AND l.amount = h.risk_limit
WHERE p.party IS NULL OR (h.risk_limit <> 0 AND l.id IS NULL) OR (h.instructed > 0
  AND h.instructed > h.owed - h.not_matched - h.not_received - greatest(0, h.at_risk - h.risk_limit)
    - h.resting)
ORDER BY h.value_date, h.role, h.party LIMIT 1
""",
    """
SELECT 'settlement_holdbacks ' || h.value_date || ' ' || h.role || ':' || h.party AS row,
  'it was paid before its payout date, or less than its minimum' AS why
FROM reconciliation.settlement_holdbacks AS h
WHERE h.instructed > 0 AND (h.instructed < h.minimum OR h.next_payout IS NOT NULL)
ORDER BY h.value_date, h.role, h.party LIMIT 1
""",
    """
SELECT 'settlement_holdbacks ' || h.value_date || ' ' || h.role || ':' || h.party AS row,
  'a newer limit of two persons stood when it was paid' AS why
FROM reconciliation.settlement_holdbacks AS h
JOIN reconciliation.settlement_sheets AS s ON s.value_date = h.value_date
JOIN reconciliation.settlement_limits AS n ON n.role = h.role AND n.party = h.party AND n.at < s.made_at
WHERE h.instructed > 0 AND h.limit_id IS NOT NULL AND n.id > h.limit_id
ORDER BY h.value_date, h.role, h.party LIMIT 1
""",
    """
SELECT 'settlement_covers ' || c.value_date AS row,
  'what is paid before its money came is not the difference of its cover' AS why
FROM reconciliation.settlement_covers AS c
WHERE c.before - c.after <> (
  SELECT coalesce(
    sum(greatest(0, h.unreceived + h.resting - h.owed + h.instructed)
      - greatest(0, h.unreceived + h.resting - h.owed)), 0)
  FROM reconciliation.settlement_holdbacks AS h WHERE h.value_date = c.value_date)
ORDER BY c.value_date LIMIT 1
""",
    """
SELECT 'settlement_covers ' || c.value_date AS row,
  'it was paid below the reserve or over open nights, and two persons did not override' AS why
FROM reconciliation.settlement_covers AS c
WHERE (c.after < c.reserve OR c.open_nights <> '{}')
  AND EXISTS (SELECT FROM reconciliation.settlement_instructions AS i WHERE i.value_date = c.value_date)
  AND NOT EXISTS (
    SELECT FROM reconciliation.settlement_overrides AS o
    WHERE o.value_date = c.value_date AND o.overridden_by <> o.approved_by AND o.reason <> '')
ORDER BY c.value_date LIMIT 1
""",
    """
SELECT 'settlement_limits ' || l.id AS row, 'it takes two persons' AS why
FROM reconciliation.settlement_limits AS l WHERE l.set_by = l.approved_by ORDER BY l.id LIMIT 1
""",
)


async def broken_payout(connection: Connection) -> tuple[str, str] | None:
    """The first row about payouts that is wrong, and what is wrong with it; None where all are right."""
    for proof in _PROOFS:
        row = await connection.fetchrow(proof)
        if row is not None:
            return row["row"], row["why"]
    return None
