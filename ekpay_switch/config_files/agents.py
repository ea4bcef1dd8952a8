"""Reading config/agents.toml: what agents earn; an invalid row stops the start."""

from datetime import date
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ekpay_switch.config_files.toml_file import read_config_file
from ekpay_switch.domain.agents.commission import CommissionRate, CommissionTerms

FILE_NAME = "agents.toml"


class _Rate(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    agent: str = Field(min_length=1, max_length=64)
    basis_points: int = Field(ge=0, le=10_000)
    valid_from: date


class _AgentsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str = Field(min_length=1, max_length=32)
    commission: list[_Rate] = []

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        seen: set[tuple[str, date]] = set()
        for number, rate in enumerate(self.commission):
            place = (rate.agent, rate.valid_from)
            if place in seen:
                raise ValueError(f"commission.{number}.valid_from: {rate.agent} has a rate of that date")
            seen.add(place)
        return self


def read_commission_terms(config: Path) -> CommissionTerms:
    """The rates of config/agents.toml; nobody earns anything where it has none.

    Raises:
        ConfigFileError: the file is no TOML in UTF-8, a row has an unknown key or an unusable value, or two
            rows are of one agent and date.
    """
    file = read_config_file(config / FILE_NAME, _AgentsFile)
    return CommissionTerms(
        tuple(CommissionRate(rate.agent, rate.basis_points, rate.valid_from) for rate in file.commission)
    )
