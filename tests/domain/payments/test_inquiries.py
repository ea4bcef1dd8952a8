from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.payments.inquiries import (
    DoubtfulSend,
    NextStep,
    SafetyFacts,
    Timing,
    final_not_found_at,
    next_step_after_not_found,
)

TIMING = Timing(
    answer_seconds=20,
    send_seconds=5,
    ask_after_seconds=(90, 600, 7_200),
    ask_every_seconds=3_600,
    settle_margin_seconds=60,
    quote_life_seconds=900,
)
FACTS = SafetyFacts(
    deduplicates=True,
    can_be_asked=True,
    not_found_settle_seconds=120,
    can_be_undone=False,
    echoes_amount=True,
)
SENT_UNTIL = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
SEND = DoubtfulSend(send_until=SENT_UNTIL, sends=1, quote_expires_at=SENT_UNTIL + timedelta(hours=1))
FINAL_AT = SENT_UNTIL + timedelta(seconds=180)
TICK = timedelta(microseconds=1)


def test_a_payment_is_leased_for_the_last_send_and_its_whole_answer() -> None:
    assert TIMING.lease_seconds == 25


def test_questions_are_asked_at_the_listed_times_then_regularly() -> None:
    asked_at = 0.0
    times = []
    for asked in range(5):
        asked_at += TIMING.next_ask_seconds(asked)
        times.append(asked_at)
    assert times == [90, 600, 7_200, 10_800, 14_400]


def test_an_institution_without_listed_times_is_asked_regularly() -> None:
    assert replace(TIMING, ask_after_seconds=()).next_ask_seconds(0) == 3_600


def test_not_found_is_final_a_minute_after_deadline_and_settle_time() -> None:
    assert final_not_found_at(SEND, FACTS, TIMING) == FINAL_AT


@pytest.mark.parametrize(
    "facts", [replace(FACTS, not_found_settle_seconds=None), replace(FACTS, can_be_asked=False)]
)
def test_not_found_is_never_final_where_the_institution_cannot_say_so(facts: SafetyFacts) -> None:
    assert final_not_found_at(SEND, facts, TIMING) is None
    assert next_step_after_not_found(SEND, SENT_UNTIL + timedelta(days=365), facts, TIMING) is NextStep.WAIT


def test_an_early_not_found_proves_nothing() -> None:
    assert next_step_after_not_found(SEND, FINAL_AT - TICK, FACTS, TIMING) is NextStep.WAIT


def test_proven_not_posted_is_sent_again_once() -> None:
    assert next_step_after_not_found(SEND, FINAL_AT, FACTS, TIMING) is NextStep.SEND_AGAIN
    assert next_step_after_not_found(replace(SEND, sends=2), FINAL_AT, FACTS, TIMING) is NextStep.GIVE_BACK


def test_nothing_is_sent_again_where_the_far_side_does_not_deduplicate() -> None:
    facts = replace(FACTS, deduplicates=False)
    assert next_step_after_not_found(SEND, FINAL_AT, facts, TIMING) is NextStep.GIVE_BACK


def test_nothing_is_sent_again_after_the_quote_has_expired() -> None:
    expired = replace(SEND, quote_expires_at=FINAL_AT)
    assert next_step_after_not_found(expired, FINAL_AT, FACTS, TIMING) is NextStep.GIVE_BACK


@given(
    seconds=st.integers(min_value=0, max_value=7_200),
    sends=st.integers(min_value=1, max_value=3),
    deduplicates=st.booleans(),
)
def test_nothing_is_sent_or_given_back_before_not_found_is_final(
    seconds: int, sends: int, *, deduplicates: bool
) -> None:
    now = SENT_UNTIL + timedelta(seconds=seconds)
    step = next_step_after_not_found(
        replace(SEND, sends=sends), now, replace(FACTS, deduplicates=deduplicates), TIMING
    )
    assert (step is NextStep.WAIT) == (now < FINAL_AT)
