import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import (
    AGE_SECONDS_MAX,
    FAILURES_MAX,
    GIVEN_UP_MAX,
    NOTICES,
    PAUSE_SECONDS_MAX,
    RETRY_AFTER_SECONDS_MAX,
    RETRY_SECONDS,
    TRIES_MAX,
    DeliveryState,
    EndpointHealth,
    EventType,
    RetryDecision,
    RetryPace,
    SendResult,
    decide_retry,
    judge_endpoint,
)
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, Posted, Unreached
from ekpay_switch.domain.payment import State, public_state, walk
from ekpay_switch.domain.payments.delivery import (
    Delivery,
    DeliveryPlan,
    plan_half_done,
    plan_not_posted,
    plan_outcome,
    plan_posted,
)

DELIVERING = Delivery(
    payment_id=UUID(int=1),
    attempt_id=UUID(int=2),
    partner_id="bank1",
    lane=0,
    epoch=1,
    biller_id="desco_postpaid",
    prefund="prefund:bank1:postpaid",
    sums=Sums(Money(100_000), Money(0), Money(500), Money(75)),
)
POSTED = Posted("REF1", 100_000)
ELSEWHERE = replace(POSTED, amount_minor=99)
PLANS = [
    (State.DELIVERING, plan_outcome(DELIVERING, Approved({}))),
    (State.DELIVERING, plan_outcome(DELIVERING, Declined("blocked"))),
    (State.DELIVERING, plan_outcome(DELIVERING, Unreached("refused"))),
    (State.DELIVERING, plan_outcome(DELIVERING, InDoubt("silence"))),
    (State.DELIVERING, plan_not_posted(DELIVERING)),
    *((state, plan_posted(DELIVERING, state, POSTED)) for state in (State.DELIVERING, State.REFUNDED)),
    *((state, plan_posted(DELIVERING, state, ELSEWHERE)) for state in (State.DELIVERING, State.REFUNDED)),
    (State.REFUNDED, plan_half_done("acknowledge")),
]
FAILED = SendResult(500, "HTTP 500")
SILENT = SendResult(None, "no answer within 15 s")
AGAIN = RetryDecision(DeliveryState.WAITING, 5.0)
LOST = RetryDecision(DeliveryState.GIVEN_UP)
GONE = RetryDecision(DeliveryState.GIVEN_UP, is_gone=True, is_rejected=True)


# ---- what is told


@pytest.mark.parametrize(("state", "plan"), PLANS)
def test_a_notice_tells_the_state_that_its_plan_led_to(state: State, plan: DeliveryPlan) -> None:
    steps = walk(state, plan.events)
    if not plan.notice:
        assert not steps
        return
    # What was refused stays refused to the partner, whatever two persons look at (law 14).
    told = State.REFUNDED if state is State.REFUNDED else steps[-1][2]
    assert NOTICES[plan.notice].state is told


def test_every_notice_that_plans_are_written_with_is_classified() -> None:
    """A notice without an event would wait for ever."""
    core = Path(__file__).parents[2] / "ekpay_switch"
    deciding = [
        core / "domain" / name
        for name in ("payments/delivery.py", "collections/funding.py", "refunds/refund.py")
    ]
    # What a partner cancels is written by whoever holds the locks: nothing is left to decide.
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (*deciding, core / "persistence" / "collections" / "openings.py")
    )
    written = set(
        re.findall(
            r'(?:notice ?= ?|else |add_notification\(connection, payment, |Refusal\.[A-Z_]+: )"(\w+)"', text
        )
    )
    assert written == set(NOTICES)


def test_every_event_type_is_the_event_of_some_notice() -> None:
    assert {told.event for told in NOTICES.values()} == set(EventType)


@pytest.mark.parametrize("event", EventType)
def test_an_event_type_is_dotted_and_plain(event: EventType) -> None:
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", event)


def test_the_same_event_reports_one_state_whatever_led_to_it() -> None:
    told = list(NOTICES.values())
    assert len({(one.event, public_state(one.state)) for one in told}) == len(EventType)
    assert all(one.meaning.endswith(".") for one in told)


def test_the_how_to_says_what_each_event_means() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "receive-notifications.md"
    text = page.read_text(encoding="utf-8")
    for told in NOTICES.values():
        assert f"| `{told.event.value}` | {public_state(told.state).value} | {told.meaning} |" in text


# ---- when it is tried again


def test_the_schedule_lasts_three_days_and_a_bit() -> None:
    assert TRIES_MAX == 10
    assert sum(RETRY_SECONDS) == (75 * 60 + 35) * 60 + 5
    assert all(before < after for before, after in pairwise(RETRY_SECONDS))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert decide_retry(SendResult(status), 1, 0, RetryPace()) == RetryDecision(DeliveryState.DELIVERED)


@pytest.mark.parametrize(
    "tried", [FAILED, SILENT, *(SendResult(status) for status in (199, 301, 308, 400, 404, 503))]
)
def test_anything_else_is_tried_again_on_schedule(tried: SendResult) -> None:
    waits = [decide_retry(tried, tries, 0, RetryPace()) for tries in range(1, TRIES_MAX)]
    assert [one.retry_seconds for one in waits] == list(RETRY_SECONDS[1:])
    assert {one.state for one in waits} == {DeliveryState.WAITING}
    assert {one.throttle_seconds for one in waits} == {0.0}


def test_after_the_last_try_it_is_given_up() -> None:
    assert decide_retry(FAILED, TRIES_MAX, 0, RetryPace()) == LOST
    assert decide_retry(FAILED, TRIES_MAX + 1, 0, RetryPace()) == LOST


def test_tries_that_pauses_held_back_do_not_make_a_message_live_longer() -> None:
    assert decide_retry(FAILED, 2, AGE_SECONDS_MAX - 1, RetryPace()).state is DeliveryState.WAITING
    assert decide_retry(FAILED, 2, AGE_SECONDS_MAX, RetryPace()) == LOST
    assert decide_retry(FAILED, 2, AGE_SECONDS_MAX / 60, RetryPace(divisor=60)) == LOST


def test_the_longest_schedule_is_over_before_age_ends_it() -> None:
    last = sum(wait * 1.1 for wait in RETRY_SECONDS)
    assert (
        decide_retry(FAILED, TRIES_MAX - 1, last - RETRY_SECONDS[-1], RetryPace()).state
        is DeliveryState.WAITING
    )


@given(st.floats(0, 1, exclude_max=True), st.integers(1, TRIES_MAX - 1))
def test_luck_makes_a_wait_up_to_a_tenth_longer(luck: float, tries: int) -> None:
    wait = decide_retry(FAILED, tries, 0, RetryPace(luck=luck)).retry_seconds
    assert RETRY_SECONDS[tries] <= wait <= RETRY_SECONDS[tries] * 1.1


def test_a_demo_divides_its_times() -> None:
    assert decide_retry(FAILED, 2, 0, RetryPace(divisor=60)).retry_seconds == 5.0
    assert decide_retry(SendResult(429), 1, 0, RetryPace(divisor=60)).throttle_seconds == 1.0


@pytest.mark.parametrize("status", [429, 502, 504])
def test_an_endpoint_that_is_overrun_is_left_alone_for_a_while(status: int) -> None:
    decision = decide_retry(SendResult(status), 1, 0, RetryPace())
    assert (decision.state, decision.throttle_seconds) == (DeliveryState.WAITING, 60.0)
    assert decision.retry_seconds == 60.0
    assert decide_retry(SendResult(status), TRIES_MAX, 0, RetryPace()).throttle_seconds == 60.0


def test_retry_after_makes_the_wait_longer_and_never_shorter() -> None:
    assert decide_retry(SendResult(503, retry_after_seconds=90), 1, 0, RetryPace()).retry_seconds == 90
    assert (
        decide_retry(SendResult(503, retry_after_seconds=90), 3, 0, RetryPace()).retry_seconds
        == RETRY_SECONDS[3]
    )
    throttled = decide_retry(SendResult(429, retry_after_seconds=600), 1, 0, RetryPace())
    assert (throttled.retry_seconds, throttled.throttle_seconds) == (600, 600)


def test_retry_after_is_believed_up_to_a_day() -> None:
    decision = decide_retry(SendResult(429, retry_after_seconds=1e9), 1, 0, RetryPace())
    assert decision.retry_seconds == decision.throttle_seconds == RETRY_AFTER_SECONDS_MAX


def test_gone_is_given_up_at_once() -> None:
    assert decide_retry(SendResult(410), 1, 0, RetryPace()) == GONE


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [
        (RetryDecision(DeliveryState.DELIVERED), "delivered"),
        (AGAIN, "again"),
        (RetryDecision(DeliveryState.WAITING, 60.0, 60.0), "throttled"),
        (LOST, "given_up"),
        (GONE, "gone"),
    ],
)
def test_each_decision_has_a_word(decision: RetryDecision, outcome: str) -> None:
    assert decision.outcome == outcome


# ---- what it means for the endpoint


def test_success_forgets_every_failure() -> None:
    verdict = judge_endpoint(EndpointHealth(9, 2), RetryDecision(DeliveryState.DELIVERED), 1)
    assert (verdict.health, verdict.pause_seconds, verdict.disabled_why) == (EndpointHealth(), 0.0, "")


def test_failures_in_a_row_pause_an_endpoint_longer_each_time() -> None:
    health, pauses, reasons = EndpointHealth(), [], set()
    for _ in range(FAILURES_MAX + 8):
        verdict = judge_endpoint(health, AGAIN, 1)
        health = verdict.health
        pauses.append(verdict.pause_seconds)
        reasons.add(verdict.disabled_why)
    assert pauses[: FAILURES_MAX - 1] == [0.0] * (FAILURES_MAX - 1)
    assert pauses[FAILURES_MAX - 1 : FAILURES_MAX + 2] == [30.0, 60.0, 120.0]
    assert pauses[-1] == PAUSE_SECONDS_MAX
    assert reasons == {""}


def test_a_throttled_endpoint_is_paused_by_its_first_failure() -> None:
    throttled = RetryDecision(DeliveryState.WAITING, 600.0, 600.0)
    assert judge_endpoint(EndpointHealth(), throttled, 1).pause_seconds == 600.0
    assert judge_endpoint(EndpointHealth(20), throttled, 1).pause_seconds == PAUSE_SECONDS_MAX


def test_pauses_are_divided_in_a_demo() -> None:
    assert judge_endpoint(EndpointHealth(FAILURES_MAX - 1), AGAIN, 60).pause_seconds == 0.5


def test_giving_up_three_in_a_row_disables_an_endpoint() -> None:
    health, reasons = EndpointHealth(), []
    for _ in range(GIVEN_UP_MAX):
        verdict = judge_endpoint(health, LOST, 1)
        reasons.append(verdict.disabled_why)
        health = judge_endpoint(verdict.health, AGAIN, 1).health
    assert reasons == ["", "", "3 notifications in a row were given up"]


def test_gone_disables_an_endpoint_at_once() -> None:
    assert judge_endpoint(EndpointHealth(), GONE, 1).disabled_why == "it answered 410 Gone"
