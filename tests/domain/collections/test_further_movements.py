"""Which movements stand beside the one that a try has collected, and which of them can be booked."""

import pytest

from ekpay_switch.domain.collections.connector_calls import Collected, MismatchedCollection
from ekpay_switch.domain.collections.funding import MoneyCollected, StillOpen, TryEnd, TryPlan, TryState
from ekpay_switch.domain.collections.further_movements import (
    HELD_OR_UNCONFIRMED,
    NO_FIRST,
    NO_NAME,
    NO_TAKA,
    OWED_FOR_BREAK,
    FurtherMovement,
    UnbookedMovement,
    is_other_movement,
    movements_beside,
    name_of_own_movement,
    owed_for_break,
    own_movement_left_over,
)
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.ledger.posting_rules import collected_without_payment_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import Event

FIRST = "TRX1"
AMOUNT = Money(7_000)
SECOND = FurtherMovement("TRX2", AMOUNT, collected_without_payment_entry("bkash", AMOUNT, Money(105)))


def told(name: str, amount: Money = AMOUNT) -> Collected:
    return Collected("EK-1", amount, name, {})


def came(
    name: str,
    amount: Money = AMOUNT,
    *,
    further: tuple[Collected, ...] = (),
    unproven: tuple[Collected, ...] = (),
) -> MoneyCollected:
    collected = Collected("EK-1", amount, name, {}, further, unproven)
    return MoneyCollected(MismatchedCollection(collected, "other amount"), 150)


def held(name: str, unproven: tuple[Collected, ...] = ()) -> MoneyHeld:
    return MoneyHeld(Collected("EK-1", AMOUNT, name, {}, unproven=unproven), 150, 3_600.0, "held")


def test_another_movement_is_booked_with_the_fee_of_its_connector() -> None:
    finding = came("TRX2")
    assert is_other_movement(finding, FIRST)
    assert movements_beside(finding, "bkash", FIRST) == [SECOND]


def test_what_is_told_beside_the_first_movement_again_is_booked_too() -> None:
    finding = came(FIRST, further=(told("TRX2"), told(FIRST)))
    assert not is_other_movement(finding, FIRST)
    assert movements_beside(finding, "bkash", FIRST) == [SECOND]


def test_what_is_not_about_money_is_no_movement() -> None:
    finding = StillOpen(1.0, "not yet")
    assert not is_other_movement(finding, FIRST)
    assert movements_beside(finding, "bkash", FIRST) == []


def test_the_same_movement_is_no_other() -> None:
    finding = came(FIRST, unproven=(told(FIRST),))
    assert not is_other_movement(finding, FIRST)
    assert movements_beside(finding, "bkash", FIRST) == []


@pytest.mark.parametrize(
    ("name", "first", "amount", "why"),
    [
        ("", FIRST, AMOUNT, NO_NAME),
        ("TRX2", "", AMOUNT, NO_NAME),
        ("TRX2", FIRST, Money(0), NO_TAKA),
        ("TRX2", FIRST, Money(-1), NO_TAKA),
        ("TRX2", FIRST, Money(7_000, "USD"), NO_TAKA),
    ],
)
def test_other_money_that_may_be_the_first_or_is_no_taka_is_not_booked(
    name: str, first: str, amount: Money, why: str
) -> None:
    finding = came(name, amount)
    assert is_other_movement(finding, first)
    assert movements_beside(finding, "bkash", first) == [UnbookedMovement(name, amount, why)]


def test_nothing_is_booked_beside_a_try_that_has_collected_nothing() -> None:
    """Its own movement is the try's, whatever becomes of it."""
    finding = came(FIRST, further=(told("TRX2"),), unproven=(told("TRX3"),))
    assert movements_beside(finding, "bkash", None) == [
        UnbookedMovement("TRX2", AMOUNT, NO_FIRST),
        UnbookedMovement("TRX3", AMOUNT, HELD_OR_UNCONFIRMED),
    ]


def test_what_is_held_or_not_confirmed_is_never_booked() -> None:
    unproven = [UnbookedMovement(name, AMOUNT, HELD_OR_UNCONFIRMED) for name in ("TRX2", "TRX3")]
    assert movements_beside(came(FIRST, unproven=(told("TRX2"),)), "bkash", FIRST) == unproven[:1]
    assert movements_beside(held("TRX2", (told("TRX3"), told(FIRST))), "bkash", FIRST) == unproven
    assert movements_beside(held("TRX2", (told("TRX3"),)), "bkash", None) == unproven[1:]


NOTHING = TryPlan(TryState.CLOSED, TryEnd.DISAGREED)
REVIEWED = TryPlan(TryState.CLOSED, TryEnd.DISAGREED, (Event.FACTS_DISAGREED,))
COLLECTS = TryPlan(TryState.CLOSED, TryEnd.APPROVED, collected=AMOUNT)


def test_money_stands_beside_what_a_plan_collects() -> None:
    assert name_of_own_movement(came(FIRST), COLLECTS) == FIRST
    assert name_of_own_movement(came(FIRST), NOTHING) is None
    assert name_of_own_movement(held(FIRST), TryPlan(TryState.OPEN)) is None


def test_money_that_a_plan_neither_books_nor_reviews_is_left_over() -> None:
    dollars = Money(7_000, "USD")
    left = UnbookedMovement(FIRST, dollars, NO_TAKA)
    assert own_movement_left_over(came(FIRST, dollars), NOTHING, is_known=False) == left
    assert own_movement_left_over(came(FIRST, dollars), NOTHING, is_known=True) is None
    for plan in (COLLECTS, REVIEWED):
        assert own_movement_left_over(came(FIRST), plan, is_known=False) is None
    assert own_movement_left_over(held(FIRST), TryPlan(TryState.OPEN), is_known=False) is None


def test_a_movement_that_may_be_paid_for_a_break_is_not_booked() -> None:
    assert owed_for_break(SECOND) == UnbookedMovement("TRX2", AMOUNT, OWED_FOR_BREAK)
