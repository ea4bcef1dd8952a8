"""Numbers and names that follow from a text alone, so that a accounts need not be stored."""

import struct
from hashlib import blake2b

_FIRST_NAMES = ("Anwara", "Belal", "Champa", "Dulal", "Farzana", "Habib", "Jahanara", "Kamal")
_LAST_NAMES = ("Akanda", "Bepari", "Chakladar", "Howlader", "Majhi", "Patwary", "Sarkar", "Talukder")

INVENTED_NAMES = len(_FIRST_NAMES) * len(_LAST_NAMES)
"""How many invented people there are."""


class Draws:
    """Whole numbers drawn from a text: the same text gives the same eight on every machine."""

    def __init__(self, text: str) -> None:
        self._numbers = iter(struct.unpack(">8Q", blake2b(text.encode(), digest_size=64).digest()))

    def below(self, limit: int) -> int:
        """Return the next number, from 0 to `limit` - 1."""
        return int(next(self._numbers)) % limit


def invented_name(number: int) -> str:
    """Return one of the invented people; all names are invented."""
    return f"{_FIRST_NAMES[number % len(_FIRST_NAMES)]} {_LAST_NAMES[number // len(_FIRST_NAMES)]}"


def share_half_up(amount: int, numerator: int, denominator: int) -> int:
    """Return a share of a whole amount, not negative, rounded half up to a whole one."""
    return (2 * amount * numerator + denominator) // (2 * denominator)
