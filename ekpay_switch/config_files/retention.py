"""Reading config/retention.toml: how long is kept what no account and no payment needs."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ekpay_switch.config_files.toml_file import read_config_file


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after which each kind is dropped."""

    sends_journal_days: int
    cart_contact_days: int
    complaint_days: int


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    days: int = Field(ge=7, le=3_650)


class _RetentionFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str = Field(min_length=1, max_length=32)
    sends_journal: _Kept
    cart_contacts: _Kept
    complaints: _Kept


def read_retention(path: Path) -> Retention:
    """The terms of a file.

    Raises:
        ValueError: the file is malformed.
    """
    file = read_config_file(path, _RetentionFile)
    return Retention(file.sends_journal.days, file.cart_contacts.days, file.complaints.days)
