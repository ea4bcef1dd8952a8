"""One thing that two persons may decide, and all that its approval does."""

from dataclasses import dataclass

from ekpay_switch.domain.decisions.actions import REFERENCE, DecisionAction
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.payment import Event
from ekpay_switch.domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that may be decided, with all that its approval does.

    `entries` are posted in order; `events` move the payment; `refusal` is why it ends unpaid; `notice` names
    the notification of its partner. Where `is_delegated`, the refund or the try whose money it is posts the
    entries, in the same transaction. Where `states_amount`, its proposer states one. Where `is_delivered`,
    the delivery counts as acknowledged by the biller.
    """

    action: DecisionAction
    meaning: str
    entries: tuple[Entry, ...] = ()
    events: tuple[Event, ...] = ()
    refusal: Refusal | None = None
    notice: str = ""
    is_delegated: bool = False
    states_amount: bool = False
    is_delivered: bool = False

    @property
    def amount(self) -> int:
        """The money that it moves, in paisa: the debits of its largest entry."""
        debits = (sum(max(posting.amount, 0) for posting in entry.postings) for entry in self.entries)
        return max(debits, default=0)

    @property
    def needs_reference(self) -> bool:
        """Whether a reference must prove it."""
        return self.action in REFERENCE
