"""What became of an amount that we have demanded from a payee, and how people name a demand. Pure.

amount  =  paid + set off + written off + rest      in whole paisa, none below zero
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from reconciliation.errors import SettlementError

_PREFIX: Final = "EKD"
_DIGITS_MIN: Final = 4
_MODULUS: Final = 97
_NUMBER = re.compile(r"(?:D-)?([0-9]{1,9})", re.ASCII)
_NAMED = re.compile(rf"(?<![A-Z0-9]){_PREFIX}[0-9]+", re.ASCII)
_REFERENCE = re.compile(rf"{_PREFIX}([0-9]{{{_DIGITS_MIN},9}})([0-9]{{2}})", re.ASCII)


class DemandState(StrEnum):
    """Where a demand stands."""

    WAITS = "waits"
    REJECTED = "rejected"
    OPEN = "open"
    OVERDUE = "overdue"
    PAID = "paid"
    SET_OFF = "set_off"
    WRITTEN_OFF = "written_off"
    WITHDRAWN = "withdrawn"


class DemandEnd(StrEnum):
    """How a demand has ended; `settled` is nothing left, the others are decisions of two persons."""

    SETTLED = "settled"
    WRITTEN_OFF = "written_off"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class DemandFigures:
    """What became of a demanded amount; all in paisa."""

    amount: int
    paid: int
    rest: int
    written_off: int = 0

    @property
    def set_off(self) -> int:
        """What later claims of the payee have set off."""
        return self.amount - self.paid - self.written_off - self.rest


def demand_name(number: int) -> str:
    """How people name a demand."""
    return f"D-{number:0{_DIGITS_MIN}d}"


def reference_of(number: int) -> str:
    """What the payee writes into its transfer: the number with two check digits (ISO 7064, mod 97-10)."""
    return f"{_PREFIX}{number:0{_DIGITS_MIN}d}{_check_digits(number)}"


def number_of(text: str) -> int:
    """The number of a demand that somebody has typed: `1`, `D-0001` or its reference.

    Raises:
        SettlementError: it is none of these, or its check digits are wrong.
    """
    typed = text.strip().upper()
    named = _NUMBER.fullmatch(typed)
    if named:
        return int(named[1])
    referred = _REFERENCE.fullmatch(typed)
    if not referred:
        raise SettlementError(f"demand: {text} is no number of a demand, such as 1, and no reference of one")
    number = int(referred[1])
    if _check_digits(number) != referred[2]:
        raise SettlementError(f"demand: the check digits of {text} are wrong")
    return number


def numbers_named(text: str) -> frozenset[int]:
    """The numbers of the demands whose references stand in a text of a bank, with right check digits."""
    numbers = set()
    for reference in _NAMED.findall(text.upper()):
        with suppress(SettlementError):
            numbers.add(number_of(reference))
    return frozenset(numbers)


def owed_since(changes: Mapping[date, int]) -> date | None:
    """The business date since which a debt is above zero without a break; None where there is none now.

    `changes` is by how many paisa the debt has grown on each date.
    """
    debt, since = 0, None
    for day, change in sorted(changes.items()):
        debt += change
        if debt <= 0:
            since = None
        elif since is None:
            since = day
    return since


def rest_of(amount: int, since: date, changes: Mapping[date, int], payments: Mapping[date, int]) -> int:
    """What is left of a demand of `amount` paisa that stands since a business date.

    `changes` is by how many paisa the debt has grown on each date, the demand's `payments` included, which
    are above zero. What the debt without them has fallen to at the end of any date is what the payee's own
    claims have left of it; a debt that grows again is for another demand.
    """
    debt = sum(change for day, change in changes.items() if day < since)
    debt += sum(paid for day, paid in payments.items() if day < since)
    lowest = min(amount, debt) if any(day < since for day in changes) else amount
    for day in sorted(day for day in {*changes, *payments} if day >= since):
        debt += changes.get(day, 0) + payments.get(day, 0)
        lowest = min(lowest, debt)
    return max(0, lowest - sum(payments.values()))


def _check_digits(number: int) -> str:
    return f"{98 - number * 100 % _MODULUS:02d}"
