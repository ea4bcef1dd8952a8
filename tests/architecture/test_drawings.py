from pathlib import Path

from ekpay_switch.api.syndicate.codes import MESSAGES
from ekpay_switch.api.v1.problems import MEANINGS, ProblemCode
from ekpay_switch.cli.payments.wording import EVENT_WORDING, REFUND_EVENT_WORDING, REFUND_STATE_WORDING
from ekpay_switch.cli.reference import codes_and_events, payment_states
from ekpay_switch.domain.alarms import MEANING, Alarm
from ekpay_switch.domain.notifications import NOTICES, EventType
from ekpay_switch.domain.payment import TRANSITIONS, Event, State, public_state
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.domain.refusals import Refusal

ROOT = Path(__file__).parents[2]


def test_the_page_of_payment_states_is_what_the_table_says() -> None:
    page = (ROOT / "docs" / "payment-states.md").read_text(encoding="utf-8")
    assert page == payment_states.render_page(), "run: make states"


def test_every_state_and_every_transition_is_drawn() -> None:
    page = payment_states.render_page()
    for (here, event), there in TRANSITIONS.items():
        assert f"    {here} --> {there}: {event}\n" in page
    for state in State:
        assert f"\n| {state} | " in page
        assert f" | {public_state(state)} |\n" in page


def test_docs_list_every_event() -> None:
    """Every code and event that can be emitted is on the page, which is made from the same tables."""
    page = (ROOT / "docs" / "codes-and-events.md").read_text(encoding="utf-8")
    assert page == codes_and_events.render_page(), "run: make states"
    for code, text in MESSAGES.items():
        assert f"\n| {code} | {text} | " in page
    for refusal in Refusal:
        assert f"`{refusal}`" in page
    for named in (*ProblemCode, *EventType, *Event, *RefundState, *RefundEvent, *Alarm):
        assert f"\n| {named} | " in page


def test_every_alarm_and_event_has_a_meaning_and_every_notice_a_type() -> None:
    assert set(MEANING) == set(Alarm)
    assert set(EVENT_WORDING) == set(Event)
    assert set(REFUND_EVENT_WORDING) == set(RefundEvent)
    assert set(REFUND_STATE_WORDING) == set(RefundState)
    assert set(MEANINGS) == set(ProblemCode)
    assert {told.event for told in NOTICES.values()} == set(EventType)
