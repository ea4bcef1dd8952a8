from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.routing.score import estimate, wilson_lower_bound

Z = 1.96


@st.composite
def records(draw: st.DrawFn) -> tuple[int, int]:
    outcomes = draw(st.integers(1, 2_000))
    return draw(st.integers(0, outcomes)), outcomes


@given(records())
def test_the_bound_is_that_of_the_textbook(record: tuple[int, int]) -> None:
    successes, outcomes = record
    share = successes / outcomes
    middle = share + Z**2 / (2 * outcomes)
    spread = Z * sqrt(share * (1 - share) / outcomes + Z**2 / (4 * outcomes**2))
    expected = (middle - spread) / (1 + Z**2 / outcomes)
    assert wilson_lower_bound(successes, outcomes) == pytest.approx(expected * 1_000_000, abs=1.0)


@given(records())
def test_it_is_below_the_share_and_grows_with_each_success(record: tuple[int, int]) -> None:
    successes, outcomes = record
    bound = wilson_lower_bound(successes, outcomes)
    assert 0 <= bound <= 1_000_000 * successes // outcomes
    assert successes == outcomes or bound < wilson_lower_bound(successes + 1, outcomes)


@given(records())
def test_the_same_share_of_more_outcomes_is_surer(record: tuple[int, int]) -> None:
    successes, outcomes = record
    assert wilson_lower_bound(successes, outcomes) <= wilson_lower_bound(2 * successes, 2 * outcomes)


def test_without_outcomes_nothing_is_sure() -> None:
    assert wilson_lower_bound(0, 0) == 0


@pytest.mark.parametrize(
    ("successes", "outcomes", "as_if"),
    [(0, 0, (28, 30)), (10, 10, (29, 30)), (0, 5, (23, 30)), (29, 30, (29, 30)), (190, 200, (190, 200))],
)
def test_a_short_record_is_filled_up_with_what_is_assumed(
    successes: int, outcomes: int, as_if: tuple[int, int]
) -> None:
    assert estimate(successes, outcomes, 30, 95) == wilson_lower_bound(*as_if)
