"""The part of a manifest that its family alone reads."""

from collections.abc import Set as AbstractSet
from typing import TypeVar

from pydantic import ValidationError

from biller_adapters.manifest import Manifest, ManifestError
from biller_adapters.manifest_parts import Section

Settings = TypeVar("Settings", bound=Section)


def settings_of(manifest: Manifest, model: type[Settings], operations: AbstractSet[str]) -> Settings:
    """The family's own settings, once the manifest has every operation that the family calls.

    Raises:
        ManifestError: an operation is missing, or a setting is missing, malformed or unknown.
    """
    missing = operations - manifest.operations.keys()
    if missing:
        message = f"{manifest.id}: operations {', '.join(sorted(missing))} are missing"
        raise ManifestError(message)
    try:
        return model.model_validate(dict(manifest.family_settings))
    except ValidationError as error:
        message = f"{manifest.id}: {error}"
        raise ManifestError(message) from error
