"""Reading config/alarms.toml and the days of config/calendar.toml; an invalid file stops the start."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ekpay_switch.config_files.toml_file import read_config_file
from ekpay_switch.domain.alarms import Alarm, AlarmOwner, AlarmTerms

_KNOWN_DAYS = 400


# A file has names as text, so these two are not strict.
_Kind = Annotated[Alarm, Field(strict=False)]
_Owner = Annotated[AlarmOwner, Field(strict=False)]


class _Terms(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    owner: _Owner
    due_business_days: int = Field(ge=0, le=30)
    after_hours: float = Field(default=0.0, ge=0)


class _AlarmFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str = Field(min_length=1, max_length=32)
    alarms: dict[_Kind, _Terms]


class _Holiday(BaseModel):
    on: date


class _Calendar(BaseModel):
    """The members of the calendar that are needed here; the reconciliation checks the whole file."""

    weekend: frozenset[int]
    holidays: tuple[_Holiday, ...]


def read_alarm_terms(path: Path) -> Mapping[Alarm, AlarmTerms]:
    """The terms of every alarm.

    Raises:
        ValueError: the file is malformed, or an alarm is missing.
    """
    file = read_config_file(path, _AlarmFile)
    missing = sorted(set(Alarm) - set(file.alarms))
    if missing:
        raise ValueError(f"{path.name}: {', '.join(missing)} has no terms")
    return MappingProxyType(
        {
            kind: AlarmTerms(terms.owner, terms.due_business_days, terms.after_hours)
            for kind, terms in file.alarms.items()
        }
    )


def read_business_days(path: Path, first: date) -> Sequence[date]:
    """The business days from `first` on, for a little more than a year.

    Raises:
        ValueError: the file is malformed.
    """
    calendar = read_config_file(path, _Calendar)
    closed = {holiday.on for holiday in calendar.holidays}
    days = (first + timedelta(days=number) for number in range(_KNOWN_DAYS))
    return [day for day in days if day.weekday() not in calendar.weekend and day not in closed]
