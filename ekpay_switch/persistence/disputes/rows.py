"""The rows of disputes, read and changed under locks that are taken in one order everywhere.

The order is that of `refunds.rows`: books, payment, try with its running totals; then the dispute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, dispute_subject
from ekpay_switch.domain.disputes.dispute import DisputeEvent, DisputeState, dispute_after
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.fact_texts import facts_as_json
from ekpay_switch.persistence.payment_rows import from_json, update_row
from ekpay_switch.persistence.refunds.rows import RefundTarget, Row, lock_target
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.disputes import DisputeStep, DisputeView, EvidenceFile

READ = "SELECT * FROM disputes WHERE id = $1"
LOCK = f"{READ} FOR UPDATE"
NEW_DISPUTE = """
INSERT INTO disputes (payment_id, attempt_id, connector_id, name, amount, currency, reason, answer_due_on,
  opened_by, opened_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id
"""
READ_LAST = "SELECT * FROM disputes ORDER BY id DESC LIMIT 1"
READ_LIST = "SELECT * FROM disputes WHERE state = ANY($1) ORDER BY answer_due_on, id LIMIT $2"
READ_NAMED = "SELECT * FROM disputes WHERE connector_id = $1 AND name = $2"
READ_STEPS = "SELECT * FROM dispute_history WHERE dispute_id = $1 ORDER BY seq"
READ_FILES = """
SELECT name, encode(sha256, 'hex') AS sha256, length(content) AS size, round, added_by, added_at
FROM dispute_files WHERE dispute_id = $1 ORDER BY added_at, sha256
"""
# The try that a dispute is about does not change, so it is read unlocked.
TARGET_OF_DISPUTE = "SELECT attempt_id FROM disputes WHERE id = $1"
NEW_STEP = """
INSERT INTO dispute_history (dispute_id, seq, round, from_state, event, to_state, actor, approved_by,
  refund_id, facts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
NO_PROPOSAL: Mapping[str, object] = dict.fromkeys(
    ("proposed_event", "proposed_by", "proposed_at", "proposed_after", "proposed")
)


class UnknownDisputeError(SwitchError):
    """There is no such dispute."""


@dataclass(frozen=True, slots=True)
class DisputeCase:
    """A dispute that somebody works on, with its payment and its try; all three are locked."""

    connection: Connection
    target: RefundTarget
    payment: Row
    try_row: Row
    row: Row

    @property
    def state(self) -> DisputeState:
        """The state of the dispute."""
        return DisputeState(self.row["state"])


@dataclass(frozen=True, slots=True)
class StepPersons:
    """Who says that a step happened, and who has approved it; None where it takes one person.

    Nobody says it where a settlement file has opened a round.
    """

    actor: str | None
    approved_by: str | None = None


@dataclass(frozen=True, slots=True)
class StepContent:
    """What a step says: its facts, the chargeback that it is about, and further columns of the dispute."""

    facts: Mapping[str, str]
    refund_id: UUID | None = None
    changes: Mapping[str, object] = field(default_factory=dict)


async def lock_case(connection: Connection, dispute_id: int, target: RefundTarget) -> DisputeCase:
    """Lock everything that a dispute is decided by; it exists, since its target was read."""
    payment, try_row = await lock_target(connection, target)
    return DisputeCase(connection, target, payment, try_row, await connection.fetchrow(LOCK, dispute_id))


async def move_dispute(
    case: DisputeCase, event: DisputeEvent, persons: StepPersons, content: StepContent
) -> None:
    """Write one step of the dispute with the further columns of `content`.

    Raises:
        IllegalTransitionError: the event is not allowed in the dispute's state.
    """
    following, seq = dispute_after(case.state, event), case.row["steps"] + 1
    number = content.changes.get("round", case.row["round"])
    await case.connection.execute(
        NEW_STEP, case.row["id"], seq, number, str(case.state), str(event), str(following), persons.actor,
        persons.approved_by, content.refund_id, facts_as_json(content.facts),
    )  # fmt: skip
    changed = {
        "state": str(following),
        "steps": seq,
        "updated_at": case.payment["now"],
        **content.changes,
    }
    await update_row(case.connection, "disputes", {"id": case.row["id"]}, changed)


async def open_next_round(
    case: DisputeCase, persons: StepPersons, facts: Mapping[str, str], answer_due_on: date
) -> None:
    """Begin the next round of a dispute by another deadline, and raise its alarm.

    Raises:
        IllegalTransitionError: it is open or settled.
    """
    changes = {"round": case.row["round"] + 1, "answer_due_on": answer_due_on}
    content = StepContent(deadline_facts(case, facts, answer_due_on), case.row["refund_id"], changes)
    await move_dispute(case, DisputeEvent.ROUND_OPENED, persons, content)
    await raise_notified(case.connection, await read_view(case.connection, case.row["id"]))


def deadline_facts(case: DisputeCase, facts: Mapping[str, str], answer_due_on: date) -> dict[str, str]:
    """The facts of a step that sets a deadline; with the one before, which a file may tell again."""
    due = {"answer_due_on": answer_due_on, "answer_was_due_on": case.row["answer_due_on"]}
    return {**facts, **{name: day.isoformat() for name, day in due.items()}}


async def raise_notified(connection: Connection, view: DisputeView) -> None:
    """Raise the alarm that a dispute, or a further round of it, waits for our answer."""
    facts = {"dispute": view.name, "answer_due_on": view.answer_due_on.isoformat()}
    raised = RaisedAlarm(
        Alarm.DISPUTE_NOTIFIED, dispute_subject(view.id), view.payment_id, view.amount.minor, facts
    )
    await raise_alarms(connection, [raised])


async def read_view(connection: Connection, dispute_id: int) -> DisputeView:
    """One dispute.

    Raises:
        UnknownDisputeError: there is no such dispute.
    """
    row = await connection.fetchrow(READ, dispute_id)
    if row is None:
        raise UnknownDisputeError(f"dispute: there is none of the number {dispute_id}")
    return view_of(row)


def view_of(row: Row) -> DisputeView:
    """A row of `disputes` as people see it."""
    event = row["proposed_event"]
    return DisputeView(
        id=row["id"],
        payment_id=row["payment_id"],
        connector_id=row["connector_id"],
        name=row["name"],
        amount=Money(row["amount"], row["currency"]),
        reason=row["reason"],
        state=DisputeState(row["state"]),
        round=row["round"],
        answer_due_on=row["answer_due_on"],
        refund_id=row["refund_id"],
        settlement=row["settlement"] or "",
        opened_by=row["opened_by"] or row["opened_from"],
        opened_at=row["opened_at"],
        proposed_event=None if event is None else DisputeEvent(event),
        proposed_by=row["proposed_by"] or "",
        proposed=proposed_of(row),
    )


def proposed_of(row: Row) -> dict[str, str]:
    """What the waiting proposal says; empty where none waits."""
    return {} if row["proposed"] is None else {**from_json(row["proposed"])}


async def read_steps(connection: Connection, dispute_id: int) -> Sequence[DisputeStep]:
    """The steps of a dispute, the oldest first."""
    return [_step_of(row) for row in await connection.fetch(READ_STEPS, dispute_id)]


def _step_of(row: Mapping[str, Any]) -> DisputeStep:
    return DisputeStep(
        at=row["at"],
        round=row["round"],
        event=DisputeEvent(row["event"]),
        state=DisputeState(row["to_state"]),
        actor=row["actor"] or "",
        approved_by=row["approved_by"] or "",
        facts=from_json(row["facts"]),
    )


async def read_files(connection: Connection, dispute_id: int) -> Sequence[EvidenceFile]:
    """The files of evidence of a dispute, the oldest first."""
    return [EvidenceFile(**row) for row in await connection.fetch(READ_FILES, dispute_id)]
