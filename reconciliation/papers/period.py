"""A period of Dhaka business dates, both ends included."""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Self

from reconciliation.errors import ReportError

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """Business dates from `first` to `last`.

    Raises:
        ReportError: the last date is before the first.
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ReportError(f"the period ends on {self.last}, before it begins on {self.first}")

    @classmethod
    def of_month(cls, text: str) -> Self:
        """The whole month that is written `2026-04`.

        Raises:
            ReportError: the text is no month.
        """
        match = _MONTH.fullmatch(text)
        try:
            first = date(int(match[1]), int(match[2]), 1) if match else None
        except ValueError:
            first = None
        if first is None:
            raise ReportError(f"a month is written 2026-04, not {text!r}")
        return cls(first, first.replace(day=calendar.monthrange(first.year, first.month)[1]))

    def __str__(self) -> str:
        return f"{self.first}_{self.last}"
