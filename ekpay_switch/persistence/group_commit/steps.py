"""The steps that callers submit to the group commit, and the answers to them.

Each step carries ids made before the database is asked, so a step that was written before is recognised: a
batch whose COMMIT was not acknowledged is simply written again.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.ledger.entries import Entry, Posting
from ekpay_switch.domain.payments.claims import Claim, ClaimAnswer
from ekpay_switch.domain.payments.delivery import NextSend, RecordAnswer, Recording, SendAnswer


@dataclass(frozen=True, slots=True)
class SaveQuote:
    """Store a quote; a quote with the same id is the same quote."""

    quote: Quote
    lane: int


@dataclass(frozen=True, slots=True)
class PostEntry:
    """Write an entry of its own: without a payment, as a top-up, or of a payment that the caller locks.

    What it gives back to a prefund was taken on the business date `gives_back_of`; None where it gives
    nothing of a payment back.
    """

    entry_id: UUID
    lane: int
    entry: Entry
    payment_id: UUID | None = None
    gives_back_of: date | None = None


@dataclass(frozen=True, slots=True)
class SealedRecording:
    """A recording whose tokens are sealed: rows of payment, line, kind and sealed digits."""

    recording: Recording
    lines: tuple[tuple[UUID, int, str, bytes], ...]


Step = Claim | Recording | SealedRecording | NextSend | SaveQuote | PostEntry
Answer = ClaimAnswer | RecordAnswer | SendAnswer | None


def lane_of(step: Step) -> int:
    """The lane whose hash chain the step may extend."""
    if isinstance(step, SealedRecording):
        return step.recording.delivery.lane
    return step.delivery.lane if isinstance(step, Recording | NextSend) else step.lane


def postings_of(step: Step) -> tuple[Posting, ...]:
    """What the step itself posts; the entry of a claim is made when the claim is decided."""
    if isinstance(step, SealedRecording):
        step = step.recording
    if isinstance(step, Recording):
        return step.plan.entry.postings if step.plan.entry else ()
    return step.entry.postings if isinstance(step, PostEntry) else ()
