"""Sends that a restored database knows nothing of, and what their far sides say of them (docs/adr/0088)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.outcome import HalfDone, Inquiry, NoAnswer, NotFound, Posted
from ekpay_switch.domain.payments.inquiries import DoubtfulSend, SafetyFacts, Timing, final_not_found_at
from ekpay_switch.domain.payments.sends import Send, SendKind


class LostState(StrEnum):
    """What is known of a lost send."""

    UNKNOWN = "unknown"  # not asked yet, or without an answer that proves anything
    POSTED = "posted"  # the far side holds it, whole or in part
    NOT_POSTED = "not_posted"  # proven: it may be sent anew under another reference


class CartBillState(StrEnum):
    """How the bill of a cart stands whose payment from the portal's prefund a restore has lost."""

    OPEN = "open"  # it waits for that payment, and its money is in the portal's prefund
    LOST = "lost"  # its cart was lost as well
    NOT_FUNDED = "not_funded"  # what its payer paid has not come to the portal's prefund yet
    TAKEN = "taken"  # another payment of it may count
    ENDED = "ended"  # it was given back, or paid otherwise


@dataclass(frozen=True, slots=True)
class LostFinding:
    """What an inquiry says of a lost send, in words for a person in `why`.

    `posted` is the far side's answer where it holds the whole of it; where it waits for a further step, there
    is none.
    """

    state: LostState
    why: str
    posted: Posted | None = None


@dataclass(frozen=True, slots=True)
class LostSend:
    """A send that no attempt of the database has, with the latest finding.

    `booking_refusal` says why its payment could not be booked, or is empty.
    """

    lost_id: UUID
    send: Send
    finding: LostFinding = LostFinding(LostState.UNKNOWN, "not asked yet")
    booked_at: datetime | None = None
    decided: LostState | None = None
    booking_refusal: str = ""

    @property
    def state(self) -> LostState:
        """What two persons have decided, else what was found."""
        return self.decided or self.finding.state

    @property
    def is_open(self) -> bool:
        """Whether money may move twice while nobody has dealt with it, which holds a release back.

        What a connector has collected for is none: each delivery of it has money of its own, and the
        connector's settlement file brings it to light.
        """
        if self.booked_at is not None or self.decided is not None:
            return False
        may_move_twice = self.send.claim is not None or self.send.kind is SendKind.REFUND
        return may_move_twice and self.state is not LostState.NOT_POSTED


def finding_of(
    inquiry: Inquiry, send: Send, safety: SafetyFacts, timing: Timing, now: datetime
) -> LostFinding:
    """What the answer about a lost send proves at `now` (UTC).

    "Not found" counts only once it is final, as for every payment in doubt (law 14).
    """
    match inquiry:
        case Posted():
            return LostFinding(LostState.POSTED, "it is in the far side's books", inquiry)
        case HalfDone(next_step=step):
            return LostFinding(LostState.POSTED, f"the far side waits for {step}")
        case NotFound():
            return _not_found(send, safety, timing, now)
        case NoAnswer(why=why):
            return LostFinding(LostState.UNKNOWN, why)
        case _:
            assert_never(inquiry)


def _not_found(send: Send, safety: SafetyFacts, timing: Timing, now: datetime) -> LostFinding:
    # When its quote expired says only whether it may be sent again, which nobody does here.
    doubt = DoubtfulSend(send.send_until, send.sends, send.send_until)
    final_at = final_not_found_at(doubt, safety, timing)
    if final_at is None:
        return LostFinding(LostState.UNKNOWN, "not found, which is never final there")
    if now < final_at:
        until = in_dhaka(final_at).strftime("%Y-%m-%d %H:%M:%S")
        return LostFinding(LostState.UNKNOWN, f"not found, which is final from {until} (Dhaka): check again")
    return LostFinding(LostState.NOT_POSTED, "not found")
