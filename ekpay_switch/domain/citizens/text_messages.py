"""Text messages to citizens: their words, how long they are worth sending, and when a failed try is repeated.

Short enough for one message of 70 Bangla letters wherever that is possible: each further part costs again.
Digits that are to be typed elsewhere are ASCII ones, which every phone has.
"""

from datetime import timedelta
from enum import StrEnum

from ekpay_switch.domain.collections.payer_page import PayerLanguage

_RETRY_SECONDS_MAX = 60


class MessageKind(StrEnum):
    """What a message is about."""

    CODE = "code"  # a one-time code


class MessageEnd(StrEnum):
    """What became of a message; one that waits has no end yet."""

    SENT = "sent"  # the gateway took it
    REFUSED = "refused"  # the gateway never will: the number, or the text
    LAPSED = "lapsed"  # it was no longer worth sending


def code_text(code: str, portal_name: str, language: PayerLanguage) -> str:
    """The message with a one-time code."""
    if language is PayerLanguage.ENGLISH:
        return f"{portal_name} code: {code}. Valid for 5 minutes. Give it to nobody."
    return f"{portal_name} কোড: {code}। ৫ মিনিট চলবে। কাউকে দেবেন না।"


def retry_after(tries: int) -> timedelta:
    """How long after so many failed tries the next one is due: 2, 4, 8 seconds, up to a minute."""
    return timedelta(seconds=min(2 ** min(tries, 10), _RETRY_SECONDS_MAX))


def masked_number(number: str) -> str:
    """A mobile number as the staff may read it: `017*****678`."""
    return f"{number[:3]}{'*' * max(len(number) - 6, 0)}{number[-3:]}"
