"""The configuration of a night: config/reconciliation.toml, layouts, codes, calendar, and their digest.

The rules of each run are kept beside its rows under their digest, so that a run can be judged again by the
rules of its day.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ekpay_switch.config_files.toml_file import ConfigFileError, toml_tables
from reconciliation.breaks.codes import BreakRules, read_rules
from reconciliation.calendar import Calendar, read_calendar
from reconciliation.configuration_faults import fault_wording
from reconciliation.digests import sha256_of, sha256_of_lines
from reconciliation.engine.night import RunConfiguration
from reconciliation.engine.row_store import sync_to_disk
from reconciliation.errors import ConfigurationError
from reconciliation.intake.file_schedule import FileSchedule
from reconciliation.statement.formats.file_limits import USUAL_LIMITS, FileLimits
from reconciliation.statement.layout import Layout, read_layouts

CODES: Final = "breaks.toml"
CALENDAR: Final = "calendar.toml"
NIGHT: Final = "reconciliation.toml"
STATEMENTS: Final = "statements"


class NightSettings(BaseModel):
    """When a night begins, what it may use, and what one file may take to be read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    cut_off_minutes: int = Field(ge=0, lt=24 * 60)
    memory_limit: str = Field(pattern=r"^[1-9]\d*(MB|GB)$")
    horizon_days: int = Field(ge=31, le=366)
    # Rules that were kept before there were limits have none of their own.
    reading: FileLimits = USUAL_LIMITS


def read_night_settings(path: Path) -> NightSettings:
    """The settings of a file.

    Raises:
        ConfigurationError: the file is missing or not valid.
    """
    try:
        return NightSettings.model_validate(toml_tables(path))
    except (OSError, ValidationError, ConfigFileError) as problem:
        raise ConfigurationError(f"{path.name}: {fault_wording(problem)}") from problem


@dataclass(frozen=True, slots=True)
class NightRules:
    """All rules of a night; `files` are the bytes of the configuration files by name."""

    settings: NightSettings
    layouts: Mapping[str, Layout]
    codes: BreakRules
    calendar: Calendar
    files: Mapping[str, bytes]

    @classmethod
    def read(cls, folder: Path, *, are_kept: bool = False) -> Self:
        """The rules of a folder such as config/; `are_kept` are those of an earlier run.

        Raises:
            ConfigurationError: a file of it is not valid.
        """
        statements = sorted((folder / STATEMENTS).glob("*.toml"))
        paths = [folder / CODES, folder / CALENDAR, folder / NIGHT, *statements]
        return cls(
            read_night_settings(folder / NIGHT),
            read_layouts(folder / STATEMENTS),
            read_rules(folder / CODES, are_kept=are_kept),
            read_calendar(folder / CALENDAR),
            {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths},
        )

    @property
    def digest(self) -> str:
        """SHA-256 over every configuration file that affects findings."""
        return sha256_of_lines(f"{name} {sha256_of(text)}" for name, text in sorted(self.files.items()))

    def setting(self, night: date, since: Mapping[str, date]) -> RunConfiguration:
        """The setting of one night for its participants."""
        first = min(since.values(), default=night)
        last = night + timedelta(days=self.settings.horizon_days)
        return RunConfiguration(
            self.layouts, self.codes, self.calendar, FileSchedule(self.calendar, first, last, dict(since))
        )

    def write(self, folder: Path) -> None:
        """Write the rules into a folder named by their digest, unless it exists."""
        place = folder / self.digest
        if place.exists():
            return
        unfinished = folder / f".{self.digest}"
        shutil.rmtree(unfinished, ignore_errors=True)
        for name, text in self.files.items():
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
            sync_to_disk(path)
        sync_to_disk(unfinished / STATEMENTS)
        sync_to_disk(unfinished)
        unfinished.rename(place)
        sync_to_disk(folder)
