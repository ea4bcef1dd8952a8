"""File names: `<institution>_<yyyymmdd>_<cycle>[_c<n>].<extension>` and their logical key."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from reconciliation.errors import MonthError
from reconciliation.statement.layout import Layout

_NAME = re.compile(r"([a-z0-9_]+?)_(\d{8})_(\d{2})(?:_c([1-9]\d*))?\.([a-z0-9]+)", re.ASCII)

# The switch has no earlier books, the table of files counts corrections in sixteen bits, and a name is a key.
_YEAR_MIN: Final = 2010
_CORRECTION_MAX: Final = 9_999
_LETTERS_MAX: Final = 100


@dataclass(frozen=True, slots=True, order=True)
class LogicalKey:
    """The logical key of a file: institution, date and cycle, whatever its bytes."""

    institution: str
    day: date
    cycle: int


@dataclass(frozen=True, slots=True, order=True)
class FileName:
    """A parsed file name; `correction` is 0 for an original."""

    key: LogicalKey
    correction: int
    text: str


def parse_file_name(name: str) -> FileName:
    """Parse the name of a settlement file.

    Raises:
        MonthError: it is no such name.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise MonthError(f"{name} is no name of a settlement file")
    try:
        day = date.fromisoformat(match[2])
    except ValueError as problem:
        raise MonthError(f"{name} names no date") from problem
    correction = int(match[4] or 0)
    if day.year < _YEAR_MIN or correction > _CORRECTION_MAX or len(name) > _LETTERS_MAX:
        raise MonthError(f"{name[:_LETTERS_MAX]} names a date or a correction that no file has")
    return FileName(LogicalKey(match[1], day, int(match[3])), correction, name)


def expected_name(key: LogicalKey, layout: Layout) -> str:
    """The name that the original of a key must have."""
    return f"{key.institution}_{key.day:%Y%m%d}_{key.cycle:02d}.{layout.extension}"
