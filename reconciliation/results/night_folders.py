"""The folders of nightly runs, all under `reconciliation/` in the folder of the installation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class NightFolders:
    """The folders of the nightly run."""

    root: Path

    @classmethod
    def of(cls, home: Path) -> Self:
        """The folders of an installation, made where they are missing."""
        folders = cls(home / "reconciliation")
        for folder in (
            folders.inbox,
            folders.archive,
            folders.rows,
            folders.rules,
            folders.reports,
            folders.spill,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        return folders

    @property
    def inbox(self) -> Path:
        """The inbox for files of institutions."""
        return self.root / "inbox"

    @property
    def archive(self) -> Path:
        """Every file that was ever taken, once, under its SHA-256."""
        return self.root / "archive"

    @property
    def rows(self) -> Path:
        """The rows of each run."""
        return self.root / "rows"

    @property
    def rules(self) -> Path:
        """Rules by which runs were judged, under their digest."""
        return self.root / "rules"

    @property
    def reports(self) -> Path:
        """The reports for finance, one folder for each run."""
        return self.root / "reports"

    @property
    def spill(self) -> Path:
        """The spill folder of DuckDB."""
        return self.root / "spill"
