"""Where a night keeps its files: all of it under `reconciliation/` in the folder of the installation."""

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
        places = cls(home / "reconciliation")
        for folder in (places.inbox, places.archive, places.rows, places.rules, places.reports, places.spill):
            folder.mkdir(parents=True, exist_ok=True)
        return places

    @property
    def inbox(self) -> Path:
        """Where files of institutions are laid."""
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
        """What finance takes away, a folder a run."""
        return self.root / "reports"

    @property
    def spill(self) -> Path:
        """Where DuckDB puts what does not fit into its memory."""
        return self.root / "spill"
