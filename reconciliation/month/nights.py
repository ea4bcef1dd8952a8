"""Where the ledger days and the files of each night lie in the folder of a month."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from reconciliation.errors import MonthError


@dataclass(frozen=True, slots=True)
class Month:
    """The nights of a folder, first to last."""

    folder: Path
    nights: tuple[date, ...]

    def ledger(self, night: date) -> Path:
        """Our books of a business date."""
        return self.folder / "ledger" / f"{night.isoformat()}.csv"

    def files(self, night: date) -> Path:
        """What arrived in a night."""
        return self.folder / "files" / night.isoformat()


def month_of(folder: Path) -> Month:
    """The month that lies in a folder.

    Raises:
        MonthError: there is none, or a night lacks its ledger or its files.
    """
    try:
        nights = tuple(sorted(date.fromisoformat(path.stem) for path in (folder / "ledger").glob("*.csv")))
    except ValueError as problem:
        raise MonthError(f"a ledger day is called after its date: {problem}") from problem
    if not nights:
        raise MonthError(f"there is no month in {folder.name}: no ledger day in it")
    month = Month(folder, nights)
    missing = next((night for night in nights if not month.files(night).is_dir()), None)
    if missing is not None:
        raise MonthError(f"the night of {missing} has no folder of files")
    return month
