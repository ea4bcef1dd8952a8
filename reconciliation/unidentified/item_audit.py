"""What `ekpay audit` proves of unidentified lines; needs no extra.

Events follow on each other, decisions are those of two persons over the whole amount, every entry is what its
event says and has one, and every line that is booked by its reference rests on the item or decision that
booked it, as every part that was given back rests on its line.
"""

from collections.abc import Sequence
from typing import Any, Final

from ekpay_switch.ports.audit import AuditFinding
from reconciliation.results.table_values import Connection
from reconciliation.unidentified.items import ItemAction, ItemEvent, ItemState, follows

_EVENTS: Final = """
SELECT e.item_id, e.revision, e.event, e.state, e.person, d.action, d.proposed_by, i.amount,
  (SELECT sum(p.amount)::bigint FROM reconciliation.unidentified_parts AS p
    WHERE p.decision_id = coalesce(d.reverses, d.id)) AS parts
FROM reconciliation.unidentified_events AS e
JOIN reconciliation.unidentified_items AS i ON i.id = e.item_id
LEFT JOIN reconciliation.unidentified_decisions AS d ON d.id = e.decision_id
ORDER BY e.item_id, e.revision
"""
# Everything that must find nothing: the row, and what is wrong with it.
_NOTHING: Final = (
    """
SELECT 'unidentified_items ' || i.number AS row, 'no event says that it was found' AS why
FROM reconciliation.unidentified_items AS i WHERE NOT EXISTS (
  SELECT FROM reconciliation.unidentified_events AS e WHERE e.item_id = i.id AND e.event = 'found')
ORDER BY i.number LIMIT 1
""",
    """
SELECT 'unidentified_events ' || item_id || ' ' || revision AS row,
  'its entry ' || x.entry_id || ' is not what it says' AS why
FROM reconciliation.unidentified_postings AS x
FULL JOIN (
  SELECT p.entry_id, p.account, sum(p.amount)::bigint AS amount FROM public.postings AS p
  JOIN reconciliation.unidentified_events AS e ON e.entry_id = p.entry_id
  GROUP BY p.entry_id, p.account) AS y ON y.entry_id = x.entry_id AND y.account = x.account
WHERE x.amount IS DISTINCT FROM y.amount ORDER BY 1 LIMIT 1
""",
    """
SELECT 'unidentified_events' AS row, 'entry ' || j.id || ' (' || j.moment || ') rests on none' AS why
FROM public.journal_entries AS j
WHERE starts_with(j.moment, 'unidentified_') AND NOT EXISTS (
  SELECT FROM reconciliation.unidentified_events AS e WHERE e.entry_id = j.id)
ORDER BY j.id LIMIT 1
""",
    # Of lines that share a reference, one holds it; none is left for anybody else to book.
    """
SELECT 'unidentified_items ' || i.number AS row, 'nothing keeps ' || n.name || ' booked for it' AS why
FROM reconciliation.unidentified_items AS i
CROSS JOIN LATERAL unnest(ARRAY[i.our_reference, i.bank_reference]) AS n (name)
CROSS JOIN LATERAL (SELECT s.state FROM reconciliation.unidentified_events AS s
  WHERE s.item_id = i.id ORDER BY s.revision DESC LIMIT 1) AS e
WHERE n.name <> '' AND e.state NOT IN ('gone', 'taken') AND NOT EXISTS (
  SELECT FROM public.break_bank_lines AS l WHERE l.reference = n.name AND l.releases IS NULL
    AND NOT EXISTS (SELECT FROM public.break_bank_lines AS r
      WHERE r.releases = l.entry_id AND r.reference = l.reference))
ORDER BY i.number LIMIT 1
""",
    """
SELECT 'unidentified_events' AS row, 'the bank''s line ' || l.reference || ' is booked by entry '
  || l.entry_id || ', which is none of an unidentified line that stands' AS why
FROM public.break_bank_lines AS l
WHERE l.booked_by IN ('return', 'unidentified') AND l.releases IS NULL
  AND NOT EXISTS (SELECT FROM public.break_bank_lines AS r
    WHERE r.releases = l.entry_id AND r.reference = l.reference)
  AND NOT EXISTS (SELECT FROM reconciliation.unidentified_events AS e
    JOIN reconciliation.unidentified_items AS i ON i.id = e.item_id
    WHERE e.entry_id = l.entry_id AND i.bank = l.bank
      AND (l.booked_by = 'unidentified' AND i.amount = l.amount OR l.booked_by = 'return' AND EXISTS (
        SELECT FROM reconciliation.unidentified_parts AS p
        WHERE p.decision_id = e.decision_id AND p.amount = -l.amount
          AND p.target IN ('reference:' || l.reference, 'return:' || l.reference))))
ORDER BY l.reference LIMIT 1
""",
    # Of an item the newest approval stands, unless it was a reversal, which has no parts of its own.
    """
SELECT 'unidentified_items ' || i.number AS row,
  'nothing keeps ' || n.reference || ' booked for its part' AS why
FROM reconciliation.unidentified_items AS i
CROSS JOIN LATERAL (SELECT s.decision_id, s.entry_id FROM reconciliation.unidentified_events AS s
  WHERE s.item_id = i.id AND s.event = 'approved' ORDER BY s.revision DESC LIMIT 1) AS e
JOIN reconciliation.unidentified_parts AS p ON p.decision_id = e.decision_id
CROSS JOIN LATERAL (SELECT substr(p.target, strpos(p.target, ':') + 1) AS reference) AS n
WHERE split_part(p.target, ':', 1) IN ('reference', 'return') AND NOT EXISTS (
  SELECT FROM public.break_bank_lines AS l WHERE l.entry_id = e.entry_id AND l.reference = n.reference
    AND l.booked_by = 'return' AND l.releases IS NULL)
ORDER BY i.number LIMIT 1
""",
    """
SELECT 'resolutions ' || r.id AS row, 'the bank''s line ' || r.bank_reference || ' is not kept for it' AS why
FROM reconciliation.resolutions AS r
JOIN reconciliation.resolution_ends AS e ON e.resolution_id = r.id AND e.outcome = 'approved'
WHERE r.bank_reference <> '' AND r.reverses IS NULL AND NOT EXISTS (
  SELECT FROM public.break_bank_lines AS l
  WHERE l.entry_id = r.entry_id AND l.reference = r.bank_reference AND l.booked_by = 'resolution')
ORDER BY r.id LIMIT 1
""",
)


async def first_unsound_item(connection: Connection) -> AuditFinding | None:
    """The first unidentified line that does not hold, or None."""
    before: Any = None
    for row in await connection.fetch(_EVENTS):
        is_same = before is not None and before["item_id"] == row["item_id"]
        why = _fault(row, before if is_same else None)
        if why:
            place = f"{row['item_id']} {row['revision']}"
            return AuditFinding(f"reconciliation.unidentified_events {place}", why)
        before = row
    return await _first_of(connection, _NOTHING)


async def _first_of(connection: Connection, queries: Sequence[str]) -> AuditFinding | None:
    for query in queries:
        row = await connection.fetchrow(query)
        if row is not None:
            return AuditFinding(f"reconciliation.{row['row']}", row["why"])
    return None


def _fault(row: Any, before: Any) -> str:  # noqa: ANN401 - rows of the driver
    is_reversal = row["action"] == ItemAction.REVERSE
    state = None if before is None else ItemState(before["state"])
    step = (ItemEvent(row["event"]), ItemState(row["state"]))
    if row["revision"] != (1 if before is None else before["revision"] + 1):
        return "the event before it is gone"
    if not follows(state, *step, is_reversal=is_reversal):
        return f"{row['event']} does not follow on {state or 'nothing'}"
    if row["event"] in {ItemEvent.APPROVED, ItemEvent.REJECTED} and row["person"] == row["proposed_by"]:
        return "one person has proposed and decided it"
    if row["event"] == ItemEvent.APPROVED and row["parts"] != row["amount"]:
        return f"its parts come to {row['parts']} paisa, and the line has {row['amount']}"
    return ""
