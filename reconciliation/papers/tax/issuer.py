"""Who issues invoices and VAT returns, from config/invoices.toml."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ekpay_switch.config_files.toml_file import ConfigFileError, toml_tables
from reconciliation.configuration_faults import fault_wording
from reconciliation.errors import ConfigurationError

FILE_NAME = "invoices.toml"
_PERCENT = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,2}))?", re.ASCII)
_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Issuer(BaseModel):
    """Name and address in both languages, and the BIN as the VAT registration certificate writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: _Words
    name_bn: _Words
    address: _Words
    address_bn: _Words
    bin: str = Field(pattern=r"^[0-9]{9}-[0-9]{4}$")


class Contact(BaseModel):
    """Whom a payer can ask; receipts name it, invoices do not."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    helpline: str = ""
    email: str = ""


class InvoiceSettings(BaseModel):
    """The issuer, whether its data are made up, and the standard rate of VAT in percent as text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str = Field(min_length=1)
    status: Literal["placeholder", "registered"]
    standard_vat_percent: str = Field(pattern=rf"^{_PERCENT.pattern}$")
    issuer: Issuer
    contact: Contact | None = None

    @property
    def is_placeholder(self) -> bool:
        """Whether the issuer is nobody."""
        return self.status == "placeholder"

    @property
    def standard_basis_points(self) -> int:
        """The standard rate in hundredths of a per cent."""
        whole, _, parts = self.standard_vat_percent.partition(".")
        return int(whole) * 100 + int(parts.ljust(2, "0"))


def read_invoice_settings(config: Path) -> InvoiceSettings:
    """The settings in a folder of configuration.

    Raises:
        ConfigurationError: there is no such file, or it is not valid.
    """
    try:
        return InvoiceSettings.model_validate(toml_tables(config / FILE_NAME))
    except FileNotFoundError as problem:
        raise ConfigurationError(f"config/{FILE_NAME} is missing: it says who issues invoices") from problem
    except (ValidationError, ConfigFileError) as problem:
        raise ConfigurationError(f"{FILE_NAME}: {fault_wording(problem)}") from problem
