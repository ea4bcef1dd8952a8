"""The kernel on PostgreSQL: a third engine that shares no code with the two of a night.

Rows come by ADBC into temporary tables, the answer goes back by ADBC.
"""

import polars as pl
from adbc_driver_manager import AdbcStatement
from typing_extensions import override

from reconciliation.matching.compiled_kernel import Question, sql_of
from reconciliation.matching.engines import Sources, SqlEngine, normalise
from reconciliation.postgres_arrow import Database

_DIALECT = "postgres"
_INTO_TEMPORARY = {"adbc.ingest.temporary": "true", "adbc.ingest.mode": "adbc.ingest.mode.create"}
_COLUMNS = """
SELECT attname AS name, atttypid = 'numeric'::regtype AS is_numeric FROM pg_attribute
WHERE attrelid = 'pg_temp.answer'::regclass ORDER BY attnum
"""


class PostgresEngine(SqlEngine):
    """A database whose role may make temporary tables; it holds one connection while it judges."""

    name = _DIALECT

    def __init__(self, url: str) -> None:
        """Remember the libpq URL; nothing is opened yet."""
        self._url = url

    @override
    def _answer(self, question: Question, sources: Sources) -> pl.DataFrame:
        with TemporaryTables(self._url) as database:
            for name, frame in sources.items():
                database.create_temporary(name, frame)
                database.update(f"ANALYZE pg_temp.{name}")
            database.update(f"CREATE TEMPORARY VIEW answer AS {sql_of(question, _DIALECT)}")
            # A sum of `bigint` is `numeric` here, which ADBC has no column type for.
            columns = ", ".join(
                f"{name}::bigint AS {name}" if is_numeric else name
                for name, is_numeric in database.query(_COLUMNS).iter_rows()
            )
            return normalise(database.query(f"SELECT {columns} FROM answer"))  # noqa: S608 - our own names


class TemporaryTables(Database):
    """One connection that can fill temporary tables; they end with it."""

    def create_temporary(self, table: str, frame: pl.DataFrame) -> None:
        """Make a temporary table of a frame, in its column order."""
        with AdbcStatement(self._connection) as statement:
            statement.set_options(**{"adbc.ingest.target_table": table}, **_INTO_TEMPORARY)
            statement.bind_stream(frame)
            statement.execute_update()

    def update(self, sql: str) -> None:
        """Run a statement that answers no rows."""
        with AdbcStatement(self._connection) as statement:
            statement.set_sql_query(sql)
            statement.execute_update()
