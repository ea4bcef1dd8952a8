"""What two persons decide here, each as a proposal that waits, and what its books say then."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ekpay_switch.domain.decisions.actions import REFERENCE, DecisionAction
from ekpay_switch.ports.decisions import DecisionDesk, JournalProposal, Proposal, ProposalView
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.decisions.decision_setup import PROPOSES, Desk

# What came of a decision, without the ids and times that differ from payment to payment. Whether somebody was
# told meanwhile that it waits depends on what else a scene does; no such alarm may stay open.
OUTCOME = """
WITH d AS (SELECT * FROM decisions WHERE id = $1)
SELECT (SELECT p.state FROM payments AS p WHERE p.id = d.payment_id) AS payment,
  (SELECT p.refusal FROM payments AS p WHERE p.id = d.payment_id) AS refusal,
  (SELECT array_agg(j.moment ORDER BY j.lane, j.seq) FROM journal_entries AS j
    WHERE j.payment_id = d.payment_id OR d.entry_ids ? j.id::text) AS entries,
  (SELECT p.next_action_at <= now() FROM payments AS p WHERE p.id = d.payment_id) AS is_due,
  (SELECT array_agg(e.kind ORDER BY e.id) FROM evidence AS e WHERE e.payment_id = d.payment_id) AS evidence,
  (SELECT array_agg(h.event || ' by ' || h.actor ORDER BY h.seq) FROM history AS h
    WHERE h.payment_id = d.payment_id) AS events,
  (SELECT array_agg(a.outcome ORDER BY a.opened_at, a.id) FROM attempts AS a
    WHERE a.payment_id = d.payment_id) AS attempts,
  (SELECT array_agg(n.notice || ' ' || n.version ORDER BY n.version, n.notice) FROM notifications AS n
    WHERE n.payment_id = d.payment_id) AS notices,
  (SELECT array_agg(r.kind || ' ' || r.state || ' after ' || r.steps ORDER BY r.id) FROM refunds AS r
    WHERE r.payment_id = d.payment_id) AS refunds,
  (SELECT array_agg(h.event ORDER BY h.refund_id, h.seq) FROM refund_history AS h
    JOIN refunds AS r ON r.id = h.refund_id WHERE r.payment_id = d.payment_id) AS refund_events,
  (SELECT array_agg(a.kind || ' ' || a.count ORDER BY a.kind) FROM alarms AS a
    WHERE a.payment_id = d.payment_id AND a.ended_at IS NULL) AS alarms,
  (SELECT array_agg(a.kind || ' ' || a.ended_by ORDER BY a.kind) FROM alarms AS a
    WHERE a.payment_id = d.payment_id AND a.ended_at IS NOT NULL
      AND a.kind <> 'decision_waits') AS ended_alarms,
  d.approved_by, d.rejected_by, d.lapsed_at IS NOT NULL AS has_lapsed
FROM d
"""
MONEY_OF_NOBODY = (("suspense:bkash", -500), ("write_off", 500))


async def outcome(desk: Desk, proposal_id: UUID) -> dict[str, Any]:
    """What the books say of a proposal, its payment and its refunds."""
    return dict((await desk.books.rows(OUTCOME, proposal_id))[0])


@dataclass(frozen=True, slots=True)
class Story:
    """Something that waits, what is decided about it, and how its payment ends."""

    scene: Callable[[Desk], Awaitable[UUID]]
    action: DecisionAction
    end: str

    def __str__(self) -> str:
        return f"{self.scene.__name__}-{self.action}"

    async def proposal(self, desk: Desk) -> Proposal | JournalProposal:
        """What is said of a new one, under a reference of its own."""
        return proposal_of(await self.scene(desk), self.action)

    async def proposed(self, desk: Desk) -> ProposalView:
        return await propose(desk.desk, await self.proposal(desk))


class Journal(Story):
    """An entry that is written by hand; it is about no payment."""

    async def proposal(self, desk: Desk) -> JournalProposal:  # noqa: ARG002 - nothing waits
        return JournalProposal(uuid7(), MONEY_OF_NOBODY, "nobody asks for it", "DOC-1", PROPOSES)


async def propose(desk: DecisionDesk, said: Proposal | JournalProposal) -> ProposalView:
    """Propose it by the call that takes it."""
    if isinstance(said, JournalProposal):
        return await desk.propose_journal(said)
    return await desk.propose(said)


def proposal_of(subject: UUID, action: DecisionAction, by: str = PROPOSES) -> Proposal:
    """What is proposed about a subject, under a reference of its own."""
    proposal_id = uuid7()
    reference = f"DOC-{proposal_id}" if action in REFERENCE else ""
    return Proposal(proposal_id, subject, action, "they said so", by, reference)


LATE_SUCCESS = Story(Desk.late_success, DecisionAction.DEBIT_PARTNER, "completed")
STORIES = (
    LATE_SUCCESS,
    Story(Desk.other_amount, DecisionAction.GIVE_BACK, "refunded"),
    Story(Desk.short_money, DecisionAction.DELIVER, "funded"),
    Story(Desk.short_money, DecisionAction.GIVE_BACK, "refunding"),
    Story(Desk.stuck_delivery, DecisionAction.ACCEPT, "completed"),
    Story(Desk.doubtful_refund, DecisionAction.PAID_BACK, "refunded"),
    Story(Desk.doubtful_refund, DecisionAction.NOT_PAID_BACK, "refunding"),
    Journal(Desk.late_success, DecisionAction.JOURNAL, "None"),
)
# A payment, a refund and an entry by hand.
OF_EACH_FORM = (STORIES[0], STORIES[-2], STORIES[-1])
