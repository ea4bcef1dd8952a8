"""docs/codes-and-events.md, every code and event that can be emitted, generated from the tables of the code.

`make states` writes it again; a test compares both.
"""

import sys
from collections.abc import Iterable

from ekpay_switch.api.syndicate.codes import DONE, IN_PROGRESS, MESSAGES, REFUSALS, TOKEN_MISSING, TOO_MANY
from ekpay_switch.api.v1.problems import MEANINGS
from ekpay_switch.cli.payments.wording import EVENT_WORDING, REFUND_EVENT_WORDING, REFUND_STATE_WORDING
from ekpay_switch.domain import alarms
from ekpay_switch.domain.notifications import NOTICES
from ekpay_switch.domain.payment import public_state
from ekpay_switch.domain.refunds.refund import REFUND_TRANSITIONS
from ekpay_switch.domain.refusals import BURNING

_OPENING = """\
# Codes and events

Written by `make states` from the tables that decide; change them there.
What does not stand here is never emitted.
"""
_OWN_CODES = {
    DONE: "done",
    IN_PROGRESS: "money is held and nobody knows yet",
    TOKEN_MISSING: "before anything was decrypted",
    TOO_MANY: "before anything was decrypted, with Retry-After",
}


def render_page() -> str:
    """The whole page as Markdown."""
    parts = (_codes(), _problems(), _notifications(), _history(), _refunds(), _alarms())
    return "\n".join((_OPENING, *("\n".join((*part, "")) for part in parts)))


def _codes() -> Iterable[str]:
    """`rsp_cd` of the syndicate API; a burnt reference answers the same for ever."""
    names: dict[str, str] = {}
    for refusal, code in REFUSALS.items():
        names[code] = f"{names[code]}, `{refusal}`" if code in names else f"`{refusal}`"
    names |= _OWN_CODES
    burning = {REFUSALS[refusal] for refusal in BURNING}
    yield from ("## Response codes (`rsp_cd`)", "")
    yield from ("| code | text | why | burns the reference |", "| --- | --- | --- | --- |")
    for code, text in sorted(MESSAGES.items()):
        yield f"| {code} | {text} | {names[code]} | {'yes' if code in burning else 'no'} |"


def _problems() -> Iterable[str]:
    """`code` of the problem documents of REST v1."""
    yield from ("## Problems of REST v1 (`code`)", "")
    yield from ("| code | status | title | what to do | retryable |", "| --- | --- | --- | --- | --- |")
    for code, meaning in MEANINGS.items():
        again = "no" if meaning.retry_after_s is None else f"after {meaning.retry_after_s} s"
        yield f"| {code} | {meaning.status} | {meaning.title} | {meaning.advice} | {again} |"


def _notifications() -> Iterable[str]:
    yield from ("## Notifications (`type`)", "", "| type | `status` | what it means |", "| --- | --- | --- |")
    rows = {(terms.event.value, public_state(terms.state).value, terms.meaning) for terms in NOTICES.values()}
    yield from (f"| {' | '.join(row)} |" for row in sorted(rows))


def _history() -> Iterable[str]:
    yield from ("## Events of a payment (`history.event`)", "", "| event | what happened |", "| --- | --- |")
    yield from (f"| {event} | {words} |" for event, words in EVENT_WORDING.items())


def _refunds() -> Iterable[str]:
    yield from ("## States of a refund (`refunds.state`)", "", "| state | meaning |", "| --- | --- |")
    yield from (f"| {state} | {words} |" for state, words in REFUND_STATE_WORDING.items())
    yield from ("", "## Events of a refund (`refund_history.event`)", "")
    yield from ("| event | what happened | leads to |", "| --- | --- | --- |")
    for event, words in REFUND_EVENT_WORDING.items():
        steps = {
            f"{from_state} to {to_state}"
            for (from_state, by), to_state in REFUND_TRANSITIONS.items()
            if by is event
        }
        yield f"| {event} | {words} | {', '.join(sorted(steps))} |"


def _alarms() -> Iterable[str]:
    yield from ("## Alarms (`notice` of a log line `alarm`)", "")
    yield from ("| alarm | what it asks for |", "| --- | --- |")
    yield from (f"| {alarm} | {words} |" for alarm, words in alarms.MEANING.items())


if __name__ == "__main__":
    sys.stdout.write(render_page())
