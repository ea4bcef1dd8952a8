from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.errors import IllegalTransitionError
from ekpay_switch.domain.payment import (
    FINAL,
    RELEASED,
    TRANSITIONS,
    Event,
    PublicState,
    State,
    next_state,
    public_state,
    walk,
)

EVERY_PAIR = list(product(State, Event))

# architecture.md 4, word for word: from here, there.
EDGES = {
    State.CREATED: {State.COLLECTING, State.EXPIRED, State.DECLINED, State.DELIVERING},
    State.COLLECTING: {State.CREATED, State.FUNDED, State.IN_REVIEW},
    State.FUNDED: {State.DELIVERING, State.REFUNDING, State.COMPLETED},
    State.DELIVERING: {State.COMPLETED, State.REFUNDING, State.FUNDED, State.IN_REVIEW},
    State.REFUNDING: {State.REFUNDED},
    State.COMPLETED: {State.IN_REVIEW, State.COMPLETED},  # a final receipt came
    State.DECLINED: {State.IN_REVIEW},
    State.EXPIRED: {State.IN_REVIEW},
    State.REFUNDED: {State.IN_REVIEW},
    State.IN_REVIEW: {
        State.FUNDED,
        State.REFUNDING,
        State.COMPLETED,
        State.DECLINED,
        State.EXPIRED,
        State.REFUNDED,
    },
}


@pytest.mark.parametrize("state", State)
def test_each_state_leads_where_the_architecture_says_and_nowhere_else(state: State) -> None:
    assert {there for (here, _), there in TRANSITIONS.items() if here is state} == EDGES[state]


@pytest.mark.parametrize("pair", [pair for pair in EVERY_PAIR if pair not in TRANSITIONS])
def test_every_pair_that_is_not_in_the_table_is_refused(pair: tuple[State, Event]) -> None:
    state, event = pair
    with pytest.raises(IllegalTransitionError, match=f"{event} cannot happen to a payment that is {state}"):
        next_state(state, event)


@pytest.mark.parametrize("pair", TRANSITIONS)
def test_every_row_of_the_table_can_happen(pair: tuple[State, Event]) -> None:
    assert next_state(*pair) is TRANSITIONS[pair]


def test_the_table_cannot_be_changed_at_run_time() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[State.REFUNDED, Event.PREFUND_TAKEN] = State.DELIVERING  # type: ignore[index]


def test_every_event_has_a_place_in_the_table() -> None:
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_every_state_can_be_reached_from_created() -> None:
    reached, grown = set[State](), {State.CREATED}
    while grown:
        reached |= grown
        grown = {there for (here, _), there in TRANSITIONS.items() if here in reached} - reached
    assert reached == set(State)


def test_every_state_is_told_in_the_words_of_the_architecture() -> None:
    told = {state: public_state(state) for state in State}
    pending = (State.CREATED, State.COLLECTING, State.FUNDED, State.DELIVERING, State.IN_REVIEW)
    assert told == {
        **dict.fromkeys(pending, PublicState.PENDING),
        State.COMPLETED: PublicState.PAID,
        State.DECLINED: PublicState.FAILED,
        State.EXPIRED: PublicState.FAILED,
        State.REFUNDING: PublicState.REFUND_PENDING,
        State.REFUNDED: PublicState.REFUNDED,
    }


def test_a_released_bill_has_no_money_held_for_it() -> None:
    assert {State.DECLINED, State.EXPIRED, State.REFUNDED} == RELEASED
    assert RELEASED | {State.COMPLETED} == FINAL


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_state_is_left_only_for_review(state: State) -> None:
    assert EDGES[state] - {state} == {State.IN_REVIEW}


def test_a_walk_names_every_step() -> None:
    steps = walk(State.DELIVERING, (Event.BILLER_REFUSED, Event.GIVEN_BACK))
    assert steps == [
        (State.DELIVERING, Event.BILLER_REFUSED, State.REFUNDING),
        (State.REFUNDING, Event.GIVEN_BACK, State.REFUNDED),
    ]


def test_a_walk_of_no_events_goes_nowhere() -> None:
    assert walk(State.FUNDED, ()) == []


@given(st.lists(st.sampled_from(Event), max_size=12))
def test_any_sequence_of_events_ends_legal_or_refused(events: list[Event]) -> None:
    try:
        steps = walk(State.CREATED, events)
    except IllegalTransitionError:
        return
    assert [event for _, event, _ in steps] == events
    here = State.CREATED
    for start, event, end in steps:
        assert start is here
        assert TRANSITIONS[start, event] is end
        here = end


@given(st.data())
def test_a_random_life_never_pays_after_giving_back_without_a_review(data: st.DataObject) -> None:
    state, given_back = State.CREATED, False
    for _ in range(data.draw(st.integers(min_value=1, max_value=15))):
        event = data.draw(st.sampled_from([event for here, event in TRANSITIONS if here is state]))
        state = next_state(state, event)
        given_back = state is State.REFUNDED or (given_back and state is not State.IN_REVIEW)
        assert not (given_back and state is State.COMPLETED)
