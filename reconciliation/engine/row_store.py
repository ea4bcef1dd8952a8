"""The store of rows between nights, in a folder: the open and the settled rows of each run.

A run reads the open rows, and settled rows only of families that new rows name. Each run writes one folder of
its own: a row that is judged again is written again, and the newest version counts. So a killed run changes
nothing.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from reconciliation.canonical_row import FAMILY, IDENTITY, LEDGER, OPEN, SCHEMA, complete, no_rows

_VERSION = "version"
_OPEN = "open.parquet"
_SETTLED = "settled.parquet"
# How many files are scanned together; more would only take more memory.
_AT_ONCE = 8


# Rows that were stored before a column was added lack it, and have null there.
_STORED: Final = {**SCHEMA, _VERSION: pl.Int32()}


def scan_settled(paths: list[Path] | list[str], *, path_column: str | None = None) -> pl.LazyFrame:
    """The settled rows of some runs, whatever columns their day had."""
    return pl.scan_parquet(
        paths, schema=_STORED, missing_columns="insert", include_file_paths=path_column, glob=False
    )


def sync_to_disk(path: Path) -> None:
    """Write a file or the entries of a folder through to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class RowStore:
    """The rows of all runs up to `last`; `withdrawn` are origins whose rows no longer count."""

    def __init__(self, folder: Path, last: int = 0, withdrawn: Iterable[str] = ()) -> None:
        self._folder = folder
        self.last = last
        self.withdrawn: list[str] = list(withdrawn)
        folder.mkdir(parents=True, exist_ok=True)

    def folder_of(self, run: int) -> Path:
        """The folder with the rows of a run."""
        return self._folder / f"{run:06d}"

    def discard_beyond(self) -> None:
        """Delete the folders of runs that were never committed."""
        for path in self._folder.iterdir():
            if not path.name.isdecimal() or int(path.name) > self.last:
                shutil.rmtree(path)

    def open_rows(self) -> pl.DataFrame:
        """The open rows after the last run."""
        path = self.folder_of(self.last) / _OPEN
        return self._that_count(complete(pl.read_parquet(path))) if path.exists() else no_rows()

    def of_families(self, families: pl.DataFrame) -> pl.DataFrame:
        """Settled rows of these families, each as it was last written."""
        return self._settled(families, FAMILY)

    def of_origins(self, origins: Sequence[str]) -> pl.DataFrame:
        """Settled rows that came from these files or payouts, whether they still count or not."""
        if not origins or not self._paths():
            return no_rows()
        rows = self._scan().filter(pl.col("origin").is_in(origins)).collect(engine="streaming")
        return self._newest(rows)

    def open_of_origins(self, origins: Sequence[str]) -> pl.DataFrame:
        """Open rows that came from these files or payouts, whether they still count or not."""
        path = self.folder_of(self.last) / _OPEN
        if not origins or not path.exists():
            return no_rows()
        return complete(pl.read_parquet(path)).filter(pl.col("origin").is_in(origins))

    def known_names(self, names: pl.DataFrame) -> pl.DataFrame:
        """Settled rows of ours that have one of these references of theirs."""
        rows = self._settled(names.unique(), ("institution", "direction", "theirs"))
        return rows.filter(pl.col("source") == LEDGER)

    def of_names(self, institution: str, names: Sequence[str]) -> pl.DataFrame:
        """Rows of one institution under one of these references, ours or theirs, open or settled."""
        keys = pl.DataFrame(
            {"institution": institution, "name": list(names)}, schema_overrides={"name": pl.String}
        )
        settled = [
            self._settled(keys.rename({"name": column}), ("institution", column))
            for column in ("ours", "theirs")
        ]
        is_named = pl.col("ours").is_in(names) | pl.col("theirs").is_in(names)
        still_open = self.open_rows().filter((pl.col("institution") == institution) & is_named)
        return latest_rows(latest_rows(*settled), still_open)

    def write_run(self, rows: pl.DataFrame) -> Path:
        """Write the rows of a run in a fixed order; returns their folder."""
        ordered = complete(rows).sort(IDENTITY)
        is_open = pl.col("verdict") == OPEN
        settled = ordered.filter(~is_open).with_columns(pl.lit(self.last + 1).alias(_VERSION))
        # Written beside and moved into place: a reader never sees half a run.
        unfinished = self._folder / "being-written"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for name, frame in ((_OPEN, ordered.filter(is_open)), (_SETTLED, settled)):
            frame.write_parquet(unfinished / name)
            sync_to_disk(unfinished / name)
        sync_to_disk(unfinished)
        place = self.folder_of(self.last + 1)
        unfinished.rename(place)
        sync_to_disk(self._folder)
        self.last += 1
        return place

    def all_rows(self, columns: Sequence[str] = ()) -> pl.DataFrame:
        """Every row that counts, once, with what became of it; only some columns where these are named."""
        selected = [name for name in SCHEMA if not columns or name in {*columns, *IDENTITY}]
        return self._rows_that_count(selected, pl.lit(value=True))

    def of_institution(self, institution: str) -> pl.DataFrame:
        """Every row of one institution that counts, once, with what became of it."""
        return self.of_institutions([institution])

    def of_institutions(self, institutions: Sequence[str]) -> pl.DataFrame:
        """Every row of these institutions that counts, once, with its verdict."""
        return self._rows_that_count(list(SCHEMA), pl.col("institution").is_in(institutions))

    def written_rows(self) -> pl.DataFrame:
        """The rows that the last run judged and that still count, and all open rows."""
        return pool_rows(self.settled_in([self.last]), self.open_rows(), no_rows())

    def settled_in(self, runs: Iterable[int], condition: pl.Expr | None = None) -> pl.DataFrame:
        """Rows that these runs settled and that still count, each in its newest version."""
        paths = [path for run in sorted(set(runs)) if (path := self.folder_of(run) / _SETTLED).exists()]
        if not paths:
            return no_rows()
        row_filter = pl.lit(value=True) if condition is None else condition
        return self._that_count(self._newest(scan_settled(paths).filter(row_filter).collect()))

    def _rows_that_count(self, columns: Sequence[str], condition: pl.Expr) -> pl.DataFrame:
        # Read one after the other in the order of their runs: what is later replaces what was before it.
        frames = [
            self._that_count(scan_settled([path]).filter(condition).select(columns).collect())
            for path in self._paths()
        ]
        return _latest(
            [no_rows().select(columns), *frames, self.open_rows().filter(condition).select(columns)]
        )

    def _paths(self) -> list[Path]:
        paths = (self.folder_of(run) / _SETTLED for run in range(1, self.last + 1))
        return [path for path in paths if path.exists()]

    def _scan(self) -> pl.LazyFrame:
        return scan_settled(self._paths())

    def _settled(self, keys: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
        if keys.is_empty():
            return no_rows()
        unique_keys = keys.lazy().unique()
        frames = [
            scan_settled([path]).join(unique_keys, on=list(on), how="semi").collect()
            for path in self._files_with(unique_keys, on)
        ]
        return self._that_count(self._newest(pl.concat(frames))) if frames else no_rows()

    def _files_with(self, keys: pl.LazyFrame, on: Sequence[str]) -> list[str]:
        """The files that have any of these rows; of the others only the key columns are read."""
        paths, having = self._paths(), []
        for begin in range(0, len(paths), _AT_ONCE):
            some = scan_settled(paths[begin : begin + _AT_ONCE], path_column="_path")
            hits = some.select(*on, "_path").join(keys, on=list(on), how="semi").select("_path").unique()
            having += hits.collect(engine="streaming")["_path"].to_list()
        return sorted(having)

    def _newest(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.sort(_VERSION).unique(IDENTITY, keep="last", maintain_order=True).drop(_VERSION)

    def _that_count(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(~pl.col("origin").is_in(self.withdrawn)) if self.withdrawn else rows


def latest_rows(earlier: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    """Rows of both, each once, as the later frame has it."""
    return _latest([earlier, later])


def _latest(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Rows of all, each once, as the last frame that has it says."""
    rows = pl.concat(frames)
    # Few rows are there twice; where none is, nothing needs to be copied.
    keys = rows.select(pl.struct(IDENTITY).hash().alias("key"))["key"]
    if keys.n_unique() == rows.height:
        return rows
    again = rows.filter(keys.is_duplicated())
    return pl.concat(
        [rows.filter(keys.is_unique()), again.unique(IDENTITY, keep="last", maintain_order=True)]
    )


def pool_rows(settled: pl.DataFrame, carried: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """One pool of rows, each once; what is carried or new counts before what was settled."""
    return latest_rows(latest_rows(settled, carried), new)
