"""The folder of a month: its ledger days and the files of each night."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from reconciliation.canonical_row import no_rows
from reconciliation.engine.night import NightInputs
from reconciliation.errors import MonthError
from reconciliation.intake.file_names import parse_file_name
from reconciliation.intake.file_register import Arrival
from reconciliation.intake.ledger_rows import read_ledger_day
from reconciliation.intake.receive_files import IncomingFile


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

    def inputs(self, night: date) -> NightInputs:
        """Our books and the files of one night."""
        files = (IncomingFile(path.name, path) for path in sorted(self.files(night).iterdir()))
        return NightInputs(night, read_ledger_day(self.ledger(night)), tuple(files))

    def books(self, institution: str, up_to: date) -> pl.DataFrame:
        """Our books of one institution up to a night."""
        days = [read_ledger_day(self.ledger(night)) for night in self.nights if night <= up_to]
        return pl.concat(days).filter(pl.col("institution") == institution)

    def expected_rows(self, institution: str) -> pl.DataFrame:  # noqa: ARG002 - a month instructs nobody
        """No further rows of ours."""
        return no_rows()

    def path(self, arrival: Arrival) -> Path:
        """Where the bytes of a file that came lie."""
        return self.files(arrival.night) / arrival.name.text

    def named_institutions(self) -> frozenset[str]:
        """The institutions that our books or files name."""
        files = {parse_file_name(path.name).key.institution for path in (self.folder / "files").glob("*/*")}
        days = [pl.scan_csv(self.ledger(night)).select("institution") for night in self.nights]
        if not days or not self.ledger(self.nights[0]).exists():
            return frozenset(files)
        return frozenset(files | set(pl.concat(days).unique().collect()["institution"].to_list()))


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
