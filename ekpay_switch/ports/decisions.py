"""The desk at which two persons decide about money that waits: for the command line and the consoles alike.

One person proposes what is to be done with a case, another approves it after seeing the same. The approval,
its entries and the payment's events are one transaction. What was proposed about a case that has changed
since lapses and is not carried out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import Case, CaseKind
from ekpay_switch.domain.decisions.option import Option
from ekpay_switch.domain.decisions.suspense import SuspenseItem
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.money import Money


class ProposalState(StrEnum):
    """Where a proposal stands; the comment of each member is its meaning."""

    WAITING = "waiting"  # for the approval of a second person
    APPROVED = "approved"  # and carried out
    REJECTED = "rejected"
    LAPSED = "lapsed"  # its case has changed, or its proposer has left


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in the list: what it is about, its money in paisa, since when (UTC), and what is proposed."""

    kind: CaseKind
    subject: UUID
    payment_id: UUID
    amount: int
    since: datetime
    proposal_id: UUID | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one person proposes; its id is made before the database is asked, so a repeat writes nothing new.

    `subject` is the payment or the refund of the case. `reference` proves it, for actions that need one, and
    `stated` is the amount that some of them state.
    """

    id: UUID
    subject: UUID
    action: DecisionAction
    reason: str
    by: str
    reference: str = ""
    stated: Money | None = None


@dataclass(frozen=True, slots=True)
class JournalProposal:
    """An entry that one person proposes; `postings` are accounts and signed paisa, debit positive.

    `takes_from` is the entry whose item in suspense it takes from, None where it takes from none.
    """

    id: UUID
    postings: tuple[tuple[str, int], ...]
    reason: str
    reference: str
    by: str
    takes_from: UUID | None = None


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal as people see it; instants are UTC, amounts whole paisa.

    `code` stands for everything that the approval does: whoever approves names it, and so has seen it.
    """

    id: UUID
    kind: CaseKind
    subject: UUID
    payment_id: UUID | None
    action: DecisionAction
    amount: int
    reason: str
    reference: str
    entries: tuple[Entry, ...]
    code: str
    state: ProposalState
    proposed_by: str
    proposed_at: datetime
    ended_by: str
    ended_at: datetime | None
    end_reason: str
    takes_from: UUID | None = None


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One thing that is known about a case: a step of our history, or what a far side or a file said."""

    at: datetime
    source: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with both sides: our books, what was said, what may be decided, and what was proposed before.

    `balances` are what the postings of its payment come to, by account, in the account's own direction.
    """

    case: Case
    options: Sequence[Option]
    balances: Mapping[str, int]
    evidence: Sequence[EvidenceLine]
    proposals: Sequence[ProposalView]


@dataclass(frozen=True, slots=True)
class SuspenseView:
    """An item in suspense that belongs to no payment, with every proposal about its entry, oldest first."""

    item: SuspenseItem
    proposals: Sequence[ProposalView]


class DecisionDesk(Protocol):
    """The desk; the caller has verified the person (`Staff.verify`)."""

    async def list(self, kind: CaseKind | None, limit: int, after: UUID | None = None) -> Sequence[CaseLine]:
        """At most `limit` cases by the id of their subject, those after `after`."""
        ...

    async def show(self, subject: UUID) -> CaseView:
        """A case with both sides.

        Raises:
            NoCaseError: nothing about it waits for a decision.
        """
        ...

    async def find(self, proposal_id: UUID) -> ProposalView | None:
        """One proposal, or None where there is none of this id."""
        ...

    async def list_suspense(self, limit: int, after: UUID | None = None) -> Sequence[SuspenseView]:
        """At most `limit` items of which something remains, by entry, those of entries after `after`."""
        ...

    async def show_suspense(self, entry_id: UUID) -> Sequence[SuspenseView]:
        """The items of an entry, settled ones too.

        Raises:
            NoItemError: the entry has put nothing into suspense that is decided here.
        """
        ...

    async def propose(self, proposal: Proposal) -> ProposalView:
        """Write a proposal down; nothing moves.

        Raises:
            NoCaseError: nothing about its subject waits for a decision.
            UnfitActionError: the case does not allow the action; it names those that it allows.
            HostRequestOpenError: the host of its connector decides it, by its answer.
            MissingFieldError: a reason or a reference is missing; it names the field.
            ProposalWaitsError: another proposal about it waits.
        """
        ...

    async def propose_journal(self, proposal: JournalProposal) -> ProposalView:
        """Write down an entry to be posted by hand; nothing moves.

        Raises:
            MissingFieldError: a reason or a reference is missing; it names the field.
            ForbiddenEntryError: the entry does not balance, or the chart does not let its accounts meet.
            NoItemError: it is to take from an entry that has put nothing into suspense.
            UnfitTakingError: it cannot take from that item; it says why, and what remains.
        """
        ...

    async def approve(self, proposal_id: UUID, code: str, by: str) -> ProposalView:
        """Approve a proposal and carry it out, in one transaction.

        Repeated by the same person, it is answered again. One that lapses is answered as such, and nothing is
        carried out.

        Raises:
            UnknownProposalError: there is no such proposal.
            OnePersonError: the approver is the person who proposed it.
            WrongCodeError: the code is not that of the proposal.
            ProposalEndedError: it was decided by somebody else, or has lapsed before.
            PrefundTooLowError: the partner's prefund does not cover it; the proposal still waits.
            ReferenceTakenError: the reference names another movement of money; the proposal still waits.
        """
        ...

    async def reject(self, proposal_id: UUID, reason: str, by: str) -> ProposalView:
        """Reject a proposal, also one's own; nothing moves.

        Raises:
            UnknownProposalError: there is no such proposal.
            MissingFieldError: there is no reason.
            ProposalEndedError: it was decided before.
        """
        ...
