"""Reading config/text_messages.toml: how many text messages may be requested."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ekpay_switch.config_files.toml_file import read_config_file

FILE_NAME = "text_messages.toml"


@dataclass(frozen=True, slots=True)
class MessageRate:
    """So many at once, and one more after so many seconds."""

    at_once: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TextMessageLimits:
    """The limit of one address for one number, of a number, of its neighbours, and of everybody."""

    by_address: MessageRate
    by_number: MessageRate
    by_neighbours: MessageRate
    by_all: MessageRate


class _Rate(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    at_once: int = Field(ge=1, le=100_000)
    seconds: float = Field(gt=0.001, le=86_400, allow_inf_nan=False)


class _Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    by_address: _Rate
    by_number: _Rate
    by_neighbours: _Rate
    by_all: _Rate


class _TextMessageFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str = Field(min_length=1, max_length=32)
    limits: _Limits


def read_text_messages(config: Path) -> TextMessageLimits:
    """The limits.

    Raises:
        ValueError: the file is malformed.
    """
    limits = read_config_file(config / FILE_NAME, _TextMessageFile).limits
    return TextMessageLimits(**{name: MessageRate(**rate) for name, rate in limits.model_dump().items()})
