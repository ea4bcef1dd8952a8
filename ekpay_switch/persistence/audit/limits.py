"""The audit checks of limits: each is what two persons approved last, and a total is what was paid."""

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
# What each prefund counts as taken on a date, with what its payments took that date less what came back, and
# what payments of the last minutes before it took: a batch of then may count for the date (docs/adr/0076). A
# total may be too low on the day on which totals began; where a daily limit was approved before the date, all
# processes keep them.
TAKEN = """
SELECT a.code, a.taken, a.taken_on, coalesce(m.paid, 0)::bigint AS paid,
  coalesce(m.before, 0)::bigint AS before,
  EXISTS (SELECT FROM partner_limit_changes AS c
    WHERE c.partner_id = split_part(a.code, ':', 2) AND c.kind = 'daily'
      AND (c.approved_at AT TIME ZONE INTERVAL '+06:00')::date < a.taken_on) AS is_counted
FROM accounts AS a
LEFT JOIN LATERAL (
  SELECT sum(o.amount) FILTER (WHERE e.business_date = a.taken_on) AS paid,
    sum(o.amount) FILTER (WHERE e.business_date < a.taken_on) AS before
  FROM journal_entries AS e
  JOIN postings AS o ON o.entry_id = e.id AND o.account = a.code
  LEFT JOIN payments AS p ON p.id = e.payment_id
  WHERE e.business_date BETWEEN a.taken_on - 1 AND a.taken_on AND (e.moment = 'accepted' AND (
      e.business_date = a.taken_on
      OR e.at > a.taken_on::timestamp AT TIME ZONE INTERVAL '+06:00' - interval '10 minutes')
    OR e.moment = 'given_back' AND e.business_date = a.taken_on AND p.business_date = a.taken_on)) AS m
  ON true
WHERE a.code LIKE 'prefund:%' AND a.taken_on IS NOT NULL ORDER BY a.code
"""

Row = Any


def limit_fault(row: Row) -> str | None:
    """What is wrong unless both limits of an account are those that two persons approved last."""
    for limit in ("floor", "daily_limit"):
        standing, approved = row[limit], row[f"approved_{limit}"]
        if standing != approved:
            return f"its {limit.replace('_', ' ')} is {_paisa(standing)}, and {_paisa(approved)} was approved"
    return None


def taken_fault(row: Row) -> str | None:
    """What is wrong unless the total of a day is what payments took on it and was not given back."""
    if row["taken"] > max(row["paid"], 0) + row["before"]:
        return f"{row['taken']} paisa count as taken on {row['taken_on']}, and payments took {row['paid']}"
    if row["is_counted"] and row["taken"] < row["paid"]:
        return f"only {row['taken']} paisa count as taken on {row['taken_on']}, payments took {row['paid']}"
    return None


def _paisa(paisa: int | None) -> str:
    return "none" if paisa is None else f"{paisa} paisa"


# The checks in order: the query, the function that returns what is wrong with a row, and the row's name.
LIMIT_CHECKS = (
    (LIMITS, limit_fault, "accounts {code}"),
    (TAKEN, taken_fault, "accounts {code}"),
)
