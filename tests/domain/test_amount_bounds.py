import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.amount_bounds import AmountBounds
from ekpay_switch.domain.money import Money, format_taka

WHOLE_TAKA = AmountBounds(Money(5_000), Money(500_000), Money(100))
UNBOUND = AmountBounds(None, None, Money(1))


@pytest.mark.parametrize("text", ["50", "50.00", "51", "5000.00"])
def test_both_ends_and_whole_steps_between_are_admitted(text: str) -> None:
    assert WHOLE_TAKA.admit(text)


@pytest.mark.parametrize("text", ["49.99", "49", "5000.01", "5001", "50.50", "0"])
def test_what_is_outside_or_between_two_steps_is_not(text: str) -> None:
    assert not WHOLE_TAKA.admit(text)


@pytest.mark.parametrize("text", ["", " 50", "-50", "fifty", "5e1", "50.001", "৫০"])
def test_what_is_no_amount_is_not_admitted(text: str) -> None:
    assert not WHOLE_TAKA.admit(text)
    assert not UNBOUND.admit(text)


def test_nothing_is_never_an_amount() -> None:
    assert not UNBOUND.admit("0")


@given(st.integers(min_value=1, max_value=10**12))
def test_an_open_end_admits_everything(paisa: int) -> None:
    assert UNBOUND.admit(format_taka(paisa))
