"""Reading config/sla.toml: what this installation promises."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ekpay_switch.config_files.toml_file import read_config_file
from ekpay_switch.domain.health import Promises

FILE_NAME = "sla.toml"
# Percent with two decimals, as text: no float meets a share.
_Percent = Annotated[str, Field(pattern=r"^(100\.00|[0-9]{1,2}\.[0-9]{2})$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Answers(_Part):
    share_percent: _Percent
    within_seconds: float = Field(gt=0, le=60)


class _Stops(_Part):
    notice_hours: int = Field(ge=0, le=720)


class _Trouble(_Part):
    share_percent: _Percent


class _SlaFile(_Part):
    version: str = Field(min_length=1, max_length=32)
    answers: _Answers
    stops: _Stops
    trouble: _Trouble


def read_promises(config: Path) -> Promises:
    """The promises of config/sla.toml.

    Raises:
        ValueError: the file is malformed.
    """
    file = read_config_file(config / FILE_NAME, _SlaFile)
    return Promises(
        answer_seconds=file.answers.within_seconds,
        answered_share=_basis_points(file.answers.share_percent),
        stop_notice_hours=file.stops.notice_hours,
        troubled_share=_basis_points(file.trouble.share_percent),
    )


def _basis_points(percent: str) -> int:
    return int(percent.replace(".", ""))
