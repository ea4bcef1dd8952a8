"""The values of a workbook's cells as text: numbers as the shortest text of their double, times as ISO."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_LETTERS_MAX: Final = 40
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook knows no zone
_DAYS_MAX: Final = 2_958_466
# Days before the leap day of 1900 that never was are counted from another one.
_LEAP_DAY: Final = 60
_MILLISECONDS_A_DAY: Final = 86_400_000
# The numbers of formats that every workbook has; `m`, `d`, `y`, `h` and `s` are what others show times with.
_TIME_FORMATS: Final = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_QUOTED: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')


def number_text(value: str) -> str:
    """A number without exponent; text that is none comes back as it was."""
    number = _double(value)
    if number is None:
        return value
    if number.is_integer():
        return str(int(number))
    shortest = repr(number)
    return shortest if "e" not in shortest else f"{Decimal(shortest):f}"


def time_text(value: str) -> str | None:
    """The time of a day number, to the millisecond; None where it names none."""
    days = _double(value)
    if days is None or not 0 <= days < _DAYS_MAX:
        return None
    milliseconds = round(days * _MILLISECONDS_A_DAY)
    time = _EPOCH + timedelta(milliseconds=milliseconds, days=1 if days < _LEAP_DAY else 0)
    return time.isoformat(" ", "milliseconds" if time.microsecond else "seconds")


def shows_time(number: str, code: str | None) -> bool:
    """Whether a format of this number, and of this code where the workbook has its own, shows times."""
    if code is None:
        return number.isdecimal() and len(number) < _LETTERS_MAX and int(number) in _TIME_FORMATS
    return any(letter in "mdyhs" for letter in _QUOTED.sub("", code.split(";")[0]).lower())


def _double(value: str) -> float | None:
    if len(value) > _LETTERS_MAX or not _NUMBER.fullmatch(value):
        return None
    number = float(value)
    return number if number - number == 0 else None
