"""What the answer about a lost send proves, and which of them hold a release back."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.outcome import HalfDone, NoAnswer, NotFound, Posted
from ekpay_switch.domain.payments.lost_sends import LostFinding, LostSend, LostState, finding_of
from ekpay_switch.domain.payments.sends import SendKind
from tests.fakes.billers import SAFETY, TIMING
from tests.persistence.sends.a_send import a_send

SEND = a_send()
# 120 s to settle and 60 s of margin after the send deadline.
FINAL_AT = SEND.send_until + timedelta(seconds=180)


def lost(state: LostState = LostState.UNKNOWN) -> LostSend:
    return LostSend(UUID(int=1), SEND, LostFinding(state, "why"))


def test_not_found_proves_nothing_before_it_is_final() -> None:
    early = finding_of(NotFound(), SEND, SAFETY, TIMING, FINAL_AT - timedelta(seconds=1))
    assert early.state is LostState.UNKNOWN
    assert "2026-03-01 12:03:10" in early.why
    assert finding_of(NotFound(), SEND, SAFETY, TIMING, FINAL_AT).state is LostState.NOT_POSTED


def test_not_found_that_is_never_final_proves_nothing_ever() -> None:
    never = replace(SAFETY, not_found_settle_seconds=None)
    finding = finding_of(NotFound(), SEND, never, TIMING, FINAL_AT + timedelta(days=365))
    assert finding.state is LostState.UNKNOWN


def test_what_the_far_side_holds_is_posted_with_its_answer() -> None:
    posted = Posted("A1", 105_000, {"receipt": "R"})
    assert finding_of(posted, SEND, SAFETY, TIMING, FINAL_AT).posted == posted
    half = finding_of(HalfDone("acknowledge"), SEND, SAFETY, TIMING, FINAL_AT)
    assert (half.state, half.posted, half.why) == (
        LostState.POSTED,
        None,
        "the far side waits for acknowledge",
    )


def test_silence_proves_nothing() -> None:
    assert finding_of(NoAnswer("silent"), SEND, SAFETY, TIMING, FINAL_AT).state is LostState.UNKNOWN


@pytest.mark.parametrize(
    ("state", "is_open"),
    [(LostState.UNKNOWN, True), (LostState.POSTED, True), (LostState.NOT_POSTED, False)],
)
def test_a_partners_payment_is_open_until_it_is_proven_not_posted(state: LostState, *, is_open: bool) -> None:
    assert lost(state).is_open is is_open


def test_what_was_booked_or_decided_is_open_no_more() -> None:
    assert not replace(lost(), booked_at=FINAL_AT).is_open
    decided = replace(lost(), decided=LostState.NOT_POSTED)
    assert (decided.state, decided.is_open) == (LostState.NOT_POSTED, False)


def test_a_refund_is_open_and_what_a_connector_collected_for_is_not() -> None:
    assert replace(lost(), send=replace(SEND, kind=SendKind.REFUND, claim=None)).is_open
    assert not replace(lost(), send=replace(SEND, claim=None)).is_open
