"""Reading config/portal.toml: how payers read the portal, what holds for its carts, and reminders."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ekpay_switch.config_files.toml_file import read_config_file

FILE_NAME = "portal.toml"


@dataclass(frozen=True, slots=True)
class PortalFile:
    """The terms of the portal; times are undivided. Reminders come so many days before a due date."""

    name_en: str
    name_bn: str
    bills_max: int
    order_minutes: int
    patience_minutes: int
    keep_hours: int
    remind_days_before: int


_Name = Annotated[str, Field(min_length=1, max_length=60)]


class _Names(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name_en: _Name
    name_bn: _Name


class _Carts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    # The checkout takes fifty lines, and a payer reads no more than these.
    bills_max: int = Field(ge=1, le=20)
    order_minutes: int = Field(ge=5, le=500)
    patience_minutes: int = Field(ge=1, le=10_080)
    keep_hours: int = Field(ge=1, le=720)


class _Reminders(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    days_before: int = Field(ge=1, le=14)


class _PortalFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str = Field(min_length=1, max_length=32)
    names: _Names
    carts: _Carts
    reminders: _Reminders


def read_portal(config: Path) -> PortalFile:
    """The terms of the portal.

    Raises:
        ValueError: the file is malformed.
    """
    file = read_config_file(config / FILE_NAME, _PortalFile)
    days_before = file.reminders.days_before
    return PortalFile(**file.names.model_dump(), **file.carts.model_dump(), remind_days_before=days_before)
