"""Reading config/challan_accounts.toml; an invalid row stops the start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from ekpay_switch.config_files.toml_file import read_config_file
from ekpay_switch.domain.challans import TreasuryHead


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    credit_account: Annotated[str, StringConstraints(pattern=r"^[0-9](-[0-9]{4}){3}$")]
    purpose: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    economic_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{7}$")]
    organization_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{13}$")]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    accounts: list[_Row]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({row.credit_account for row in self.accounts}) != len(self.accounts):
            raise ValueError("a credit account stands twice")
        return self


def read_challan_accounts(path: Path) -> Mapping[str, TreasuryHead]:
    """The codes of the treasury for each credit account in `path`.

    Raises:
        ConfigFileError: the file is no TOML in UTF-8, a row has an unknown key or an unusable value, or an
            account stands twice.
    """
    file = read_config_file(path, _File)
    return {
        row.credit_account: TreasuryHead(row.economic_code, row.organization_code) for row in file.accounts
    }
