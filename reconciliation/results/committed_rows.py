"""Rows of committed runs with their verdicts: all since the first run, or those that one run changed."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from reconciliation.engine.row_store import RowStore
from reconciliation.results.night_folders import NightFolders
from reconciliation.results.records import RunRecord
from reconciliation.results.run_state import CarriedState


def all_rows(home: Path, run: RunRecord, columns: Sequence[str] = ()) -> pl.DataFrame:
    """The canonical rows of all runs up to this one, each as it stood after it; `home` is `Finance.home`.

    With `columns` only these and what names a row.

    Reads history: for reports, settlement and proofs, never for a night.
    """
    rows = NightFolders.of(home).rows
    carried = CarriedState.read(rows / f"{run.seq:06d}")
    return RowStore(rows, run.seq, carried.withdrawn).all_rows(columns)


@dataclass(frozen=True, slots=True)
class ChangedRows:
    """The rows that a run wrote, and by name those that count no longer since: `<origin>:<ordinal>`."""

    rows: pl.DataFrame
    withdrawn: frozenset[str] = frozenset()


class CommittedRows(Protocol):
    """The rows of runs as settlement reads them."""

    def changed_rows(self, run: RunRecord) -> ChangedRows:
        """The rows that a run judged, and all that are open after it."""
        ...

    def settled_rows(self, run: RunRecord, runs: Iterable[int], names: Collection[str]) -> pl.DataFrame:
        """Rows of these names that some runs settled, as far as they count behind `run`."""
        ...

    def of_institutions(self, run: RunRecord, institutions: Sequence[str]) -> pl.DataFrame:
        """Every row of some institutions that counts behind a run."""
        ...

    def all_rows(self, run: RunRecord, columns: Sequence[str]) -> pl.DataFrame:
        """Every row that counts after a run, with these columns and those that name it."""
        ...


@dataclass(frozen=True, slots=True)
class RunRows:
    """The rows beside the tables of an installation; `home` is `Finance.home`."""

    home: Path

    def changed_rows(self, run: RunRecord) -> ChangedRows:
        """See `CommittedRows`; only a run that took corrections reads what others left."""
        store = self._store(run)
        before = set(CarriedState.read(store.folder_of(run.seq - 1)).withdrawn)
        withdrawn = [origin for origin in store.withdrawn if origin not in before]
        earlier = RowStore(NightFolders.of(self.home).rows, run.seq - 1)
        withdrawn_rows = [store.of_origins(withdrawn), earlier.open_of_origins(withdrawn)]
        return ChangedRows(store.written_rows(), frozenset(row_names(pl.concat(withdrawn_rows))))

    def settled_rows(self, run: RunRecord, runs: Iterable[int], names: Collection[str]) -> pl.DataFrame:
        """See `CommittedRows`."""
        # Filtered by origin first, for which a file has statistics.
        origins = sorted({name.rpartition(":")[0] for name in names})
        row_filter = pl.col("origin").is_in(origins) & _NAME.is_in(sorted(names))
        return self._store(run).settled_in(runs, row_filter)

    def of_institutions(self, run: RunRecord, institutions: Sequence[str]) -> pl.DataFrame:
        """See `CommittedRows`."""
        return self._store(run).of_institutions(institutions)

    def all_rows(self, run: RunRecord, columns: Sequence[str]) -> pl.DataFrame:
        """See `CommittedRows`."""
        return all_rows(self.home, run, columns)

    def _store(self, run: RunRecord) -> RowStore:
        rows = NightFolders.of(self.home).rows
        return RowStore(rows, run.seq, CarriedState.read(rows / f"{run.seq:06d}").withdrawn)


_NAME = pl.format("{}:{}", "origin", "ordinal")


def row_names(rows: pl.DataFrame) -> list[str]:
    """The permanent name of each row."""
    return rows.select(_NAME.alias("name"))["name"].to_list()
