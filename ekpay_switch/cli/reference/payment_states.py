"""docs/payment-states.md, the states of a payment and who moves each on, generated from the tables.

`make states` draws it again; a test compares file and table.
"""

import sys
from collections.abc import Iterator

from ekpay_switch.domain.decisions.doors import DOORS
from ekpay_switch.domain.payment import FINAL, TRANSITIONS, State, public_state
from ekpay_switch.domain.states_and_movers import MOVED_STATES

_OPENING = """\
# The life of a payment

Drawn by `make states` from `TRANSITIONS` in `ekpay_switch/domain/payment.py`; change it there.
An arrow is labelled with the event that leads from one state to the next.
What has no arrow cannot happen: Python refuses it, and so does a CHECK on the table `history`.
"""

_MOVERS = """\
Drawn from `ekpay_switch/domain/states_and_movers.py` and `ekpay_switch/domain/decisions/doors.py`.
What a person moves on has an alarm, which is a row (`ekpay alarms list`), and a door, which is a command.
What the switch moves on has one as well once it lasts too long (`after_hours` in config/alarms.toml)."""

_MEANING = {
    State.CREATED: "recorded; nothing asked, or the last try came to nothing and another may start",
    State.COLLECTING: "a connector was asked, or the payer is on its page",
    State.FUNDED: "the money is ours to deliver; its entry stands",
    State.DELIVERING: "the biller was told, or is about to be",
    State.COMPLETED: "the biller acknowledged, or the merchant was credited",
    State.DECLINED: "refused for good; no money moved",
    State.EXPIRED: "the payer never paid",
    State.REFUNDING: "delivery came to nothing; everything, charges included, is on its way back",
    State.REFUNDED: "it is back",
    State.IN_REVIEW: "facts disagree; two persons decide",
}


def render_page() -> str:
    """The whole page as Markdown: a mermaid diagram, the states, the transitions, and who moves what on."""
    return "\n".join((_OPENING, *_diagram(), "", *_states(), "", *_transitions(), "", *_movers(), ""))


def _diagram() -> list[str]:
    arrows = [
        f"    {from_state} --> {to_state}: {event}" for (from_state, event), to_state in TRANSITIONS.items()
    ]
    ends = [f"    {state} --> [*]" for state in State if state in FINAL]
    return ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.CREATED}", *arrows, *ends, "```"]


def _states() -> list[str]:
    rows = [f"| {state} | {_MEANING[state]} | {public_state(state)} |" for state in State]
    return ["| state | meaning | told to callers |", "| --- | --- | --- |", *rows]


def _transitions() -> list[str]:
    rows = [
        f"| {from_state} | {event} | {to_state} |" for (from_state, event), to_state in TRANSITIONS.items()
    ]
    return ["| in this state | this event | leads to |", "| --- | --- | --- |", *rows]


def _movers() -> Iterator[str]:
    """Every state of every record of money, who moves it on, and by which door a person does."""
    yield from ("## Who moves each state on", "", _MOVERS, "")
    yield from (
        "| record | state | moved on by | how | alarms | doors |",
        "| --- | --- | --- | --- | --- | --- |",
    )
    for row in MOVED_STATES:
        alarms = ", ".join(f"`{alarm}`" for alarm in row.alarms)
        doors = dict.fromkeys(door for alarm in row.alarms for door in DOORS[alarm])
        shown = ", ".join(f"`{door}`" for door in doors)
        yield f"| {row.record} | {row.state} | {row.mover} | {row.how} | {alarms} | {shown} |"


if __name__ == "__main__":
    sys.stdout.write(render_page())
