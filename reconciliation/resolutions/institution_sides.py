"""The kind and the account of an institution, from config/statements and config/billers."""

import tomllib
from pathlib import Path

from reconciliation.resolutions.decision_records import UnfitError
from reconciliation.resolutions.resolution_postings import InstitutionSide
from reconciliation.statement.layout import read_layouts


def institution_side(config: Path, institution: str) -> InstitutionSide:
    """The side of one institution.

    Raises:
        ConfigurationError: a layout cannot be read.
        UnfitError: the institution has no layout.
    """
    layout = read_layouts(config / "statements").get(institution)
    if layout is None:
        raise UnfitError(f"config/statements does not know {institution}")
    return InstitutionSide(
        institution, layout.kind, has_deposit=_has_deposit(config / "billers" / f"{institution}.toml")
    )


def _has_deposit(manifest: Path) -> bool:
    """Whether we keep money at a biller, which it takes each bill off; then nothing is owed to it."""
    return manifest.is_file() and "deposit" in tomllib.loads(manifest.read_text(encoding="utf-8"))
