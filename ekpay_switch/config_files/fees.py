"""Reading config/fees.toml into the fee table of the core; an invalid row stops the start."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ekpay_switch.config_files.toml_file import read_config_file
from ekpay_switch.domain.fees import FeeRow, FeeTable
from ekpay_switch.domain.money import parse_taka


def _taka(text: str) -> str:
    parse_taka(text)
    return text


def _percent(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,2})?", text) is None:
        raise ValueError("not a percentage with at most two decimals")
    return text


Taka = Annotated[str, AfterValidator(_taka)]
Percent = Annotated[str, AfterValidator(_percent)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    payee: str
    instrument: str
    amount_max: Taka | None = None
    fixed: Taka = "0.00"
    rate_percent: Percent = "0"
    vat: Literal["inside", "on_top"]
    vat_percent: Percent
    effective_from: date
    effective_until: date | None = None

    def fee_row(self) -> FeeRow:
        return FeeRow(
            payee=self.payee,
            instrument=self.instrument,
            amount_max=parse_taka(self.amount_max).minor if self.amount_max else None,
            fixed=parse_taka(self.fixed).minor,
            rate_basis_points=parse_taka(self.rate_percent).minor,
            vat_basis_points=parse_taka(self.vat_percent).minor,
            is_vat_inside=self.vat == "inside",
            effective_from=self.effective_from,
            effective_until=self.effective_until,
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str = Field(min_length=1, max_length=32)
    fees: list[_Row] = Field(min_length=1)


def read_fee_table(path: Path) -> FeeTable:
    """The fee table in `path`.

    A percentage has two decimals at most, so its hundredths are whole basis points and read like taka.

    Raises:
        ConfigFileError: the file is no TOML in UTF-8, or a row has an unknown key or an unusable value.
    """
    file = read_config_file(path, _File)
    return FeeTable(file.version, tuple(row.fee_row() for row in file.fees))
