"""docs/payment-states.md, the states of a payment, generated from the table of transitions.

`make states` draws it again; a test compares file and table.
"""

import sys

from ekpay_switch.domain.payment import FINAL, TRANSITIONS, State, public_state

_OPENING = """\
# The life of a payment

Drawn by `make states` from `TRANSITIONS` in `ekpay_switch/domain/payment.py`; change it there.
An arrow is labelled with the event that leads from one state to the next.
What has no arrow cannot happen: Python refuses it, and so does a CHECK on the table `history`.
"""

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
    """The whole page as Markdown: a mermaid diagram, the states and the table of transitions."""
    return "\n".join((_OPENING, *_diagram(), "", *_states(), "", *_transitions(), ""))


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


if __name__ == "__main__":
    sys.stdout.write(render_page())
