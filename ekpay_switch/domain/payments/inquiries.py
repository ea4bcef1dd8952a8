"""When to inquire about a payment in doubt, and what the answer proves (architecture.md 5, law 14)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.collections.file_proofs import (
    NO_FILES,
    SAYS_DONE,
    SAYS_NOT_DONE,
    FileProof,
    FileStatements,
    proof_of,
)


@dataclass(frozen=True, slots=True)
class SafetyFacts:
    """The four facts that decide safety (law 13), as an institution's manifest states them; times in seconds.

    `not_found_settle_seconds` is how long after the send deadline a "not found" may still be too early;
    None means that it is never final. One that `answers_repeats_alike` answers a payment that it has taken
    as taken, however often it is sent; without that a decline of a repeat says nothing about the first send.
    """

    deduplicates: bool
    can_be_asked: bool
    not_found_settle_seconds: float | None
    can_be_undone: bool
    echoes_amount: bool
    answers_repeats_alike: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """An institution's timings, in seconds, already divided for demos and tests.

    A payment that was given back on a "not found" is inquired about for `watch_seconds` after its last send,
    and a completed one for its final receipt for `receipt_seconds`.
    """

    answer_seconds: float
    send_seconds: float
    ask_after_seconds: tuple[float, ...]
    ask_every_seconds: float
    settle_margin_seconds: float
    quote_life_seconds: float
    watch_seconds: float = 172_800.0
    receipt_seconds: float = 1_209_600.0

    @property
    def lease_seconds(self) -> float:
        """How long the sender holds a payment: until its send deadline, then the whole answer time."""
        return self.send_seconds + self.answer_seconds

    @property
    def hold_seconds(self) -> float:
        """How long no other process touches a payment that is being sent.

        At least until its first inquiry is due, even where its sender has died.
        """
        return max(self.lease_seconds, self.next_ask_seconds(0))

    def next_ask_seconds(self, questions: int) -> float:
        """Seconds from the last inquiry (or the doubt) to the next one, after `questions` inquiries."""
        times = (0.0, *self.ask_after_seconds)
        if questions < len(self.ask_after_seconds):
            return times[questions + 1] - times[questions]
        return self.ask_every_seconds


class NextStep(StrEnum):
    """What a "not found" leads to, final or not."""

    WAIT = "wait"
    SEND_AGAIN = "send_again"
    GIVE_BACK = "give_back"
    ASK_A_PERSON = "ask_a_person"  # the far side's settlement file says otherwise


@dataclass(frozen=True, slots=True)
class DoubtfulSend:
    """The last send of an attempt that was not confirmed."""

    send_until: datetime
    sends: int
    quote_expires_at: datetime


def send_date(send_until: datetime, timing: Timing) -> date:
    """The Dhaka date on which a send with this deadline was begun."""
    return business_date(send_until - timedelta(seconds=timing.send_seconds))


def final_not_found_at(
    send: DoubtfulSend, facts: SafetyFacts, timing: Timing, files: FileStatements = NO_FILES
) -> datetime | None:
    """From when on a "not found" is final: send deadline + settle time + 60 s; None for never.

    Where settlement files prove that it was not done, the settle time is zero, so that it is final even where
    a "not found" alone never is.
    """
    if not facts.can_be_asked:
        return None
    settle = facts.not_found_settle_seconds
    if proof_of(files, send_date(send.send_until, timing)) in SAYS_NOT_DONE:
        settle = 0.0
    if settle is None:
        return None
    return send.send_until + timedelta(seconds=settle + timing.settle_margin_seconds)


def is_watched(send: DoubtfulSend, now: datetime, timing: Timing) -> bool:
    """Whether a payment that was given back on a "not found" is inquired about once more (law 15)."""
    return now < send.send_until + timedelta(seconds=timing.watch_seconds)


def next_step_after_not_found(
    send: DoubtfulSend, now: datetime, facts: SafetyFacts, timing: Timing, files: FileStatements = NO_FILES
) -> NextStep:
    """What a "not found" at `now` leads to (architecture.md 4, "Attempts").

    Proven not posted, with a live quote and a far side that deduplicates: sent again once with the same
    reference; else given back. What its settlement file names as failed or leaves out is never sent again;
    what the file names as done is neither sent again nor given back.
    """
    proof = proof_of(files, send_date(send.send_until, timing))
    if proof in SAYS_DONE:
        return NextStep.ASK_A_PERSON
    final_at = final_not_found_at(send, facts, timing, files)
    if final_at is None or now < final_at:
        return NextStep.WAIT
    is_lost = proof is FileProof.NONE and send.sends == 1
    if is_lost and facts.deduplicates and now < send.quote_expires_at:
        return NextStep.SEND_AGAIN
    return NextStep.GIVE_BACK
