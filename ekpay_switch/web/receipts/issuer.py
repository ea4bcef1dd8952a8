"""Who issues receipts and whom a payer can ask, from config/invoices.toml; else nothing is said."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ekpay_switch.edge_kit.bilingual_text import Text

FILE_NAME = "invoices.toml"
_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class _Issuer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: _Words
    name_bn: _Words
    address: _Words
    address_bn: _Words
    bin: str = Field(pattern=r"^[0-9]{9}-[0-9]{4}$")


class _Contact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    helpline: str = Field("", pattern=r"^(\+?[0-9][0-9 -]{2,20})?$")
    email: str = Field("", pattern=r"^([^@\s]+@[^@\s]+)?$", max_length=200)


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    status: Literal["placeholder", "registered"]
    issuer: _Issuer
    contact: _Contact = _Contact(helpline="", email="")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues receipts; `bin` as the VAT registration has it, `helpline` and `email` may be empty."""

    name: Text
    address: Text
    bin: str
    helpline: str = ""
    email: str = ""


def read_issuer(config: Path) -> Issuer | None:
    """The issuer in a folder of configuration; None without the file, and while its data are made up.

    Raises:
        pydantic.ValidationError: a value is unusable.
        tomllib.TOMLDecodeError: the file is not TOML.
    """
    path = config / FILE_NAME
    if not path.is_file():
        return None
    file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    if file.status == "placeholder":
        return None
    issuer = file.issuer
    return Issuer(
        name=Text(issuer.name_bn, issuer.name),
        address=Text(issuer.address_bn, issuer.address),
        bin=issuer.bin,
        helpline=file.contact.helpline,
        email=file.contact.email,
    )
