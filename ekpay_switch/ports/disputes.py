"""The desk of disputes: what payers contest through their connectors, and what two persons say became of it.

One person records what the connector tells, and the evidence that answers it. Whatever moves money or ends a
claim is proposed by one person and approved by another, who sees the same.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from ekpay_switch.domain.disputes.chargeback_rows import ChargebackRowOutcome
from ekpay_switch.domain.disputes.dispute import DisputeEvent, DisputeState
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import UNNAMED, Burden

# An asyncpg connection; the driver does not type its methods.
Connection = Any


@dataclass(frozen=True, slots=True)
class NewDispute:
    """A dispute as the connector tells of it; `name` is its own, `answer_due_on` its deadline (Dhaka date).

    `transaction` is the connector's name of the collected movement that is contested; if it is empty, the one
    that paid for the payment is meant, else the oldest one.
    """

    payment_id: UUID
    name: str
    amount: Money
    reason: str
    answer_due_on: date
    transaction: str = ""


@dataclass(frozen=True, slots=True)
class DisputeProposal:
    """What one person says became of a dispute.

    `word` is the connector's written word for it. `movement` is the connector's reference of the money, where
    it holds or takes money; `burden` says who bears it then. `settlement` names what settled the claim.
    """

    event: DisputeEvent
    word: str
    movement: str = ""
    settlement: str = ""
    burden: Burden = UNNAMED


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file of evidence; `sha256` in hexadecimal, `size` in bytes, `added_at` in UTC."""

    name: str
    sha256: str
    size: int
    round: int
    added_by: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class DisputeStep:
    """One step of a dispute; `approved_by` is empty where it took one person, `actor` where it took none.

    A settlement file opens a round without a person.
    """

    at: datetime
    round: int
    event: DisputeEvent
    state: DisputeState
    actor: str
    approved_by: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DisputeView:
    """A dispute as people see it; instants are UTC, `refund_id` is the chargeback of its money, if any.

    `opened_by` is a person, or the settlement file whose row has opened it. `proposed_event` waits for a
    second person; what it says is in `proposed`.
    """

    id: int
    payment_id: UUID
    connector_id: str
    name: str
    amount: Money
    reason: str
    state: DisputeState
    round: int
    answer_due_on: date
    refund_id: UUID | None
    settlement: str
    opened_by: str
    opened_at: datetime
    proposed_event: DisputeEvent | None = None
    proposed_by: str = ""
    proposed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChargebackRow:
    """A row of a connector's settlement file that takes money back for a dispute.

    `name` is the connector's own name of the movement, `collected` our reference of the collection or the
    connector's transaction. `amount` is above zero, `answer_due_on` a Dhaka date by the connector's rule.
    """

    connector_id: str
    name: str
    collected: str
    amount: Money
    file: str
    answer_due_on: date


@dataclass(frozen=True, slots=True)
class ChargebackRowAnswer:
    """What became of a row; `dispute_id` is the dispute that has it or stands against it, if any."""

    row: ChargebackRow
    outcome: ChargebackRowOutcome
    dispute_id: int | None = None


class ChargebackRows(Protocol):
    """Passes chargeback rows of settlement files to the desk of disputes, so that each is booked once.

    No money moves by it.
    """

    async def record(self, connection: Connection, row: ChargebackRow) -> ChargebackRowAnswer:
        """Open the dispute of a row, or a round of a dispute that was won; one transaction of its own.

        A row whose name a dispute or a chargeback has already changes nothing, so a repeated night and a file
        that is stated again open nothing twice. What cannot be disputed changes nothing either.
        """
        ...

    async def booked_by(self, connection: Connection, row: ChargebackRow) -> str:
        """What books the money of a row, or has booked it, and the command for it; empty where nothing does.

        It is a dispute that stands and has the row or waits for as much of the same try, or a chargeback of
        this name. In the caller's transaction; no dispute of the try changes until it ends.
        """
        ...

    async def decide(self, connection: Connection, entry_id: UUID, row: ChargebackRow) -> None:
        """Keep that a decision about its break has booked a row; once, in the caller's transaction.

        From then on neither a dispute nor a chargeback books the row under its name.
        """
        ...

    async def release(self, connection: Connection, entry_id: UUID, reversal_id: UUID) -> None:
        """Keep that the entry `reversal_id` has taken back what `entry_id` had booked of a row; once."""
        ...


class Disputes(Protocol):
    """Disputes in our books; the caller has verified the person (`Staff.verify`)."""

    async def list(self, states: Collection[DisputeState], count_max: int) -> Sequence[DisputeView]:
        """At most `count_max` disputes in one of these states, the nearest deadline first."""
        ...

    async def find(self, dispute_id: int) -> DisputeView:
        """One dispute.

        Raises:
            UnknownDisputeError: there is no such dispute.
        """
        ...

    async def last(self) -> DisputeView:
        """The dispute that was opened last.

        Raises:
            UnknownDisputeError: there is none.
        """
        ...

    async def find_by_name(self, connector_id: str, name: str) -> DisputeView:
        """The dispute of this connector's name.

        Raises:
            UnknownDisputeError: there is none.
        """
        ...

    async def collected_as(self, connector_id: str, name: str) -> tuple[UUID, str]:
        """The payment that a connector collected under its own transaction or our reference, and the former.

        Raises:
            DisputeTargetError: it collected nothing under this name.
        """
        ...

    async def steps(self, dispute_id: int) -> Sequence[DisputeStep]:
        """What happened to it, the oldest first."""
        ...

    async def files(self, dispute_id: int) -> Sequence[EvidenceFile]:
        """The evidence that was added, the oldest first."""
        ...

    async def file(self, dispute_id: int, sha256: str) -> bytes:
        """The content of one file of evidence, by the beginning of its SHA-256 in hexadecimal.

        Raises:
            EvidenceError: no file of the dispute, or more than one, begins so.
        """
        ...

    async def open(self, new: NewDispute, by: str) -> DisputeView:
        """Record a dispute that the connector has told of; nothing moves.

        Told again with the same content, it is the same dispute.

        Raises:
            DisputeTargetError: nothing of this payment, or no so much, was collected by that movement.
            OtherDisputeError: the connector's name is that of another dispute, or of a round that has ended,
                or a row of a settlement file has opened the dispute of this money under its own name.
        """
        ...

    async def open_round(self, dispute_id: int, number: int, answer_due_on: date, word: str, by: str) -> None:
        """Begin the next round of a dispute that was won, lost or accepted.

        Raises:
            UnknownDisputeError: there is no such dispute.
            WrongRoundError: its next round has another number.
            IllegalTransitionError: it is open or settled.
        """
        ...

    async def request_evidence(self, dispute_id: int, answer_due_on: date, word: str, by: str) -> None:
        """Record that the connector wants evidence by a date.

        Raises:
            UnknownDisputeError: there is no such dispute.
            IllegalTransitionError: its outcome is known.
        """
        ...

    async def attach(self, dispute_id: int, name: str, content: bytes, by: str) -> EvidenceFile:
        """Keep a file of evidence in the present round; the same content is kept once.

        Raises:
            UnknownDisputeError: there is no such dispute.
            EvidenceError: the file is empty, too large, or text that shows a card number.
        """
        ...

    async def represent(self, dispute_id: int, word: str, by: str) -> None:
        """Record that the evidence of this round was sent to the connector.

        Raises:
            UnknownDisputeError: there is no such dispute.
            EvidenceError: no file of evidence was added in this round.
            IllegalTransitionError: it was answered already.
        """
        ...

    async def propose(self, dispute_id: int, proposal: DisputeProposal, by: str) -> DisputeView:
        """Write down what became of the dispute or its money; nothing moves until another person approves.

        Raises:
            UnknownDisputeError: there is no such dispute.
            DisputeProposalError: another proposal waits, or a field is missing.
            IllegalTransitionError: it cannot happen in this state.
            HeldMoneyError: its money is recorded already, or is held where the claim is settled.
            MovementTakenError: the movement belongs to another dispute or refund.
            DecidedRowError: a decision about the break of its row has booked the movement.
            RefundRefusedError: this amount cannot have been taken, or nobody is named who bears it.
        """
        ...

    async def approve(self, dispute_id: int, by: str) -> DisputeView:
        """Approve what another person proposed, and carry it out with its postings, in one transaction.

        Repeated by the same person, it is answered again.

        Raises:
            UnknownDisputeError: there is no such dispute.
            DisputeProposalError: nothing waits, or the dispute has moved on since; reject it then.
            OnePersonError: the approver has proposed it.
            ClaimSettledError: the claim of what comes back was settled already; settle the dispute instead.
            MovementTakenError: the movement belongs to another dispute or refund.
            RefundRefusedError: this amount cannot have been taken.
        """
        ...

    async def reject(self, dispute_id: int, reason: str, by: str) -> DisputeView:
        """Reject what was proposed, also by oneself; nothing moves.

        Raises:
            UnknownDisputeError: there is no such dispute.
            DisputeProposalError: nothing waits.
        """
        ...
