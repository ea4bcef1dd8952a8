"""Reading a manifest from its file, the same for every wing."""

import json
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)
_PARSED_MAX = 256


class ManifestError(Exception):
    """A manifest cannot be used; the text names the file and every fault in it."""


def read_manifest_file(path: Path, model: type[Model]) -> Model:
    """Read one manifest, which must be named after the id in it.

    Raises:
        ManifestError: it is no TOML, breaks a rule of `model`, or has another id than its file name.
    """
    try:
        named: tuple[str, Model] = _parse(path.read_text(encoding="utf-8"), model)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise ManifestError(f"{path.name}: {error}") from error
    name, manifest = named
    if name != path.stem:
        raise ManifestError(f"{path.name}: is about {name}")
    return manifest


# A process reads the same manifests for profiles and for adapters; models are frozen, so both may share one.
@lru_cache(_PARSED_MAX)
def _parse(text: str, model: type[Model]) -> tuple[str, Model]:
    tables = tomllib.loads(text)
    # Through JSON, because strict models take lists for tuples and text for dates only from there.
    manifest = model.model_validate_json(json.dumps(tables, default=str))
    return tables["id"], manifest


def refuse_repeats(kind: str, names: Iterable[str]) -> None:
    """Raise ValueError, as validators do, where a name appears twice."""
    known: set[str] = set()
    for name in names:
        if name in known:
            raise ValueError(f"{kind} {name} appears twice")
        known.add(name)
