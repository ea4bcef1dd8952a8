"""The lines of a token: which there are and in which order, and their digits, computed from a seed.

The order is that of billers.md 2.14: changes of the key first, then new prices, then the credit. A set of
many lines comes once, with the first vend of an account.
"""

from enum import StrEnum
from hashlib import blake2b

from sandbox.billers.prepaid.utility import PrepaidUtility

DIGITS_LENGTH = 20
LINES_MAX = 12
KEY_LINES = 2

_TARIFF_CHANGE, _KEY_CHANGE, _TARIFF_AND_KEY_CHANGE = 3, 5, 7


class TokenLineKind(StrEnum):
    """What a line does to the meter."""

    CREDIT = "CREDIT"
    KEYCHANGE = "KEYCHANGE"
    TARIFF = "TARIFF"


def line_kinds(institution: PrepaidUtility, serial: int, *, is_first: bool) -> list[TokenLineKind]:
    """Return what the lines of a vend do, in the order in which they are keyed in; none if it needs none.

    Accounts whose serial ends with 3 get new prices, with 5 a new key, with 7 both.
    """
    if institution.is_remote(serial):
        return []
    ends_with = serial % 10 if is_first else 0
    keys = KEY_LINES if ends_with in {_KEY_CHANGE, _TARIFF_AND_KEY_CHANGE} else 0
    tariffs = 0
    if ends_with in {_TARIFF_CHANGE, _TARIFF_AND_KEY_CHANGE}:
        length = institution.tariff_lines[serial // 10 % len(institution.tariff_lines)]
        tariffs = min(length, LINES_MAX - keys - 1)
    return [TokenLineKind.KEYCHANGE] * keys + [TokenLineKind.TARIFF] * tariffs + [TokenLineKind.CREDIT]


def token_digits(seed: int, of: str, count: int) -> list[str]:
    """Return so many different lines of 20 digits; the same vend has the same for ever."""
    lines: list[str] = []
    tries = 0
    while len(lines) < count:
        digest = blake2b(f"{seed}/{of}/{tries}".encode(), digest_size=16).digest()
        line = f"{int.from_bytes(digest, 'big') % 10**DIGITS_LENGTH:0{DIGITS_LENGTH}d}"
        tries += 1
        if line not in lines:
            lines.append(line)
    return lines
