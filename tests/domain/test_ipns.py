"""IPNs: which notices are one, which must stay, and what a try means for a merchant's other IPNs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.merchants.merchant import MerchantCode, code_of
from ekpay_switch.domain.notifications import (
    FAILURES_MAX,
    GIVEN_UP_MAX,
    IPN_CODES,
    IPN_PAUSE_SECONDS_MAX,
    NOTICES,
    PAUSE_SECONDS,
    DeliveryState,
    EndpointHealth,
    EndpointKind,
    EndpointVerdict,
    RetryDecision,
    RetryPace,
    SendResult,
    Siblings,
    WithheldIpn,
    decide_retry,
    judge_endpoint,
    most_tries,
    withhold_ipn,
)
from ekpay_switch.domain.payment import FINAL
from ekpay_switch.domain.refusals import Refusal

AGAIN = RetryDecision(DeliveryState.WAITING, 5.0)
LOST = RetryDecision(DeliveryState.GIVEN_UP)
DONE = RetryDecision(DeliveryState.DELIVERED)
GONE = RetryDecision(DeliveryState.GIVEN_UP, is_gone=True, is_rejected=True)
ENDS = (MerchantCode.SUCCESS, MerchantCode.FAILED, MerchantCode.CANCELLED)
CODES = st.sampled_from(MerchantCode)


def of_ipn(health: EndpointHealth, decision: RetryDecision) -> EndpointVerdict:
    return judge_endpoint(health, decision, 1.0, EndpointKind.IPN)


# ---- which notices are IPNs


@pytest.mark.parametrize("notice", IPN_CODES)
def test_an_ipn_tells_the_code_of_the_state_that_its_notice_led_to(notice: str) -> None:
    state = NOTICES[notice].state
    refusals = {"cancelled": Refusal.CANCELLED, "instrument_refused": Refusal.INSTRUMENT_REFUSED}
    refusal = refusals.get(notice)
    assert state in FINAL
    assert IPN_CODES[notice] is code_of(state, refusal)


def test_only_ends_of_a_payment_are_ipns() -> None:
    """A client that meets another code takes the payment for lost, and a refund is no second success."""
    assert set(IPN_CODES.values()) == set(ENDS)
    assert not set(IPN_CODES) & {"collected_mismatch", "refund_done", "refund_failed", "refunded"}


# ---- which must stay


@pytest.mark.parametrize("is_replay", [False, True])
@pytest.mark.parametrize("notice", IPN_CODES)
def test_an_ipn_leaves_while_the_payment_reads_the_same(notice: str, *, is_replay: bool) -> None:
    now = IPN_CODES[notice]
    assert withhold_ipn(notice, now, Siblings(), is_replay=is_replay) is None
    other = next(code for code in ENDS if code is not now)
    assert withhold_ipn(notice, now, Siblings(accepted_code=other), is_replay=is_replay) is None


@pytest.mark.parametrize("is_replay", [False, True])
def test_an_older_ipn_never_leaves_after_a_newer_one(*, is_replay: bool) -> None:
    kept = withhold_ipn("expired", MerchantCode.SUCCESS, Siblings(has_newer=True), is_replay=is_replay)
    assert kept == WithheldIpn(DeliveryState.GIVEN_UP, "a newer notice of the payment took its place")


@pytest.mark.parametrize("now", [MerchantCode.PENDING, MerchantCode.FAILED])
def test_what_is_not_so_any_more_stays(now: MerchantCode) -> None:
    kept = withhold_ipn("completed", now, Siblings(), is_replay=True)
    assert kept == WithheldIpn(DeliveryState.GIVEN_UP, f"the payment reads {now.value} meanwhile")


def test_the_same_end_is_told_twice_only_by_a_replay() -> None:
    taken = Siblings(accepted_code=MerchantCode.SUCCESS)
    kept = withhold_ipn("completed", MerchantCode.SUCCESS, taken, is_replay=False)
    assert kept == WithheldIpn(DeliveryState.DELIVERED, "the merchant took the same before")
    assert withhold_ipn("completed", MerchantCode.SUCCESS, taken, is_replay=True) is None


@given(st.sampled_from(sorted(NOTICES)), CODES, st.booleans(), st.none() | CODES, st.booleans())
def test_whatever_leaves_is_an_end_and_as_get_status_reads(
    notice: str,
    now: MerchantCode,
    has_newer: bool,  # noqa: FBT001
    taken: MerchantCode | None,
    is_replay: bool,  # noqa: FBT001
) -> None:
    if withhold_ipn(notice, now, Siblings(has_newer, taken), is_replay=is_replay) is None:
        assert now in ENDS
        assert IPN_CODES[notice] is now
        assert not has_newer


# ---- what a try means for the other IPNs of the merchant


def test_what_is_not_sent_says_nothing_about_the_merchant() -> None:
    sick = EndpointHealth(3, 1)
    for state in (DeliveryState.GIVEN_UP, DeliveryState.DELIVERED):
        unsent = RetryDecision(state, is_unsent=True)
        assert of_ipn(sick, unsent) == EndpointVerdict(sick)
        assert unsent.outcome == "unsent"


def test_failures_pause_the_queue_for_a_minute_at_most() -> None:
    assert of_ipn(EndpointHealth(FAILURES_MAX - 2), AGAIN).pause_seconds == 0
    assert of_ipn(EndpointHealth(FAILURES_MAX - 1), AGAIN).pause_seconds == PAUSE_SECONDS
    assert of_ipn(EndpointHealth(FAILURES_MAX + 7), AGAIN).pause_seconds == IPN_PAUSE_SECONDS_MAX
    assert of_ipn(EndpointHealth(10_000), AGAIN).pause_seconds == IPN_PAUSE_SECONDS_MAX
    assert of_ipn(EndpointHealth(10_000, 10_000), DONE) == EndpointVerdict(EndpointHealth())


def test_dead_addresses_disable_nothing_and_the_first_is_alarming() -> None:
    health, verdicts = EndpointHealth(), []
    for _ in range(GIVEN_UP_MAX + 5):
        verdicts.append(of_ipn(health, LOST))
        health = verdicts[-1].health
    assert {verdict.disabled_why for verdict in verdicts} == {""}
    assert [bool(verdict.alarming) for verdict in verdicts] == [True] + [False] * (GIVEN_UP_MAX + 4)
    assert of_ipn(EndpointHealth(), LOST).alarming


def test_410_gives_up_that_order_alone() -> None:
    assert of_ipn(EndpointHealth(), GONE).disabled_why == ""
    assert judge_endpoint(EndpointHealth(), GONE, 1.0).disabled_why


@pytest.mark.parametrize("status", [429, 502, 504])
def test_an_address_that_wants_to_be_left_alone_delays_its_own_order_alone(status: int) -> None:
    decision = decide_retry(SendResult(status, "", 600.0), 1, 0.0, RetryPace())
    assert decision.retry_seconds == 600.0
    assert of_ipn(EndpointHealth(), decision).pause_seconds == 0
    assert judge_endpoint(EndpointHealth(), decision, 1.0).pause_seconds == 600.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 415, 417, 422, 499])
def test_a_server_that_says_no_pauses_its_own_order_alone(status: int) -> None:
    health = EndpointHealth(FAILURES_MAX + 3, 2)
    decision = decide_retry(SendResult(status), 1, 0.0, RetryPace())
    verdict = of_ipn(health, decision)
    assert (verdict.health.failures_in_a_row, verdict.pause_seconds) == (FAILURES_MAX + 3, 0)
    assert judge_endpoint(health, decision, 1.0).health.failures_in_a_row == FAILURES_MAX + 4


@pytest.mark.parametrize("status", [None, 302, 408, 429, 500, 502, 503, 504])
def test_a_server_that_fails_pauses_them_all(status: int | None) -> None:
    decision = decide_retry(SendResult(status), 1, 0.0, RetryPace())
    verdict = of_ipn(EndpointHealth(FAILURES_MAX - 1), decision)
    assert (verdict.health.failures_in_a_row, verdict.pause_seconds) == (FAILURES_MAX, PAUSE_SECONDS)


def test_an_end_without_money_is_told_six_times_and_a_success_ten_times() -> None:
    tries = {notice: most_tries(notice, EndpointKind.IPN) for notice in IPN_CODES}
    assert tries == {"completed": 10, "expired": 6, "instrument_refused": 6, "given_back": 6, "cancelled": 6}
    assert {most_tries(notice, EndpointKind.WEBHOOK) for notice in NOTICES} == {10}
    last = decide_retry(SendResult(400), 6, 0.0, RetryPace(), 6)
    assert (last.state, last.is_rejected) == (DeliveryState.GIVEN_UP, True)
    assert decide_retry(SendResult(400), 5, 0.0, RetryPace(), 6).state is DeliveryState.WAITING
    assert of_ipn(EndpointHealth(), last).alarming
