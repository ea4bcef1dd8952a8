"""Every alarm has doors, and every state that waits on a person an alarm."""

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.decisions.doors import DOORS
from ekpay_switch.domain.payment import FINAL, State
from ekpay_switch.domain.states_and_movers import MOVED_STATES, MovedState, Mover


def test_every_alarm_has_a_door() -> None:
    assert set(DOORS) == set(Alarm)
    assert all(command.startswith("ekpay ") for commands in DOORS.values() for command in commands)


@pytest.mark.parametrize("row", MOVED_STATES, ids=lambda row: f"{row.record}-{row.state}")
def test_only_what_is_not_final_raises_an_alarm(row: MovedState) -> None:
    match row.mover:
        case Mover.PERSON:
            assert row.alarms
        case Mover.NOBODY:
            assert not row.alarms
        case Mover.SWITCH:
            assert row.how


def test_every_state_of_a_payment_is_moved_on_or_final() -> None:
    movers = {row.state: row.mover for row in MOVED_STATES if row.record == "payment"}
    assert {state for state in State if movers[state] is Mover.NOBODY} == FINAL
