"""Business days and the times at which files come, from config/calendar.toml.

Holidays by the moon move, so the calendar is data with a version, and the version is part of a run's
identity. Ages and deadlines are counted in business days: a break of Thursday is one day old on Sunday.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ekpay_switch.config_files.toml_file import ConfigFileError, toml_tables
from reconciliation.configuration_faults import fault_wording
from reconciliation.errors import ConfigurationError

_ONE_DAY = timedelta(days=1)
_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
DAY_MINUTES = 24 * 60


def _minutes(text: object) -> int:
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match else DAY_MINUTES + 1
    if minutes > DAY_MINUTES:
        raise ValueError(f"{text!r} is no time of day")
    return minutes


TimeOfDay = Annotated[int, BeforeValidator(_minutes)]


class Holiday(BaseModel):
    """A day on which nothing settles."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    on: date
    name: str


class FileTimes(BaseModel):
    """When the files of one institution come; times are minutes of a Dhaka day.

    `lag` counts business days from the date of a file to the night in which it comes; 0 is the night of that
    date itself, business day or not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    days: Literal["all", "business"]
    cut_off: TimeOfDay
    cycle_ends: tuple[TimeOfDay, ...] = Field(strict=False, min_length=1)
    lag: int = Field(ge=0, le=10)

    @model_validator(mode="after")
    def _cycles_end_with_the_day(self) -> "FileTimes":
        if list(self.cycle_ends) != sorted(set(self.cycle_ends)) or self.cycle_ends[-1] != self.cut_off:
            raise ValueError("cycle ends rise, and the last one is the cut-off")
        return self


class Calendar(BaseModel):
    """Which days are business days, and each institution's times."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: str
    zone: Literal["Asia/Dhaka"]
    weekend: frozenset[int] = Field(strict=False, min_length=1)
    holidays: tuple[Holiday, ...] = Field(strict=False)
    institutions: Mapping[str, FileTimes]

    @cached_property
    def _closed(self) -> frozenset[date]:
        return frozenset(holiday.on for holiday in self.holidays)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with changed fields; cached values are computed again."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("_closed", None)
        return copied

    def is_business_day(self, day: date) -> bool:
        """Whether institutions settle on this day."""
        return day.weekday() not in self.weekend and day not in self._closed

    def on_or_after(self, day: date) -> date:
        """The day itself where it is a business day, else the next one that is."""
        while not self.is_business_day(day):
            day += _ONE_DAY
        return day

    def business_day_after(self, day: date, count: int = 1) -> date:
        """The business day that is the `count`-th after `day`; `day` itself for 0."""
        for _ in range(count):
            day = self.on_or_after(day + _ONE_DAY)
        return day

    def business_day_before(self, day: date, count: int = 1) -> date:
        """The business day that is the `count`-th before `day`; `day` itself for 0."""
        for _ in range(count):
            day -= _ONE_DAY
            while not self.is_business_day(day):
                day -= _ONE_DAY
        return day

    def age(self, first_seen: date, night: date) -> int:
        """The business days after `first_seen` up to and including `night`."""
        days = (night - first_seen).days
        return sum(self.is_business_day(first_seen + timedelta(days=step + 1)) for step in range(days))

    def dates_with_files(self, institution: str, first: date, last: date) -> Iterator[date]:
        """The dates from `first` to `last` for which the institution makes files."""
        times = self.institutions[institution]
        for step in range((last - first).days + 1):
            day = first + timedelta(days=step)
            if times.days == "all" or self.is_business_day(day):
                yield day

    def date_after(self, institution: str, day: date) -> date:
        """The next date after `day` for which the institution makes files."""
        return next(self.dates_with_files(institution, day + _ONE_DAY, day + timedelta(days=30)))

    def arrival(self, institution: str, day: date) -> date:
        """The night in which the files of a date are expected."""
        return self.business_day_after(day, self.institutions[institution].lag)


def read_calendar(path: Path) -> Calendar:
    """The calendar of a file.

    Raises:
        ConfigurationError: the file is no valid calendar.
    """
    try:
        return Calendar.model_validate(toml_tables(path))
    except (ValidationError, ConfigFileError) as problem:
        raise ConfigurationError(f"{path.name}: {fault_wording(problem)}") from problem
