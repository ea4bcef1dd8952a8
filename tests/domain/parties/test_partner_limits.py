"""Limits of a partner: the running total of a day, what may still be paid, and claims that meet either."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.parties.partner_limits import DayTotal, MessageWindow, left_today
from ekpay_switch.domain.payments.claims import decide_claims
from ekpay_switch.domain.refusals import Refusal
from tests.domain.payments.test_claims import PREFUND, a_claim, a_quote, a_snapshot, refusal_of, refusals

TODAY = date(2026, 11, 29)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


@pytest.mark.parametrize(
    ("taken_on", "counted_on", "taken"),
    [(None, TODAY, 0), (YESTERDAY, TODAY, 0), (TODAY, TODAY, 70), (TOMORROW, TOMORROW, 70)],
)
def test_a_total_is_that_of_today_or_of_a_later_day_that_has_begun(
    taken_on: date | None, counted_on: date, taken: int
) -> None:
    total = DayTotal(100, 70 if taken_on else 0, taken_on)
    assert total.counts_on(TODAY) == counted_on
    assert total.taken_today(TODAY) == taken


def test_without_a_daily_limit_nothing_is_limited() -> None:
    assert left_today([DayTotal(None, 70, TODAY), DayTotal(None, 5, TODAY)], TODAY) is None
    assert left_today([], TODAY) is None


def test_both_buckets_count_against_one_limit() -> None:
    assert left_today([DayTotal(100, 70, TODAY), DayTotal(100, 5, TODAY)], TODAY) == 25


def test_what_was_taken_on_an_earlier_day_counts_no_more() -> None:
    assert left_today([DayTotal(100, 70, YESTERDAY), DayTotal(100, 5, TODAY)], TODAY) == 95


def test_a_limit_below_what_was_taken_leaves_less_than_nothing() -> None:
    assert left_today([DayTotal(50, 70, TODAY)], TODAY) == -20


@given(st.lists(st.integers(0, 10**12), max_size=2), st.integers(0, 10**12))
def test_what_is_left_and_what_was_taken_make_the_limit(taken: list[int], limit: int) -> None:
    left = left_today([DayTotal(limit, paisa, TODAY) for paisa in taken], TODAY)
    assert left == (limit - sum(taken) if taken else None)


# ---- claims under limits


def test_a_floor_above_the_balance_refuses_every_payment() -> None:
    seen = a_snapshot(a_quote(amount=1), headroom=-500)
    assert refusal_of(a_claim(paid=1), seen) is Refusal.PREFUND_TOO_LOW
    assert seen.headroom[PREFUND] == -500


def test_of_60_60_and_40_under_a_daily_limit_of_100_the_first_and_the_third_are_accepted() -> None:
    amounts = {"Q1": 60, "Q2": 60, "Q3": 40}
    seen = a_snapshot(*(a_quote(name, amount) for name, amount in amounts.items()))
    seen.left_today["bank1"] = 100
    claims = [a_claim(number, f"Q{number}", amounts[f"Q{number}"]) for number in (1, 2, 3)]
    assert refusals(decide_claims(claims, seen)) == [None, Refusal.DAILY_LIMIT_REACHED, None]
    assert seen.left_today == {"bank1": 0}


def test_the_fee_counts_against_the_daily_limit_even_if_the_partner_paid_without_it() -> None:
    seen = a_snapshot(a_quote(amount=100, fee=7, vat=1))
    seen.left_today["bank1"] = 107
    assert refusal_of(a_claim(paid=100), seen) is Refusal.DAILY_LIMIT_REACHED


def test_the_limit_of_another_partner_binds_nobody_else() -> None:
    seen = a_snapshot(a_quote())
    seen.left_today["bank2"] = -1
    assert refusal_of(a_claim(), seen) is None


NOON = datetime(2026, 3, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "fault"),
    [
        (-86_400, ""),
        (-86_401, "is more than 86400 seconds ago"),
        (0, ""),
        (900, ""),
        (901, "is more than 900 seconds ahead of our clock"),
    ],
)
def test_a_message_is_fresh_within_its_window(seconds: int, fault: str) -> None:
    assert MessageWindow().fault(NOON + timedelta(seconds=seconds), NOON) == fault


def test_a_window_without_bounds_takes_any_time() -> None:
    for years in (-6, 6):
        assert MessageWindow(None, None).fault(NOON.replace(year=NOON.year + years), NOON) == ""
