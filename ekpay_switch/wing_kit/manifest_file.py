"""Reading a manifest from its file, the same for every wing."""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class ManifestError(Exception):
    """A manifest cannot be used; the text names the file and every fault in it."""


def read_manifest_file(path: Path, model: type[Model]) -> Model:
    """Read one manifest, which must be named after the id in it.

    Raises:
        ManifestError: it is no TOML, breaks a rule of `model`, or has another id than its file name.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        # Through JSON, because strict models take lists for tuples and text for dates only from there.
        manifest = model.model_validate_json(json.dumps(tables, default=str))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise ManifestError(f"{path.name}: {error}") from error
    if tables["id"] != path.stem:
        raise ManifestError(f"{path.name}: is about {tables['id']}")
    return manifest


def refuse_repeats(kind: str, names: Iterable[str]) -> None:
    """Raise ValueError, as validators do, where a name appears twice."""
    known: set[str] = set()
    for name in names:
        if name in known:
            raise ValueError(f"{kind} {name} appears twice")
        known.add(name)
