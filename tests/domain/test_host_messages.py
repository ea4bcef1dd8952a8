"""Which step may follow which for a request over a host link."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.host_messages import (
    HOST_TRANSITIONS,
    HostEvent,
    HostMessage,
    HostReply,
    HostState,
    MessageKey,
    NewHostMessage,
    Reversal,
    ReversalRecord,
    Trace,
    judge_reversal,
    state_after,
    states_before,
)
from ekpay_switch.domain.money import Money

TRACE = Trace(1, datetime(2025, 1, 1, tzinfo=UTC))
NEW = NewHostMessage(
    MessageKey("janata", "R1", 1), UUID(int=1), "025135000", TRACE, "500118000001", Money(1), "A"
)
MESSAGE = HostMessage(NEW, HostState.SENDING)
EVENTS = st.lists(st.sampled_from(HostEvent), max_size=12)


def events_leaving(state: HostState) -> set[HostEvent]:
    return {event for before, event in HOST_TRANSITIONS if before is state}


def test_every_state_is_reached_and_every_event_leads_somewhere() -> None:
    assert {HostState.WAITING, *HOST_TRANSITIONS.values()} == set(HostState)
    assert {event for _, event in HOST_TRANSITIONS} == set(HostEvent)
    # What nobody can take back: nothing left us. A confirmed reversal ends it unless it had overtaken it.
    assert HostState.WITHDRAWN not in {before for before, _ in HOST_TRANSITIONS}
    assert events_leaving(HostState.REVERSED) == {HostEvent.REVERSAL_OVERTOOK}


@pytest.mark.parametrize("event", HostEvent)
def test_an_event_may_happen_in_its_states_alone(event: HostEvent) -> None:
    for state in HostState:
        assert (state_after(state, event) is not None) is (state in states_before(event))


@given(EVENTS)
def test_what_may_have_left_us_is_never_withdrawn_once_it_is_answered_or_reversed(
    events: list[HostEvent],
) -> None:
    state, passed = HostState.WAITING, [HostState.WAITING]
    for event in events:
        state = state_after(state, event) or state
        passed.append(state)
    if {HostState.ANSWERED, HostState.REVERSING} & set(passed):
        assert HostState.WITHDRAWN not in passed
    if HostState.REVERSING in passed:
        assert HostState.ANSWERED not in passed[passed.index(HostState.REVERSING) :]


@pytest.mark.parametrize("event", HostEvent)
def test_what_an_answer_has_settled_stays_settled(event: HostEvent) -> None:
    assert state_after(HostState.ANSWERED, event, is_decided=True) is None


def test_an_answer_that_settled_nothing_may_be_reversed() -> None:
    assert state_after(HostState.ANSWERED, HostEvent.REVERSAL_BEGUN) is HostState.REVERSING


@pytest.mark.parametrize(
    ("later", "is_news"),
    [
        (MESSAGE, False),
        (replace(MESSAGE, state=HostState.ANSWERED), True),
        (replace(MESSAGE, is_lost=True), True),
        (replace(MESSAGE, reversal=Reversal(TRACE)), False),
        (replace(MESSAGE, reversal=Reversal(TRACE, sends=3)), False),
        (replace(MESSAGE, reversal=Reversal(TRACE, sends=3, answers=1, code="96")), True),
    ],
)
def test_news_are_what_the_far_side_or_the_link_brought(later: HostMessage, *, is_news: bool) -> None:
    assert later.has_news(MESSAGE) is is_news


@pytest.mark.parametrize(
    ("reply", "state", "is_settled"),
    [
        (HostReply("00", is_decided=True), HostState.ANSWERED, True),
        (HostReply("96", is_decided=False), HostState.ANSWERED, False),
        (HostReply("96", is_decided=False), HostState.REVERSING, False),
        (None, HostState.SENDING, False),
        (None, HostState.ANSWERED, False),
    ],
)
def test_only_an_answer_that_decides_settles(
    reply: HostReply | None, state: HostState, *, is_settled: bool
) -> None:
    assert replace(MESSAGE, state=state, reply=reply).is_settled is is_settled


@pytest.mark.parametrize(
    ("code", "is_approved", "is_anew", "record"),
    [
        ("00", False, False, ReversalRecord.CONFIRMED),
        ("00", True, True, ReversalRecord.CONFIRMED),
        ("25", False, False, ReversalRecord.CONFIRMED),
        ("25", True, False, ReversalRecord.OVERTOOK),
        ("25", True, True, ReversalRecord.UNCONFIRMED),
        ("96", False, False, ReversalRecord.UNCONFIRMED),
        ("96", True, False, ReversalRecord.UNCONFIRMED),
    ],
)
def test_no_such_original_confirms_nothing_once_the_host_has_approved(
    code: str, record: ReversalRecord, *, is_approved: bool, is_anew: bool
) -> None:
    assert judge_reversal(code, is_approved=is_approved, is_anew=is_anew) is record


def test_the_first_send_of_each_message_is_no_repeat() -> None:
    assert [Reversal(TRACE, sends).is_repeat for sends in (1, 2)] == [False, True]
    anew = Reversal(TRACE, 4, earlier_sends=3)
    assert [anew.is_repeat, replace(anew, sends=5).is_repeat] == [False, True]


def test_nothing_shows_the_alias() -> None:
    assert "alias" not in repr(MESSAGE)
    assert MESSAGE.key == NEW.key
