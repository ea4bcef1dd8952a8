"""Our lines of one institution out of Parquet, where filling the books would outlast the bench."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.reconcile_books import DAY, payments
from reconciliation.matching.lines import canonical, seen

_SIGHT = ("window_id", "ordinal", "reference", "gross", "net", "direction", "status", "currency")
_MIDNIGHT = datetime.combine(DAY, datetime.min.time(), UTC) - timedelta(hours=6)


def write_lines(path: Path, first: int, rows: int) -> None:
    """The lines as the database answers them, numbered from 1."""
    nothing = pl.lit(None, pl.Int16)
    payments(first, first + rows - 1).select(
        "reference",
        "theirs",
        "gross",
        "fee",
        "net",
        window_id=pl.lit(1, pl.Int64),
        ordinal=pl.int_range(1, pl.len() + 1, dtype=pl.Int32),
        direction=nothing,
        status=nothing,
        currency=pl.lit(None, pl.String),
        business_date=pl.lit(DAY),
        ours=pl.col("reference"),
        vat=pl.lit(0, pl.Int64),
        instant=pl.lit(_MIDNIGHT).dt.cast_time_unit("us")
        + pl.duration(milliseconds=pl.col("number") % 86_000_000),
        own_origin=pl.lit(""),
    ).write_parquet(path)


class ParquetLines:
    """See `reconciliation.matching.lines.Lines`."""

    def __init__(self, path: Path, institution: str) -> None:
        self._path = path
        self._institution = institution

    def at_sight(self) -> pl.DataFrame:
        """See `Lines`."""
        return seen(pl.read_parquet(self._path, columns=list(_SIGHT)), self._institution)

    def whole(self, places: pl.DataFrame) -> pl.DataFrame:
        """See `Lines`."""
        wanted = pl.col("ordinal").is_in(places["ordinal"].implode())
        return canonical(pl.scan_parquet(self._path).filter(wanted).collect(), self._institution)

    def bearing(self, names: Sequence[str]) -> pl.DataFrame:
        """See `Lines`."""
        wanted = pl.col("theirs").is_in(pl.Series(names, dtype=pl.String).implode())
        return canonical(pl.scan_parquet(self._path).filter(wanted).collect(), self._institution)
