"""The kernel on engines for more rows than one machine holds: ClickHouse and Spark, each in this process.

They prove that the kernel runs on more than one machine (ADR 0059); no night and no command needs them.
Each takes the SQL that Ibis writes for its dialect. They come with the optional extra `scale` and are
imported when an engine is made. Spark asks for Java.
"""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
from typing_extensions import override

from reconciliation.matching.compiled_kernel import Question, sql_of
from reconciliation.matching.engines import Sources, SqlEngine, normalise

_CLICKHOUSE = "clickhouse"
_SPARK = "pyspark"


class ClickHouseEngine(SqlEngine):
    """ClickHouse inside this process (chDB), over Parquet files in a folder that the caller clears."""

    name = _CLICKHOUSE

    def __init__(self, folder: Path) -> None:
        """Start it; ImportError without the extra."""
        import chdb  # noqa: PLC0415 - optional

        self._chdb: ModuleType = chdb
        self._folder = folder

    @override
    def _answer(self, question: Question, sources: Sources) -> pl.DataFrame:
        views = "".join(
            f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM file('{path}', Parquet);\n"  # noqa: S608
            for name, path in _as_parquet(sources, self._folder).items()
        )
        answer = self._folder / "answer.parquet"
        answer.unlink(missing_ok=True)
        into = f"INSERT INTO FUNCTION file('{answer}', Parquet) {sql_of(question, _CLICKHOUSE)};"
        self._chdb.query(views + into)
        return normalise(pl.read_parquet(answer))


class SparkEngine(SqlEngine):
    """Spark on this machine's cores, over Parquet files in a folder that the caller clears."""

    name = _SPARK

    def __init__(self, folder: Path) -> None:
        """Start a session; ImportError without the extra."""
        from pyspark.sql import SparkSession  # noqa: PLC0415 - optional

        builder = SparkSession.builder.master("local[*]").appName("reconciliation")
        self._session: Any = builder.config("spark.ui.enabled", "false").getOrCreate()
        self._folder = folder

    @override
    def _answer(self, question: Question, sources: Sources) -> pl.DataFrame:
        for name, path in _as_parquet(sources, self._folder).items():
            self._session.read.parquet(str(path)).createOrReplaceTempView(name)
        answer = self._folder / "answer"
        self._session.sql(sql_of(question, _SPARK)).write.mode("overwrite").parquet(str(answer))
        return normalise(pl.read_parquet(answer / "*.parquet"))

    def close(self) -> None:
        """End the session."""
        self._session.stop()


def _as_parquet(sources: Sources, folder: Path) -> Mapping[str, Path]:
    paths = {name: folder / f"{name}.parquet" for name in sources}
    for name, path in paths.items():
        sources[name].write_parquet(path)
    return paths
