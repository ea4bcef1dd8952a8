"""Money that a connector holds for its risk: it moves nothing until the hold ends."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import (
    MoneyCollected,
    TryEnd,
    TryPlan,
    TrySnapshot,
    TryState,
    decide_try,
)
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.ledger.posting_rules import collected_without_payment_entry
from ekpay_switch.domain.payment import State
from tests.domain.collections.test_funding import CAME, KEPT, RIGHT, SEEN, TOTAL, differing, ending

HOLD = MoneyHeld(RIGHT, 150, 3_600.0, "held for its risk")
REFUSED = replace(CAME, is_refused=True)


@pytest.mark.parametrize("state", TryState)
def test_held_money_moves_nothing_and_raises_one_alarm(state: TryState) -> None:
    plan = decide_try(replace(SEEN, state=state), HOLD)
    assert plan == TryPlan(state, facts={"why": HOLD.why}, alarm=Alarm.HELD_FOR_RISK)
    assert decide_try(replace(SEEN, state=state, is_held=True), HOLD).alarm is None


def test_a_settlement_file_that_has_held_money_raises_its_alarm_beside_a_known_hold_only() -> None:
    named = replace(HOLD, alarm=Alarm.FILE_NEEDS_A_PERSON)
    assert decide_try(replace(SEEN, is_held=True), named).alarm is Alarm.FILE_NEEDS_A_PERSON
    assert decide_try(SEEN, named).alarm is Alarm.HELD_FOR_RISK


@pytest.mark.parametrize("came", [REFUSED, replace(differing(), is_refused=True)])
def test_held_money_that_is_refused_goes_back_and_leaves_the_payment_as_if_nothing_was(
    came: MoneyCollected,
) -> None:
    plan = decide_try(replace(SEEN, is_held=True), came)
    assert ending(State.COLLECTING, plan) is State.CREATED
    assert (plan.state, plan.end) == (TryState.CLOSED, TryEnd.SECOND_SUCCESS)
    assert plan.entries == (collected_without_payment_entry("bkash", TOTAL, KEPT),)
    assert (plan.collected, plan.gives_back, plan.alarm, plan.notice) == (TOTAL, TOTAL, None, "")


def test_held_money_that_is_refused_after_the_quote_ends_the_payment() -> None:
    plan = decide_try(replace(SEEN, is_quote_expired=True), REFUSED)
    assert (ending(State.COLLECTING, plan), plan.notice) == (State.EXPIRED, "expired")


@pytest.mark.parametrize(
    "seen", [replace(SEEN, state=TryState.ABANDONED), replace(SEEN, payment_state=State.DECLINED)]
)
def test_held_money_that_nobody_waits_for_is_refused_without_a_step(seen: TrySnapshot) -> None:
    plan = decide_try(seen, REFUSED)
    assert (plan.events, plan.end, plan.gives_back) == ((), TryEnd.SECOND_SUCCESS, TOTAL)


def test_a_refused_movement_that_another_try_has_is_reviewed() -> None:
    plan = decide_try(replace(SEEN, is_movement_known=True), REFUSED)
    assert (plan.end, plan.entries, plan.alarm) == (TryEnd.DISAGREED, (), Alarm.COLLECTED_MISMATCH)
