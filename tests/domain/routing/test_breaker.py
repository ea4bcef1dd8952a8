"""When a connector is asked for no payment any more, and how it comes back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.routing.breaker import (
    DOUBTS,
    UNCOUNTED,
    Breaker,
    BreakerRules,
    BreakerState,
    PaymentCall,
    RouteOutcome,
    breaker_after,
    doubts_in_a_row,
    why_open,
)

RULES = BreakerRules()
NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
COLLECTED, DECLINED, PAGE, REFUSED = (
    RouteOutcome.COLLECTED,
    RouteOutcome.DECLINED,
    RouteOutcome.PAGE,
    RouteOutcome.REFUSED,
)
IN_DOUBT, NO_PAGE, UNREACHED = RouteOutcome.IN_DOUBT, RouteOutcome.NO_PAGE, RouteOutcome.UNREACHED
OPEN = Breaker(BreakerState.OPEN, NOW, "5 in doubt in a row")
HALF_OPEN = Breaker(BreakerState.HALF_OPEN, NOW, "answered", probe="A1")


def called(outcome: RouteOutcome, attempt: str = "A1", *, opened_seconds_ago: float = 0.0) -> PaymentCall:
    later = NOW + timedelta(seconds=60)
    return PaymentCall(outcome, attempt, later - timedelta(seconds=opened_seconds_ago), later)


# ---- opening


@pytest.mark.parametrize("doubt", sorted(DOUBTS))
def test_five_in_doubt_in_a_row_open_it(doubt: RouteOutcome) -> None:
    assert breaker_after(called(doubt), Breaker(), [doubt] * 4, RULES) is None
    opened = breaker_after(called(doubt), Breaker(), [doubt] * 5, RULES)
    assert opened == Breaker(BreakerState.OPEN, called(doubt).now, "5 in doubt in a row")


@pytest.mark.parametrize("answer", [COLLECTED, DECLINED, REFUSED])
def test_any_answer_ends_the_row(answer: RouteOutcome) -> None:
    assert doubts_in_a_row([IN_DOUBT, NO_PAGE, answer, IN_DOUBT, IN_DOUBT]) == 2


def test_a_page_ends_a_row_of_lost_pages_and_not_of_lost_payments() -> None:
    """A provider whose pages open and whose payments hang must not look well because of its pages."""
    assert doubts_in_a_row([NO_PAGE, UNREACHED, PAGE, NO_PAGE]) == 2
    assert doubts_in_a_row([IN_DOUBT, PAGE, IN_DOUBT, PAGE, IN_DOUBT]) == 3


def test_half_of_the_last_twenty_in_doubt_open_it() -> None:
    nine = [COLLECTED, UNREACHED] * 9
    assert why_open([*nine, COLLECTED, COLLECTED], RULES) == ""
    assert why_open([*nine, COLLECTED, UNREACHED], RULES) == "10 of the last 20 in doubt"
    assert why_open([UNREACHED, COLLECTED] * 9, RULES) == ""
    assert why_open([*nine, COLLECTED, COLLECTED, UNREACHED], RULES) == ""


@given(st.lists(st.sampled_from(sorted(set(RouteOutcome) - DOUBTS)), max_size=40))
def test_nothing_but_doubts_opens_it(newest_first: list[RouteOutcome]) -> None:
    assert why_open(newest_first, RULES) == ""


@given(st.lists(st.sampled_from(sorted(RouteOutcome)), max_size=40), st.sampled_from(sorted(RouteOutcome)))
def test_what_is_no_doubt_leaves_a_closed_one_closed(
    before: list[RouteOutcome], outcome: RouteOutcome
) -> None:
    after = breaker_after(called(outcome), Breaker(), [outcome, *before], RULES)
    assert after is None or (after.state is BreakerState.OPEN and outcome in DOUBTS)


# ---- coming back


@pytest.mark.parametrize("outcome", sorted(RouteOutcome))
def test_no_payment_moves_an_open_one(outcome: RouteOutcome) -> None:
    """Only an answered question does, or time: a payment that began before proves nothing."""
    assert breaker_after(called(outcome), OPEN, [outcome] * 5, RULES) is None


def test_a_payment_that_was_collected_closes_a_half_open_one() -> None:
    after = breaker_after(called(COLLECTED), HALF_OPEN, [COLLECTED], RULES)
    assert after == Breaker(BreakerState.CLOSED, called(COLLECTED).now, "a payment was collected")


def test_money_of_a_page_from_before_closes_nothing() -> None:
    assert (
        breaker_after(called(COLLECTED, "A0", opened_seconds_ago=61), HALF_OPEN, [COLLECTED], RULES) is None
    )
    without_since = replace(HALF_OPEN, since=None)
    assert breaker_after(called(COLLECTED, "A0"), without_since, [COLLECTED], RULES) is None


@pytest.mark.parametrize("doubt", sorted(DOUBTS))
@pytest.mark.parametrize("attempt", ["A1", "A0"])
def test_one_doubt_opens_a_half_open_one_again(doubt: RouteOutcome, attempt: str) -> None:
    after = breaker_after(called(doubt, attempt), HALF_OPEN, [doubt], RULES)
    assert after == Breaker(BreakerState.OPEN, called(doubt).now, f"{doubt} while half open")


@pytest.mark.parametrize("answer", [PAGE, DECLINED, REFUSED])
def test_an_answer_makes_room_for_the_next_payment(answer: RouteOutcome) -> None:
    assert breaker_after(called(answer), HALF_OPEN, [answer], RULES) == replace(HALF_OPEN, probe="")
    assert breaker_after(called(answer, "A0"), HALF_OPEN, [answer], RULES) is None


def test_times_pass_faster_where_a_demo_says_so() -> None:
    faster = RULES.faster(30)
    assert (faster.hold_seconds, faster.by_itself_seconds, faster.memory_seconds) == (1.0, 20.0, 120.0)
    assert faster.doubts_in_a_row == RULES.doubts_in_a_row


def test_what_is_in_doubt_counts_for_the_record() -> None:
    assert not DOUBTS & UNCOUNTED
