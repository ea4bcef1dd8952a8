"""The audit check of partners' limits: each is the newest that two persons approved, and nothing else."""

from typing import Any

# Every account with its limits, and those that were approved for it: a floor of a prefund is zero until then.
LIMITS = """
WITH in_force AS (
  SELECT DISTINCT ON (partner_id, kind) partner_id, kind, amount FROM partner_limit_changes
  WHERE approved_by IS NOT NULL AND rejected_by IS NULL AND approved_by <> asked_by
  ORDER BY partner_id, kind, approved_at DESC)
SELECT a.code, a.floor, a.daily_limit, d.amount AS approved_daily_limit,
  CASE WHEN a.code LIKE 'prefund:%' THEN coalesce(f.amount, 0) END AS approved_floor
FROM (SELECT *, string_to_array(code, ':') AS parts FROM accounts) AS a
LEFT JOIN in_force AS f
  ON a.parts[1] = 'prefund' AND f.partner_id = a.parts[2] AND f.kind = a.parts[3] || '_floor'
LEFT JOIN in_force AS d ON a.parts[1] = 'prefund' AND d.partner_id = a.parts[2] AND d.kind = 'daily'
ORDER BY a.code
"""

Row = Any


def limit_fault(row: Row) -> str | None:
    """What is wrong unless both limits of an account are those that two persons approved last."""
    for limit in ("floor", "daily_limit"):
        standing, approved = row[limit], row[f"approved_{limit}"]
        if standing != approved:
            return f"its {limit.replace('_', ' ')} is {_paisa(standing)}, and {_paisa(approved)} was approved"
    return None


def _paisa(paisa: int | None) -> str:
    return "none" if paisa is None else f"{paisa} paisa"
