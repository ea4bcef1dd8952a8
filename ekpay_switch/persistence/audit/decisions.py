"""Audit checks of decisions: each approved one posted what it says, and nothing else was posted by hand."""

from typing import Any

import orjson

from ekpay_switch.domain.decisions.journal import JOURNAL_MOMENT

_BY_DECISION = (
    JOURNAL_MOMENT,
    "debited_after_late_success",
    "funded_from_suspense",
    "late_success_written_off",
    "returned_at_our_loss",
    "returned_to_prefund",
)
# Each entry that a decision names, with what stands under its id.
POSTED = """
SELECT d.id, d.approved_at IS NOT NULL AS is_approved, d.payment_id AS about, d.proposed_by, d.approved_by,
  d.entries -> (i.number::int - 1) AS said, j.id IS NOT NULL AS stands, j.moment, j.currency, j.payment_id,
  (SELECT array_agg(o.account ORDER BY o.seq) FROM postings AS o WHERE o.entry_id = j.id) AS accounts,
  (SELECT array_agg(o.amount ORDER BY o.seq) FROM postings AS o WHERE o.entry_id = j.id) AS amounts
FROM decisions AS d
CROSS JOIN jsonb_array_elements_text(d.entry_ids) WITH ORDINALITY AS i (entry_id, number)
LEFT JOIN journal_entries AS j ON j.id = i.entry_id::uuid
ORDER BY d.id, i.number
"""
UNDECIDED_ENTRIES = f"""
SELECT j.id, j.moment FROM journal_entries AS j
WHERE j.moment IN ({", ".join(f"'{moment}'" for moment in _BY_DECISION)})
  AND NOT EXISTS (SELECT FROM decisions AS d WHERE d.approved_at IS NOT NULL AND d.entry_ids ? j.id::text)
ORDER BY j.lane, j.seq
"""  # noqa: S608 - constants

Row = Any


def posted_fault(row: Row) -> str | None:
    """What is wrong unless an approved decision posted its entry, and one that is not approved did not."""
    if row["is_approved"] != row["stands"]:
        return "it is approved and did not post" if row["is_approved"] else "it posted and is not approved"
    if not row["is_approved"]:
        return None
    if row["approved_by"] == row["proposed_by"]:
        return "one person made it"
    said = orjson.loads(row["said"]) if isinstance(row["said"], str) else row["said"]
    postings = [list(line) for line in zip(row["accounts"], row["amounts"], strict=True)]
    is_said = (said["moment"], said["currency"], said["postings"]) == (
        row["moment"],
        row["currency"],
        postings,
    )
    if not is_said or row["payment_id"] != row["about"]:
        return "it posted something else than was approved"
    return None


def undecided_fault(row: Row) -> str | None:
    """Every such entry is wrong: two persons decide it, and no decision names it."""
    return f"{row['moment']} without a decision"


DECISION_CHECKS = (
    (POSTED, posted_fault, "decisions {id}"),
    (UNDECIDED_ENTRIES, undecided_fault, "journal_entries {id}"),
)
