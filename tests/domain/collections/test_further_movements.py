"""Which findings about a try that has collected are other money, and which of it can be booked."""

import pytest

from ekpay_switch.domain.collections.connector_calls import Collected, MismatchedCollection
from ekpay_switch.domain.collections.funding import MoneyCollected, StillOpen
from ekpay_switch.domain.collections.further_movements import (
    FurtherMovement,
    further_movement_of,
    is_other_movement,
)
from ekpay_switch.domain.ledger.posting_rules import collected_without_payment_entry
from ekpay_switch.domain.money import Money

FIRST = "TRX1"


def came(name: str, amount: Money) -> MoneyCollected:
    return MoneyCollected(MismatchedCollection(Collected("EK-1", amount, name, {}), "other amount"), 150)


def test_another_movement_is_booked_with_the_fee_of_its_connector() -> None:
    amount = Money(7_000)
    entry = collected_without_payment_entry("bkash", amount, Money(105))
    finding = came("TRX2", amount)
    assert is_other_movement(finding, FIRST)
    assert further_movement_of(finding, "bkash", FIRST) == FurtherMovement("TRX2", amount, entry)


def test_what_is_not_about_money_is_no_movement() -> None:
    finding = StillOpen(1.0, "not yet")
    assert not is_other_movement(finding, FIRST)
    assert further_movement_of(finding, "bkash", FIRST) is None


def test_the_same_movement_is_no_other() -> None:
    finding = came(FIRST, Money(7_000))
    assert not is_other_movement(finding, FIRST)
    assert further_movement_of(finding, "bkash", FIRST) is None


@pytest.mark.parametrize(
    ("name", "first", "amount"),
    [
        ("", FIRST, Money(7_000)),
        ("TRX2", "", Money(7_000)),
        ("TRX2", FIRST, Money(0)),
        ("TRX2", FIRST, Money(-1)),
        ("TRX2", FIRST, Money(7_000, "USD")),
    ],
)
def test_other_money_that_is_not_proven_or_not_taka_is_not_booked(
    name: str, first: str, amount: Money
) -> None:
    finding = came(name, amount)
    assert is_other_movement(finding, first)
    assert further_movement_of(finding, "bkash", first) is None
