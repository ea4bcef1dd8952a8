"""What payers type: the numbers of wallets, cards and accounts, normal ones and magic ones.

| kind | normal | magic, where KK says what goes wrong and NNN is any of 1,000 |
| --- | --- | --- |
| wallet, 11 digits | `01700000000` and the next | `0199KK00NNN` |
| card, 16 digits | `4100000000000000` and the next | `4199KK0000000NNN` |
| account, 13 digits | `1000000000000` and the next | `1099KK0000NNN` |

No number has a check digit, so that each can be typed by hand. What each KK does stands in
`magic_numbers.py`.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

MAGIC_RANGE_LENGTH = 1_000
NORMAL = 0
"""The KK of every normal number."""

_MAGIC_MARK = "99"


class PayerKind(StrEnum):
    """What the payer of an institution types; the value is the name of the field on its page."""

    WALLET = "wallet"
    CARD = "card"
    ACCOUNT = "account"


class _Shape(NamedTuple):
    prefix: str
    first_normal: int
    length: int


_SHAPES = {
    PayerKind.WALLET: _Shape("01", 1_700_000_000, 11),
    PayerKind.CARD: _Shape("41", 4_100_000_000_000_000, 16),
    PayerKind.ACCOUNT: _Shape("10", 1_000_000_000_000, 13),
}


def digits_of(kind: PayerKind, number: str, accounts: int) -> int | None:
    """Return the KK of a number, 0 for one of so many normal accounts, or None if there is no such number."""
    prefix, first, length = _SHAPES[kind]
    # isdigit alone would let Bangla digits through, and int() would read them.
    if len(number) != length or not (number.isascii() and number.isdigit()):
        return None
    if first <= int(number) < first + accounts:
        return NORMAL
    head = prefix + _MAGIC_MARK
    rest = number[len(head) + 2 :]
    if not number.startswith(head) or int(rest) >= MAGIC_RANGE_LENGTH:
        return None
    return int(number[len(head) : len(head) + 2]) or None


def number_of(kind: PayerKind, digits: int, nth: int = 0) -> str:
    """Return the nth number of a KK from 0 to 99, counted from 0; 0 gives the normal ones."""
    prefix, first, length = _SHAPES[kind]
    if digits == NORMAL:
        return f"{first + nth:0{length}d}"
    head = f"{prefix}{_MAGIC_MARK}{digits:02d}"
    return head + f"{nth:0{length - len(head)}d}"


def normal_numbers(kind: PayerKind, accounts: int) -> Iterator[str]:
    """Yield the normal numbers in their order."""
    for nth in range(accounts):
        yield number_of(kind, NORMAL, nth)


def masked(number: str) -> str:
    """Return a number with only its first three (of a card six) and last four digits."""
    visible = 6 if len(number) == _SHAPES[PayerKind.CARD].length else 3
    return f"{number[:visible]}{'*' * (len(number) - visible - 4)}{number[-4:]}" if number else ""
