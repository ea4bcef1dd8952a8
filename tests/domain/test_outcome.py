import pytest

from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    Outcome,
    Unreached,
    may_try_another_route,
)


def test_unreached_may_try_the_next_route() -> None:
    assert may_try_another_route(Unreached("connect refused"))


def test_only_a_named_decline_may_try_the_next_route() -> None:
    assert may_try_another_route(Declined("bank_closed", may_reroute=True))
    assert not may_try_another_route(Declined("insufficient_funds"))


@pytest.mark.parametrize("outcome", [Approved(), InDoubt("no answer in 20 s")])
def test_money_that_may_have_moved_never_tries_another_route(outcome: Outcome) -> None:
    assert not may_try_another_route(outcome)
