"""Money: an exact whole number of minor units in one currency.

Amounts never meet a float. Text becomes money only through `parse_taka`, at the edge that
received the text, so that a bad amount is refused towards its sender.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ekpay_switch.domain.errors import CurrencyMismatchError, MalformedAmountError

BDT = "BDT"
PAISA_PER_TAKA = 100
# How many digits stand together: three, then by two.
_THOUSAND, _PAIR = 3, 2
# Thirteen digits of taka are more than the country's yearly product and far inside a signed 64-bit column.
_TAKA = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """A whole number of minor units (paisa for BDT), possibly negative, in one currency."""

    minor: int
    currency: str = BDT

    def _same_currency(self, amount: Self) -> None:
        if self.currency != amount.currency:
            raise CurrencyMismatchError(f"{self.currency} and {amount.currency}")

    def __add__(self, amount: Self) -> "Money":
        self._same_currency(amount)
        return Money(self.minor + amount.minor, self.currency)

    def __sub__(self, amount: Self) -> "Money":
        self._same_currency(amount)
        return Money(self.minor - amount.minor, self.currency)

    def __str__(self) -> str:
        return f"{format_taka(self.minor)} {self.currency}"


ZERO = Money(0)


def parse_taka(text: str) -> Money:
    """Read taka with at most two decimals, for example `1250`, `1250.5` or `1250.50`.

    Raises:
        MalformedAmountError: on a sign, exponent, separator, space, third decimal, more than thirteen
            digits or a digit outside ASCII (ekpay-syndicate-api.md, "Tolerant where real clients are").
    """
    match = _TAKA.fullmatch(text)
    if match is None:
        raise MalformedAmountError
    taka, decimals = match[1], (match[2] or "").ljust(2, "0")
    return Money(int(taka) * PAISA_PER_TAKA + int(decimals))


def format_taka(minor: int) -> str:
    """Write paisa as taka with two decimals: 125050 becomes `1250.50`."""
    sign = "-" if minor < 0 else ""
    taka, paisa = divmod(abs(minor), PAISA_PER_TAKA)
    return f"{sign}{taka}.{paisa:02d}"


def grouped_taka(minor: int) -> str:
    """Paisa as taka with two decimals, grouped by thousand, lakh and crore: `1,23,456.78`."""
    sign = "-" if minor < 0 else ""
    taka, paisa = divmod(abs(minor), PAISA_PER_TAKA)
    return f"{sign}{group_digits(taka)}.{paisa:02d}"


def group_digits(count: int) -> str:
    """A whole number that is not negative, grouped as `1,23,456`."""
    digits = str(count)
    head, groups = digits[:-_THOUSAND], [digits[-_THOUSAND:]]
    while head:
        head, group = head[:-_PAIR], head[-_PAIR:]
        groups.insert(0, group)
    return ",".join(groups)


def total(parts: Iterable[Money], currency: str = BDT) -> Money:
    """The sum of amounts of one currency; zero without any."""
    running = Money(0, currency)
    for part in parts:
        running += part
    return running


def percent_half_up(minor: int, basis_points: int) -> int:
    """A share of a non-negative amount, in minor units, half a unit rounded up (architecture.md 6, fees)."""
    return (minor * basis_points + 5_000) // 10_000
