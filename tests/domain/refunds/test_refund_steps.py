"""A payer reads what a refund's history proves: each thing once, with its newest date."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.refunds.refund import (
    REFUND_TRANSITIONS,
    RefundEvent,
    RefundState,
    refund_after,
)
from ekpay_switch.domain.refunds.refund_steps import RefundStepKind, refund_steps
from tests.fakes.world import NOON

EVENTS = {
    "sent and paid": (["sending", "given"], ["requested", "sent", "paid_back"]),
    "approved by a second person": (["approved", "sending"], ["requested", "sent"]),
    "in doubt": (["sending", "doubted"], ["requested", "sent", "doubted"]),
    "in doubt, and sent again": (["sending", "doubted", "sending"], ["requested", "sent"]),
    "in doubt, then paid": (["sending", "doubted", "sending", "given"], ["requested", "sent", "paid_back"]),
    "never left us": (["sending", "not_sent"], ["requested"]),
    "refused": (["sending", "refused"], ["requested", "sent", "with_staff"]),
    "by hand": (
        ["left_to_finance", "by_hand_withdrawn", "paid_by_hand"],
        ["requested", "with_staff", "paid_by_hand"],
    ),
    "decided by people": (
        ["sending", "doubted", "reviewed_as_unpaid", "reviewed_as_paid_back"],
        ["requested", "sent", "with_staff", "paid_back"],
    ),
    "taken and let go of": (["taken_by_connector", "returned_by_connector"], ["requested"]),
}


@pytest.mark.parametrize("case", EVENTS)
def test_the_steps_are_what_happened(case: str) -> None:
    events, kinds = EVENTS[case]
    history = [(RefundEvent(event), NOON + timedelta(hours=nth)) for nth, event in enumerate(events, 1)]
    assert [step.kind for step in refund_steps(NOON, history)] == kinds


def test_a_repeated_send_has_its_newest_date() -> None:
    later = [NOON + timedelta(hours=nth) for nth in range(5)]
    events = [RefundEvent.SENDING, RefundEvent.DOUBTED, RefundEvent.SENDING, RefundEvent.DOUBTED]
    steps = refund_steps(NOON, zip(events, later[1:], strict=True))
    assert [step.at for step in steps] == [NOON, later[3], later[4]]


@given(events=st.lists(st.sampled_from(list(RefundEvent)), max_size=8))
def test_paid_back_is_said_where_the_refund_is_done_and_nowhere_else(events: list[RefundEvent]) -> None:
    state, history = RefundState.REQUESTED, []
    for event in events:
        if (state, event) in REFUND_TRANSITIONS:
            state = refund_after(state, event)
            history.append((event, NOON))
    kinds = {step.kind for step in refund_steps(NOON, history)}
    is_said = bool(kinds & {RefundStepKind.PAID_BACK, RefundStepKind.PAID_BY_HAND})
    assert is_said == (state is RefundState.DONE)
