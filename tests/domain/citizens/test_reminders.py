"""When a citizen is reminded and when a biller is asked again: near the due date, by day, spread."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.citizens.reminders import (
    Reminder,
    StandingOrder,
    check_after_silence,
    is_to_be_reminded,
    next_check,
)
from ekpay_switch.domain.money import Money
from tests.factories import a_bill

TODAY = date(2026, 12, 10)
NOW = datetime(2026, 12, 10, 14, 0, tzinfo=DHAKA)
SAVED = UUID(int=125)
BEFORE = 3


def due_in(days: int) -> Bill:
    return replace(a_bill(), due_on=TODAY + timedelta(days=days))


@pytest.mark.parametrize(
    ("bill", "is_told"),
    [
        (due_in(4), False),
        (due_in(3), True),
        (due_in(0), True),
        (due_in(-10), True),
        (a_bill(), True),
        (replace(due_in(0), is_paid=True), False),
        (replace(due_in(0), total=Money(0)), False),
        (replace(due_in(0), bill_key=""), False),
    ],
)
def test_a_citizen_is_told_of_an_unpaid_bill_that_is_nearly_due(bill: Bill, *, is_told: bool) -> None:
    assert is_to_be_reminded(bill, NOW, BEFORE) is is_told


@pytest.mark.parametrize(
    ("bill", "in_days"),
    [
        (None, 1),
        (due_in(30), 7),
        (due_in(8), 5),
        (due_in(4), 1),
        (due_in(3), 3),
        (due_in(0), 1),
        (due_in(-5), 1),
        (a_bill(), 7),
        (replace(due_in(2), is_paid=True), 1),
        (replace(due_in(2), bill_key=""), 1),
    ],
)
def test_a_biller_is_asked_again_on_the_day_that_may_bring_something(bill: Bill | None, in_days: int) -> None:
    at = next_check(SAVED, bill, NOW, BEFORE)
    assert at.date() == TODAY + timedelta(days=in_days)


def test_billers_are_asked_by_day_and_each_bill_at_a_minute_of_its_own() -> None:
    at = {next_check(UUID(int=nth), None, NOW, BEFORE) for nth in range(660)}
    assert len(at) == 660
    assert {one.date() for one in at} == {TODAY + timedelta(days=1)}
    assert (min(at).hour, max(at).hour) == (9, 19)


def test_the_day_is_that_of_dhaka() -> None:
    late = datetime(2026, 12, 10, 20, 0, tzinfo=DHAKA).astimezone(tz=None)
    assert next_check(SAVED, None, late, BEFORE).date() == date(2026, 12, 11)
    assert is_to_be_reminded(replace(a_bill(), due_on=date(2026, 12, 14)), late + timedelta(hours=4), BEFORE)


@pytest.mark.parametrize(
    ("hour", "day", "later"), [(14, 10, 15), (18, 10, 19), (19, 11, None), (23, 11, None), (3, 10, None)]
)
def test_a_silent_biller_is_asked_in_an_hour_and_not_by_night(hour: int, day: int, later: int | None) -> None:
    at = check_after_silence(SAVED, NOW.replace(hour=hour))
    assert (at.day, 9 <= at.hour < 20) == (day, True)
    assert later in {None, at.hour}


@pytest.mark.parametrize(
    ("owed", "order", "is_prepared"),
    [
        (None, StandingOrder(Money(100)), False),
        (Money(100), None, False),
        (Money(100), StandingOrder(Money(100)), True),
        (Money(101), StandingOrder(Money(100)), False),
        (Money(100), StandingOrder(Money(100), is_paused=True), False),
    ],
)
def test_a_standing_order_prepares_up_to_its_cap_while_it_is_not_paused(
    owed: Money | None, order: StandingOrder | None, *, is_prepared: bool
) -> None:
    assert Reminder(owed=owed, order=order).prepared_sum == (owed if is_prepared else None)
