"""Records as journals, notes and the admin API write them: there an institution's id is called `house`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_ID, _STORED_ID = "institution_id", "house"


def as_stored(record: "DataclassInstance") -> dict[str, Any]:
    """Return a record as JSON, its members in the order of its fields."""
    return {_STORED_ID if name == _ID else name: value for name, value in asdict(record).items()}


def from_stored(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record from its JSON."""
    return {_ID if name == _STORED_ID else name: value for name, value in members.items()}
