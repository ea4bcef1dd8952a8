"""Reads the institutions of a family from its TOML file.

The file has one table `[[institutions]]` for each, with the fields of its class as keys. `kind` names the
class where a family has several, `layout` the end-of-day file where it is not the common one. `amount` is a
table of one of the three classes of amounts; `payment_rule` is `in_parts`, or a table with the bounds of any
amount.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import TypeAdapter

from sandbox.kit.biller.end_of_day_file import COMMON_LAYOUT, EndOfDayLayout
from sandbox.kit.biller.institution import (
    AmountRange,
    AnyAmount,
    BillerInstitution,
    FeeByChoice,
    FixedFee,
    InParts,
    WholeOnce,
)
from sandbox.kit.biller.own_file_columns import GAS, NESCO, WASA

InstitutionT = TypeVar("InstitutionT", bound=BillerInstitution)

KIND = "kind"
"""The key of the class of an institution; without it the class is that of the family."""

_LAYOUTS = MappingProxyType({"common": COMMON_LAYOUT, "gas": GAS, "nesco": NESCO, "wasa": WASA})
_AMOUNTS = (AmountRange, FixedFee, FeeByChoice)
_RULES: Mapping[str, WholeOnce | InParts] = MappingProxyType(
    {"whole_once": WholeOnce(), "in_parts": InParts()}
)


class InstitutionFileError(ValueError):
    """The file of a family has a table that is no institution; the text names file and table."""


def load_institutions(
    path: Path,
    family: str,
    institution_type: type[InstitutionT],
    *,
    kinds: Mapping[str, type[InstitutionT]] = MappingProxyType({}),
    layouts: Mapping[str, EndOfDayLayout] = MappingProxyType({}),
) -> tuple[InstitutionT, ...]:
    """Return the institutions of a family in the order of its file.

    `kinds` are further classes of institutions by their `kind`, `layouts` end-of-day files of this family.

    Raises:
        InstitutionFileError: a table has an unknown key, a wrong value, or templates that cannot work.
        OSError: the file cannot be read.
    """
    readers = {name: TypeAdapter(kind) for name, kind in {"": institution_type, **kinds}.items()}
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["institutions"]
    institutions = []
    for table in tables:
        try:
            reader = readers[table.get(KIND, "")]
            values = _fields(table, {**_LAYOUTS, **layouts}) | {"family": family}
            institutions.append(reader.validate_python(values))
        except (KeyError, TypeError, ValueError) as error:
            name = table.get("id", "a table without an id")
            raise InstitutionFileError(f"{path.name}: {name}: {error}") from error
    return tuple(institutions)


def _fields(table: Mapping[str, Any], layouts: Mapping[str, EndOfDayLayout]) -> dict[str, Any]:
    values = {name: value for name, value in table.items() if name != KIND}
    values["amount"] = _amount(values["amount"])
    values["payment_rule"] = _payment_rule(values.get("payment_rule", "whole_once"))
    values["layout"] = layouts[values.get("layout", "common")]
    return values


def _amount(table: Mapping[str, Any]) -> AmountRange | FixedFee | FeeByChoice:
    for amount_type in _AMOUNTS:
        if table.keys() <= amount_type.__dataclass_fields__.keys():
            return amount_type(**table)
    raise ValueError(f"no amount has {', '.join(table)}")


def _payment_rule(rule: str | Mapping[str, int]) -> WholeOnce | InParts | AnyAmount:
    return _RULES[rule] if isinstance(rule, str) else AnyAmount(**rule)
