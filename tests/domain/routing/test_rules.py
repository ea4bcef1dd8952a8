from datetime import datetime

import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.rules import FailureCost, Moment, RoutingRules
from tests.scenarios.routing import FRIDAY_NOON


def test_a_moment_is_read_on_a_dhaka_clock() -> None:
    moment = Moment.of(FRIDAY_NOON)
    assert (moment.weekday, moment.minute) == (4, 720)


def test_a_moment_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="naive"):
        Moment.of(datetime(2026, 11, 27, 12, 0))  # noqa: DTZ001 - that is the point


def test_a_failure_costs_a_fixed_amount_and_a_share_of_the_bill() -> None:
    assert FailureCost(Money(2_000), 100).of(Money(105_000)) == 2_000 + 1_050


def test_a_demo_forgets_as_fast_as_it_runs() -> None:
    faster = RoutingRules().faster(60)
    assert (faster.record.window_seconds, faster.breaker.hold_seconds) == (15.0, 0.5)
    assert faster.record.outcomes_max == 200
