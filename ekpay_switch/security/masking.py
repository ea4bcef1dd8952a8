"""Text made safe to show: account numbers and secrets masked, control characters escaped."""

import re

from ekpay_switch.security.card_numbers import mask_card_numbers

_SHOWN_MAX = 4
_E_MAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")
# Digits of any script, with the separators that people write between them.
_LONG_NUMBER = re.compile(r"\d(?:[ -]?\d){6,}")


def mask_account(number: str) -> str:
    """A number with its last four characters, and never more than half of it: `12345678` is `****5678`."""
    shown_count = min(_SHOWN_MAX, len(number) // 2)
    return "*" * (len(number) - shown_count) + number[len(number) - shown_count :]


def mask_long_numbers(text: str) -> str:
    """Foreign text with every number of seven digits or more masked: it may be an account."""
    return _LONG_NUMBER.sub(lambda match: mask_account(match[0]), text)


def mask_personal_text(text: str) -> str:
    """Text for people as a stranger may read it: no card, no long number, no e-mail address."""
    return _E_MAIL.sub("***", mask_long_numbers(mask_card_numbers(text)))


def printable(text: str) -> str:
    """One line: line ends, terminal escapes and marks that turn text round become codes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
