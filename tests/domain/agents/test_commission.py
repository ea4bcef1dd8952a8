"""What an agent earns: the rate that counts on the day, and a share of the fee to the paisa."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.agents.commission import (
    EVERY_AGENT,
    CommissionRate,
    CommissionTerms,
    OrderCommission,
    by_agent,
)
from ekpay_switch.domain.money import Money

TERMS = CommissionTerms(
    (
        CommissionRate(EVERY_AGENT, 4_000, date(2026, 12, 1)),
        CommissionRate("udc1", 5_000, date(2027, 1, 1)),
        CommissionRate(EVERY_AGENT, 3_000, date(2027, 3, 1)),
        CommissionRate("udc1", 0, date(2027, 6, 1)),
    )
)


@pytest.mark.parametrize(
    ("agent", "day", "basis_points"),
    [
        ("udc1", date(2026, 11, 30), 0),
        ("udc1", date(2026, 12, 1), 4_000),
        ("udc1", date(2026, 12, 31), 4_000),
        ("udc1", date(2027, 1, 1), 5_000),
        ("udc1", date(2027, 3, 1), 5_000),
        ("udc2", date(2027, 2, 28), 4_000),
        ("udc2", date(2027, 3, 1), 3_000),
        ("udc1", date(2027, 6, 1), 0),
    ],
)
def test_the_agents_own_newest_rate_counts_before_that_of_all(
    agent: str, day: date, basis_points: int
) -> None:
    assert TERMS.basis_points(agent, day) == basis_points


def test_without_rates_nobody_earns_anything() -> None:
    assert CommissionTerms().basis_points("udc1", date(2027, 1, 1)) == 0


@given(st.integers(0, 10**9), st.integers(0, 10_000))
def test_a_share_is_half_up_to_the_paisa_and_never_beyond_the_fee(fee: int, basis_points: int) -> None:
    earned = OrderCommission.of(UUID(int=1), "udc1", Money(fee), basis_points)
    assert 2 * abs(earned.amount.minor * 10_000 - fee * basis_points) <= 10_000
    assert 0 <= earned.amount.minor <= fee


def test_what_comes_to_nothing_is_in_no_entry() -> None:
    udc2, nothing, udc1, more = (
        OrderCommission.of(UUID(int=place), agent, Money(fee), 4_000)
        for place, (agent, fee) in enumerate([("udc2", 435), ("udc1", 1), ("udc1", 435), ("udc2", 900)])
    )
    assert nothing.amount == Money(0)
    assert by_agent([udc2, nothing, udc1, more]) == {"udc1": (udc1,), "udc2": (udc2, more)}
    assert list(by_agent([udc2, udc1])) == ["udc1", "udc2"]
