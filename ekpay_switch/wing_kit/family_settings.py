"""The part of a manifest that its family alone reads."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol, TypeVar

from pydantic import ValidationError

from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Section

Settings = TypeVar("Settings", bound=Section)


class FamilyManifest(Protocol):
    """A manifest of either wing, as far as a family reads it."""

    @property
    def id(self) -> str:
        """Our own id of the institution."""
        ...

    @property
    def family_settings(self) -> Mapping[str, object]:
        """What the family alone reads."""
        ...

    @property
    def operations(self) -> Mapping[str, object]:
        """The calls of the far side, by name."""
        ...


def settings_of(manifest: FamilyManifest, model: type[Settings], operations: AbstractSet[str]) -> Settings:
    """The family's own settings, once the manifest has every operation that the family calls.

    Raises:
        ManifestError: an operation is missing, or a setting is missing, malformed or unknown.
    """
    missing = operations - manifest.operations.keys()
    if missing:
        raise ManifestError(f"{manifest.id}: operations {', '.join(sorted(missing))} are missing")
    try:
        return model.model_validate(dict(manifest.family_settings))
    except ValidationError as error:
        raise ManifestError(f"{manifest.id}: {error}") from error
