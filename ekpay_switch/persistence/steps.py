"""What callers hand to the group commit, one step each, and how a step is answered.

Each step carries ids made before the database is asked, so writing one twice is recognised: a batch whose
COMMIT was not heard of is simply written again.
"""

from dataclasses import dataclass
from uuid import UUID

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.claims import Claim, ClaimAnswer
from ekpay_switch.domain.delivery import RecordAnswer, Recording
from ekpay_switch.domain.ledger import Entry


@dataclass(frozen=True, slots=True)
class SaveQuote:
    """Store a quote; an equal id is the same quote."""

    quote: Quote
    lane: int


@dataclass(frozen=True, slots=True)
class PostEntry:
    """Write a journal entry that belongs to no payment, such as a top-up."""

    entry_id: UUID
    lane: int
    entry: Entry


Step = Claim | Recording | SaveQuote | PostEntry
Answer = ClaimAnswer | RecordAnswer | None


def lane_of(step: Step) -> int:
    """The lane whose hash chain the step may extend."""
    return step.delivery.lane if isinstance(step, Recording) else step.lane
