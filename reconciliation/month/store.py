"""Rows between nights, in a folder: what is open, and what was settled in which night.

A night reads what is open, and of what was settled only the families that new rows name. Settled rows are
written once and never changed; a row that is judged again is written again, and the newest writing counts.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from reconciliation.rows import FAMILY, IDENTITY, LEDGER, OPEN, complete, no_rows

_VERSION = "version"


class Store:
    """The rows of all nights so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open_path = folder / "open.parquet"
        self.withdrawn: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def open_rows(self) -> pl.DataFrame:
        """What was carried over."""
        return self._counting(pl.read_parquet(self._open_path)) if self._open_path.exists() else no_rows()

    def of_families(self, families: pl.DataFrame) -> pl.DataFrame:
        """Settled rows of these families, each as it was last written."""
        return self._settled(families, FAMILY)

    def of_origins(self, origins: Sequence[str]) -> pl.DataFrame:
        """Settled rows that came from these files or payouts, whether they still count or not."""
        if not origins or not self._paths():
            return no_rows()
        return self._newest(self._scan().filter(pl.col("origin").is_in(origins)).collect())

    def known_names(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """Settled rows of ours that bear one of their names that are asked for."""
        rows = self._settled(wanted.unique(), ("institution", "direction", "theirs"))
        return rows.filter(pl.col("source") == LEDGER)

    def keep(self, version: int, rows: pl.DataFrame) -> None:
        """Write what a night decided; what is open replaces what was open before."""
        is_open = pl.col("verdict") == OPEN
        # Written beside and moved into place: a reader never sees half a file.
        written = self._folder / "open.new"
        complete(rows.filter(is_open)).write_parquet(written)
        written.replace(self._open_path)
        settled = complete(rows.filter(~is_open)).with_columns(pl.lit(version).alias(_VERSION))
        settled.write_parquet(self._folder / f"settled-{version:04d}.parquet")

    def everything(self) -> pl.DataFrame:
        """Every row that counts, once, with what became of it."""
        settled = self._newest(self._scan().collect()) if self._paths() else no_rows()
        return _once(self._counting(settled), self.open_rows())

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("settled-*.parquet"))

    def _scan(self) -> pl.LazyFrame:
        return pl.scan_parquet(self._paths())

    def _settled(self, wanted: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
        if wanted.is_empty() or not self._paths():
            return no_rows()
        found = self._scan().join(wanted.lazy().unique(), on=list(on), how="semi").collect()
        return self._counting(self._newest(found))

    def _newest(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.sort(_VERSION).unique(IDENTITY, keep="last", maintain_order=True).drop(_VERSION)

    def _counting(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(~pl.col("origin").is_in(self.withdrawn)) if self.withdrawn else rows


def _once(earlier: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([earlier, later]).unique(IDENTITY, keep="last", maintain_order=True)


def together(settled: pl.DataFrame, carried: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """One pool of rows, each once; what is carried or new counts before what was settled."""
    return _once(_once(settled, carried), new)
