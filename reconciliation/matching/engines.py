"""The engines on which the kernel runs: DuckDB with bounded memory, and Polars as the fast path.

DuckDB is the reference: it spills to disk inside its memory limit. Polars must give the same digest, which
a test and every run check. PostgreSQL stays the book of record and is no matcher.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import ibis
import polars as pl

from reconciliation.digests import sha256_of_frame
from reconciliation.matching.kernel import COLUMNS, judged
from reconciliation.rows import KEY

MEMORY_LIMIT = "512MB"
Sources = Mapping[str, pl.DataFrame]


class Engine(Protocol):
    """Somewhere to run the kernel."""

    @property
    def name(self) -> str:
        """Which engine it is."""
        ...

    def judge(self, sources: Sources) -> pl.DataFrame:
        """The groups of the sources `ledger` and `file` with their verdicts, in no particular order."""
        ...


def kernel_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """What the kernel needs of canonical rows that have `due`."""
    return rows.with_columns(is_rejected=pl.col("rejected").is_not_null()).select(COLUMNS)


def digest(groups: pl.DataFrame) -> str:
    """SHA-256 of the groups whatever their order, the proof that two engines agree."""
    return sha256_of_frame(groups, sorted(groups.columns))


def _plain(groups: pl.DataFrame) -> pl.DataFrame:
    """The same types from every engine."""
    numbers = [name for name, kind in groups.schema.items() if kind.is_integer() and name not in KEY]
    return groups.with_columns(pl.col(numbers).cast(pl.Int64), pl.col("direction").cast(pl.Int8)).select(
        sorted(groups.columns)
    )


class DuckDbEngine:
    """DuckDB in process: a memory limit, a folder to spill to, no promise about order."""

    name = "duckdb"

    def __init__(self, spill: Path, memory_limit: str = MEMORY_LIMIT) -> None:
        """Open a database in memory that may spill to `spill`."""
        self._connection: Any = ibis.duckdb.connect(
            memory_limit=memory_limit, temp_directory=str(spill), preserve_insertion_order=False
        )

    def judge(self, sources: Sources) -> pl.DataFrame:
        """See `Engine`."""
        expression = judged(self._tables(sources))
        return _plain(self._connection.to_polars(expression))

    def sql(self, sources: Sources) -> str:
        """The SQL that the kernel becomes here, kept with a run as evidence."""
        return str(ibis.to_sql(judged(self._tables(sources)), dialect="duckdb"))

    def _tables(self, sources: Sources) -> dict[str, Any]:
        return {
            # An Arrow table is read where it lies; nothing is copied into the engine.
            name: ibis.memtable(frame.to_arrow())
            for name, frame in sources.items()
        }

    def close(self) -> None:
        """Give memory and files back."""
        self._connection.disconnect()


@dataclass(frozen=True, slots=True)
class PolarsEngine:
    """Polars, lazily: the fast path where a night fits into memory."""

    name: str = "polars"

    def judge(self, sources: Sources) -> pl.DataFrame:
        """See `Engine`."""
        connection = ibis.polars.connect({name: frame.lazy() for name, frame in sources.items()})
        expression = judged({name: connection.table(name) for name in sources})
        return _plain(connection.to_polars(expression))
