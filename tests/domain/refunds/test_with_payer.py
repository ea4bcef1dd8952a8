"""What the payer has already is what all together exceeds the collected money."""

import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.with_payer import had_of


@pytest.mark.parametrize(
    ("refunded", "beside", "had"),
    [
        (1_000, 0, 0),
        (1_000, 1_000, 600),  # never more than the refund
        (1_000, 400, 400),
        (600, 400, 0),
        (600, 700, 300),
    ],
)
def test_what_the_payer_has_of_a_refund(refunded: int, beside: int, had: int) -> None:
    assert had_of(Money(600), Money(1_000), Money(refunded), Money(beside)) == Money(had)
