"""No state of money waits for ever: each is moved on by the switch, by a person with a door, or is final."""

import shlex
from collections.abc import Iterator
from enum import StrEnum

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.challans import LineEnd
from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.decisions.doors import DOORS
from ekpay_switch.domain.disputes.dispute import DisputeState
from ekpay_switch.domain.host_messages import HostState
from ekpay_switch.domain.notifications import DeliveryState
from ekpay_switch.domain.payment import FINAL, State
from ekpay_switch.domain.refunds.refund import REFUND_TRANSITIONS, RefundEvent, RefundState
from ekpay_switch.domain.states_and_movers import MOVED_STATES, MovedState, Mover
from ekpay_switch.persistence.alarms.watches import ENDED_BY_DEPOSIT_WATCH, ENDED_BY_WING, WATCHES
from ekpay_switch.ports.decisions import ProposalState
from reconciliation.results.records import BreakState
from reconciliation.settlement.positions.demand_figures import DemandState
from reconciliation.settlement.positions.withdrawal_progress import WithdrawalState
from reconciliation.unidentified.items import ItemState
from tests.cli.all_commands import load_all_commands

# The states that the code knows of each record; a try that is closed has its end as its state.
ENUMS: dict[str, tuple[type[StrEnum], ...]] = {
    "payment": (State,),
    "try": (TryState, TryEnd),
    "refund": (RefundState,),
    "dispute": (DisputeState,),
    "host message": (HostState,),
    "notification": (DeliveryState,),
    "challan line": (LineEnd,),
    "decision": (ProposalState,),
    "break": (BreakState,),
    "withdrawal": (WithdrawalState,),
    "demand": (DemandState,),
    "unidentified line": (ItemState,),
}
# Alarms that only a person ends: no row of ours tells when what they are about is over.
CLOSED_BY_PERSONS = {
    Alarm.CHARGEBACK_BEYOND_THE_BILL,
    Alarm.HELD_ENDED_OTHERWISE,
    Alarm.LATE_APPROVAL,
    Alarm.LATE_REFUND,
    Alarm.REVERSAL_NOT_KNOWN,
    Alarm.STAFF_RECOVERED,
}
WAITING = [row for row in MOVED_STATES if row.mover is Mover.PERSON]


def _commands() -> Iterator[str]:
    for name, inner in load_all_commands().items():
        yield name
        yield from (f"{name} {deeper}" for deeper in getattr(inner, "commands", ()))
        for deeper, group in getattr(inner, "commands", {}).items():
            yield from (f"{name} {deeper} {deepest}" for deepest in getattr(group, "commands", ()))


@pytest.mark.parametrize("record", ENUMS)
def test_every_state_that_the_code_knows_stands_in_the_table(record: str) -> None:
    known = {str(state) for enum in ENUMS[record] for state in enum} - {"closed"}
    stated = {row.state for row in MOVED_STATES if row.record == record}
    assert known <= stated, f"say in states_and_movers.py who moves on {sorted(known - stated)}"


def test_no_state_stands_in_the_table_twice() -> None:
    names = [(row.record, row.state) for row in MOVED_STATES]
    assert len(set(names)) == len(names)


def test_what_is_final_is_what_the_transitions_call_final() -> None:
    final = {row.state for row in MOVED_STATES if row.record == "payment" and row.mover is Mover.NOBODY}
    assert final == {str(state) for state in FINAL}
    ends = {row.state for row in MOVED_STATES if row.record == "refund" and row.mover is Mover.NOBODY}
    # A chargeback is final, and comes back where a dispute about it is won after all.
    left = {
        before
        for (before, event), following in REFUND_TRANSITIONS.items()
        if following is not before
        and (before, event) != (RefundState.DONE, RefundEvent.RETURNED_BY_CONNECTOR)
    }
    assert ends == {str(state) for state in RefundState} - {str(before) for before in left}


@pytest.mark.parametrize("row", WAITING, ids=lambda row: f"{row.record}-{row.state}")
def test_what_waits_on_a_person_has_an_alarm_and_a_door(row: MovedState) -> None:
    assert row.alarms, f"{row.record} {row.state} waits on a person, and nobody hears of it"
    for alarm in row.alarms:
        assert DOORS.get(alarm), f"{alarm} has no door"
        elsewhere = ENDED_BY_WING | ENDED_BY_DEPOSIT_WATCH
        ends = [alarm in WATCHES, alarm in CLOSED_BY_PERSONS, alarm in elsewhere]
        assert ends.count(True) == 1, f"one thing has to tell when {alarm} is over"


def test_what_the_wing_ends_is_listed_here() -> None:
    """The reconciliation ends these with what they are about, in one transaction; its own tests show it."""
    assert {
        Alarm.BREAKS_OPEN,
        Alarm.DEMAND_OVERDUE,
        Alarm.PAYOUT_CONTRADICTED,
        Alarm.PAYOUT_WAITS,
        Alarm.UNIDENTIFIED_CREDIT,
        Alarm.UNIDENTIFIED_DEBIT,
    } == ENDED_BY_WING


def test_every_alarm_is_about_a_state() -> None:
    assert {alarm for row in MOVED_STATES for alarm in row.alarms} == set(Alarm)
    assert set(DOORS) == set(Alarm)


@pytest.mark.parametrize("alarm", Alarm)
def test_an_alarm_that_a_person_closes_can_be_closed(alarm: Alarm) -> None:
    """A door that is refused while the state lasts is none."""
    watch = WATCHES.get(alarm)
    can_be_closed = alarm in CLOSED_BY_PERSONS or (watch is not None and watch.is_closable)
    assert ("ekpay alarms close ALARM" in DOORS[alarm]) == can_be_closed


@pytest.mark.parametrize("alarm", Alarm)
def test_every_door_is_a_command(alarm: Alarm) -> None:
    commands = set(_commands())
    for door in DOORS[alarm]:
        words = [word for word in shlex.split(door)[1:] if not word.isupper()]
        assert " ".join(words) in commands, f"{door} is no command"
