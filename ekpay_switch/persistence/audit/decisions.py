"""Audit checks of decisions: each approved one posted what it says, and nothing else was posted by hand."""

from typing import Any

import orjson

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import CaseKind
from ekpay_switch.domain.decisions.journal import JOURNAL_MOMENT
from ekpay_switch.domain.decisions.suspense import TAKING_MOMENT

_BY_DECISION = (
    JOURNAL_MOMENT,
    TAKING_MOMENT,
    "debited_after_late_success",
    "funded_from_suspense",
    "late_success_written_off",
    "returned_at_our_loss",
    "returned_to_prefund",
)
# Each approved decision that takes from an item in suspense, or whose entry says so, with what it took.
TAKINGS = f"""
SELECT d.id, d.takes_from IS NOT NULL AS names_item, j.moment, count(o.entry_id) AS on_suspense
FROM decisions AS d CROSS JOIN jsonb_array_elements_text(d.entry_ids) AS i (entry_id)
JOIN journal_entries AS j ON j.id = i.entry_id::uuid
LEFT JOIN postings AS o ON o.entry_id = j.id AND starts_with(o.account, 'suspense:')
WHERE d.takes_from IS NOT NULL OR j.moment = '{TAKING_MOMENT}'
GROUP BY d.id, j.id ORDER BY d.id
"""  # noqa: S608 - constants
# What decisions took from each account of an entry, beside what it holds there; debit positive.
ITEMS = """
SELECT m.takes_from AS id, m.account, m.taken, o.amount AS posted FROM (
  SELECT d.takes_from, t.account, sum(t.amount)::bigint AS taken FROM decisions AS d
  CROSS JOIN jsonb_array_elements_text(d.entry_ids) AS i (entry_id)
  JOIN postings AS t ON t.entry_id = i.entry_id::uuid AND starts_with(t.account, 'suspense:')
  WHERE d.takes_from IS NOT NULL AND d.approved_at IS NOT NULL GROUP BY 1, 2) AS m
LEFT JOIN postings AS o ON o.entry_id = m.takes_from AND o.account = m.account
ORDER BY m.takes_from, m.account
"""
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
# What a biller has undone on our call is reversed when it has said so: by the decision that it be called.
_UNDONE = "posted_after_give_back_reversed"
UNDECIDED_ENTRIES = f"""
SELECT j.id, j.moment FROM journal_entries AS j
WHERE j.moment IN ({", ".join(f"'{moment}'" for moment in (*_BY_DECISION, _UNDONE))})
  AND NOT EXISTS (SELECT FROM decisions AS d WHERE d.approved_at IS NOT NULL AND d.entry_ids ? j.id::text)
  AND NOT (j.moment = '{_UNDONE}' AND EXISTS (SELECT FROM decisions AS d
    WHERE d.payment_id = j.payment_id AND d.action = '{DecisionAction.UNDO}' AND d.approved_at IS NOT NULL))
ORDER BY j.lane, j.seq
"""  # noqa: S608 - constants
# Each movement that two persons decided to book nowhere, with their decision.
UNBOOKED = """
SELECT u.attempt_id, u.provider_transaction, d.case_kind, d.approved_at IS NOT NULL AS is_approved,
  d.payment_id = t.payment_id AS is_about
FROM unbooked_movements AS u JOIN tries AS t ON t.attempt_id = u.attempt_id
JOIN decisions AS d ON d.id = u.decision_id ORDER BY u.attempt_id, u.provider_transaction
"""

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


def taking_fault(row: Row) -> str | None:
    """What is wrong unless whatever takes from an item names it, and posts to suspense once."""
    if not row["names_item"] or row["moment"] != TAKING_MOMENT:
        return "it takes from suspense and names no item, or names one and takes nothing"
    return None if row["on_suspense"] == 1 else f"it posts to suspense {row['on_suspense']} times"


def item_fault(row: Row) -> str | None:
    """What is wrong unless an item gave at most what it holds."""
    held, taken = row["posted"] or 0, row["taken"]
    if held * taken < 0 and abs(taken) <= abs(held):
        return None
    return f"{-taken} paisa of {held} on {row['account']} were taken"


def unbooked_fault(row: Row) -> str | None:
    """What is wrong unless two persons have decided that money which is told is booked nowhere."""
    is_decided = row["is_approved"] and row["is_about"] and row["case_kind"] == CaseKind.UNBOOKED_MONEY
    return None if is_decided else "no approved decision about it ends what waits"


DECISION_CHECKS = (
    (UNBOOKED, unbooked_fault, "unbooked_movements {attempt_id} {provider_transaction}"),
    (POSTED, posted_fault, "decisions {id}"),
    (UNDECIDED_ENTRIES, undecided_fault, "journal_entries {id}"),
    (TAKINGS, taking_fault, "decisions {id}"),
    (ITEMS, item_fault, "journal_entries {id}"),
)
