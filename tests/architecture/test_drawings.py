from pathlib import Path

from ekpay_switch.cli.states import draw
from ekpay_switch.domain.payment import TRANSITIONS, State, public

ROOT = Path(__file__).parents[2]


def test_the_page_of_payment_states_is_what_the_table_says() -> None:
    page = (ROOT / "docs" / "payment-states.md").read_text(encoding="utf-8")
    assert page == draw(), "run: make states"


def test_every_state_and_every_transition_is_drawn() -> None:
    page = draw()
    for (here, event), there in TRANSITIONS.items():
        assert f"    {here} --> {there}: {event}\n" in page
    for state in State:
        assert f"\n| {state} | " in page
        assert f" | {public(state)} |\n" in page
