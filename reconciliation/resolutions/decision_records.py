"""Records of decisions about breaks: the proposal, its checks, its outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.ledger.entries import Entry, Posting
from ekpay_switch.ports.finance import Adjustment
from reconciliation.errors import ReconciliationError
from reconciliation.resolutions.resolution_actions import ResolutionAction


class UnfitError(ReconciliationError):
    """This decision does not fit the break as it stands; nothing was changed."""


class UnknownIdError(ReconciliationError):
    """Nothing has this id, or more than one thing begins with it."""


class NoNightError(ReconciliationError):
    """No night was reconciled yet."""


class OnePersonError(ReconciliationError):
    """Who proposed a resolution cannot check it: that takes a second person. The attempt was written down."""


class BooksRefuseError(ReconciliationError):
    """The books do not allow the entry; nothing was posted, and the attempt was written down."""


class CheckerVerdict(StrEnum):
    """The verdict of a checker."""

    APPROVED = "approved"
    REJECTED = "rejected"


class ProposalOutcome(StrEnum):
    """How a proposal ended."""

    APPROVED = "approved"
    REJECTED = "rejected"
    LAPSED = "lapsed"  # the break closed before everybody had checked it


@dataclass(frozen=True, slots=True)
class Resolution:
    """One decision about one break; `number` counts those of the break.

    `entry_id` was made with the proposal, so whatever is repeated posts once. `postings` are signed paisa,
    debit positive. `maker` is a person, or None where a `rule` reversed another decision by itself.
    `outcome` is None while it waits for its checkers. `reversed_by` names an approved reversal. `payouts` are
    the keys of the payouts that it says a line of our bank has paid, with what each lacked, in paisa.
    `bank_reference` names the line of our bank that it says has moved. `short_number` is the one that people
    type, among all decisions; 0 until it is written.
    """

    id: UUID
    break_id: UUID
    number: int
    action: ResolutionAction
    amount: int
    entry_id: UUID
    moment: str
    postings: tuple[tuple[str, int], ...]
    settlement: str
    reason: str
    maker: str | None
    rule: str
    made_at: datetime
    checkers_needed: int
    reverses: UUID | None
    approved_by: tuple[str, ...]
    rejected_by: tuple[str, ...]
    outcome: ProposalOutcome | None
    reversed_by: UUID | None
    bank_reference: str = ""
    payouts: Mapping[str, int] = field(default_factory=dict)
    short_number: int = field(default=0, compare=False)

    @property
    def waits(self) -> bool:
        """Whether it waits for checkers."""
        return self.outcome is None

    @property
    def stands(self) -> bool:
        """Whether it was approved and not reversed; reversals and reposts are no decisions that stand."""
        is_decision = self.reverses is None and self.action is not ResolutionAction.REPOST
        return is_decision and self.outcome is ProposalOutcome.APPROVED and self.reversed_by is None

    @property
    def persons(self) -> tuple[str, ...]:
        """Its maker, unless a rule made it, and who has approved it so far."""
        return (*([self.maker] if self.maker else []), *self.approved_by)

    @property
    def made_by(self) -> str:
        """The person, or the rule."""
        return self.maker or f"rule {self.rule}"

    @property
    def entry(self) -> Entry | None:
        """What it posts."""
        if not self.postings:
            return None
        return Entry(self.moment, tuple(Posting(*line) for line in self.postings))

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """The same for the books, under the id that was made with the proposal."""
        entry = self.entry
        if entry is None:
            return ()
        return (Adjustment.of(self.entry_id, entry),)


def posting_lines(entry: Entry | None) -> tuple[tuple[str, int], ...]:
    """The postings of an entry as they are stored."""
    return () if entry is None else tuple((line.account, line.amount) for line in entry.postings)


def decision_of(decisions: Sequence[Resolution], resolution_id: UUID) -> Resolution:
    """The decision of this id among those of a break; raises UnknownIdError."""
    for decision in decisions:
        if decision.id == resolution_id:
            return decision
    raise UnknownIdError(f"the break has no decision {resolution_id}")
