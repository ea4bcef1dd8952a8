"""The engines on which the kernel runs: DuckDB with bounded memory, and Polars as the fast path.

DuckDB is the reference: it spills to disk inside its memory limit. Polars must give the same digest, which a
test and every run check; the tests prove it on PostgreSQL, ClickHouse and Spark too. Heavy modules are
imported by the engine that needs them, when it first runs.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from reconciliation.canonical_row import FAMILY, KEY
from reconciliation.digests import sha256_of_frame

if TYPE_CHECKING:
    from reconciliation.matching.compiled_kernel import Question

MEMORY_LIMIT = "512MB"
Sources = Mapping[str, pl.DataFrame]


class Engine(Protocol):
    """Somewhere to run the kernel."""

    @property
    def name(self) -> str:
        """Which engine it is."""
        ...

    def unsettled_families(self, sources: Sources) -> pl.DataFrame:
        """The families of the sources `ledger` and `file` that are not settled at first sight, in any order.

        Sources of one institution may lack the column `institution`; then so does the answer.
        """
        ...

    def judge(self, sources: Sources) -> pl.DataFrame:
        """The groups of the sources `ledger` and `file` with their verdicts, in no particular order."""
        ...

    def sql(self) -> str:
        """What the kernel becomes here, kept with a run as evidence."""
        ...


def kernel_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """What the kernel needs of canonical rows; `judge` needs `due` too, which they may have beside."""
    columns = [*KEY, "status", "gross", "net", "currency", *({"due"} & {*rows.columns})]
    return rows.select(*columns, is_rejected=pl.col("rejected").is_not_null())


def digest(groups: pl.DataFrame) -> str:
    """SHA-256 of the groups whatever their order, the proof that two engines agree."""
    return sha256_of_frame(groups, sorted(groups.columns))


def unsettled_question(sources: Sources) -> "Question":
    """The query for unsettled families: of many institutions, or of one where no source has the column."""
    return "unsettled" if "institution" in sources["ledger"].columns else "unsettled_in_one"


def normalise(answer: pl.DataFrame) -> pl.DataFrame:
    """The answer with the same column types and order from every engine."""
    if answer.width <= len(FAMILY):
        return answer.select(name for name in FAMILY if name in answer.columns)
    numbers = [name for name, kind in answer.schema.items() if kind.is_numeric() and name not in KEY]
    return answer.with_columns(pl.col(numbers).cast(pl.Int64), pl.col("direction").cast(pl.Int8)).select(
        sorted(answer.columns)
    )


class SqlEngine(ABC):
    """An engine that answers each question in SQL of its dialect, which is its name (`Engine`)."""

    name: str

    def unsettled_families(self, sources: Sources) -> pl.DataFrame:
        """See `Engine`."""
        return self._answer(unsettled_question(sources), sources)

    def judge(self, sources: Sources) -> pl.DataFrame:
        """See `Engine`."""
        return self._answer("judged", sources)

    def sql(self) -> str:
        """See `Engine`."""
        from reconciliation.matching.compiled_kernel import sql  # noqa: PLC0415 - heavy

        return sql(self.name)

    @abstractmethod
    def _answer(self, question: "Question", sources: Sources) -> pl.DataFrame:
        """The answer to one question about the sources, by `normalise`."""


class DuckDbEngine(SqlEngine):
    """DuckDB in process: a memory limit, a folder to spill to, no promise about order."""

    name = "duckdb"

    def __init__(self, spill: Path, memory_limit: str = MEMORY_LIMIT) -> None:
        """Remember where to spill to and how much memory to take; a database is opened when it is asked."""
        self._config: dict[str, Any] = {
            "memory_limit": memory_limit,
            "temp_directory": str(spill),
            "preserve_insertion_order": False,
        }
        self._opened: Any = None

    @property
    def _connection(self) -> Any:  # noqa: ANN401 - its module is imported here and nowhere above
        if self._opened is None:
            import duckdb  # noqa: PLC0415 - heavy

            self._opened = duckdb.connect(config=self._config)
        return self._opened

    def _answer(self, question: "Question", sources: Sources) -> pl.DataFrame:
        from reconciliation.matching.compiled_kernel import sql_of  # noqa: PLC0415 - heavy

        for name, frame in sources.items():
            # An Arrow table is read where it lies; nothing is copied into the engine.
            self._connection.register(name, frame.to_arrow())
        try:
            return normalise(self._connection.sql(sql_of(question, self.name)).pl())
        finally:
            for name in sources:
                self._connection.unregister(name)

    def close(self) -> None:
        """Give memory and files back."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


@dataclass(frozen=True, slots=True)
class PolarsEngine:
    """Polars, streaming: the fast path where the rows of an institution fit into memory."""

    name: str = "polars"

    def unsettled_families(self, sources: Sources) -> pl.DataFrame:
        """See `Engine`."""
        return self._answer(unsettled_question(sources), sources)

    def judge(self, sources: Sources) -> pl.DataFrame:
        """See `Engine`."""
        return self._answer("judged", sources)

    def sql(self) -> str:
        """The query in the dialect of DuckDB: Polars has no SQL of its own."""
        from reconciliation.matching.compiled_kernel import sql  # noqa: PLC0415 - heavy

        return sql("duckdb")

    @staticmethod
    def _answer(question: "Question", sources: Sources) -> pl.DataFrame:
        from reconciliation.matching.compiled_kernel import polars_answer  # noqa: PLC0415 - heavy

        return normalise(polars_answer(question, sources))
