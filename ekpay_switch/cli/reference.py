"""The page of everything that can be emitted: docs/codes-and-events.md, made from the tables that decide.

`python -m ekpay_switch.cli.reference > docs/codes-and-events.md` writes it again; a test compares both.
"""

import sys
from collections.abc import Iterable

from ekpay_switch.api.syndicate.codes import DONE, IN_PROGRESS, MESSAGES, REFUSALS, TOKEN_MISSING, TOO_MANY
from ekpay_switch.cli.payment_words import EVENT_WORDS
from ekpay_switch.domain import alarms
from ekpay_switch.domain.notices import NOTICES
from ekpay_switch.domain.payment import public
from ekpay_switch.domain.refusals import BURNING

_OPENING = """\
# Codes and events

Written by `make states` from the tables that decide; change them there.
What does not stand here is never emitted.
"""
_OURS = {
    DONE: "done",
    IN_PROGRESS: "money is held and nobody knows yet",
    TOKEN_MISSING: "before anything was decrypted",
    TOO_MANY: "before anything was decrypted, with Retry-After",
}


def write() -> str:
    """The whole page as Markdown."""
    parts = (_codes(), _notifications(), _history(), _alarms())
    return "\n".join((_OPENING, *("\n".join((*part, "")) for part in parts)))


def _codes() -> Iterable[str]:
    """`rsp_cd` of the syndicate API; a burnt reference answers the same for ever."""
    names = {code: f"`{refusal}`" for refusal, code in REFUSALS.items()} | _OURS
    burning = {REFUSALS[refusal] for refusal in BURNING}
    yield from ("## Response codes (`rsp_cd`)", "")
    yield from ("| code | text | why | burns the reference |", "| --- | --- | --- | --- |")
    for code, text in sorted(MESSAGES.items()):
        yield f"| {code} | {text} | {names[code]} | {'yes' if code in burning else 'no'} |"


def _notifications() -> Iterable[str]:
    yield from ("## Notifications (`type`)", "", "| type | `status` | what it means |", "| --- | --- | --- |")
    rows = {(told.event.value, public(told.state).value, told.meaning) for told in NOTICES.values()}
    yield from (f"| {' | '.join(row)} |" for row in sorted(rows))


def _history() -> Iterable[str]:
    yield from ("## Events of a payment (`history.event`)", "", "| event | what happened |", "| --- | --- |")
    yield from (f"| {event} | {words} |" for event, words in EVENT_WORDS.items())


def _alarms() -> Iterable[str]:
    yield from ("## Alarms (`notice` of a log line `alarm`)", "")
    yield from ("| alarm | what it asks for |", "| --- | --- |")
    yield from (f"| {alarm} | {words} |" for alarm, words in alarms.MEANING.items())


if __name__ == "__main__":
    sys.stdout.write(write())
