"""PostgreSQL read by ADBC: rows come from the server as Arrow columns, never as objects.

The driver's own level is used: its DB-API would import pandas, half a second and a hundred megabytes that a
night has no use for.
"""

from types import TracebackType
from typing import Self

import adbc_driver_postgresql
import polars as pl
from adbc_driver_manager import AdbcConnection, AdbcStatement


class Database:
    """One connection to PostgreSQL by a libpq URL, open inside `with`; every statement commits by itself.

    Whatever the server or the driver refuses is raised as `adbc_driver_manager.Error`.
    """

    def __init__(self, url: str) -> None:
        """Connect."""
        self._database = adbc_driver_postgresql.connect(url)
        self._connection = AdbcConnection(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the server."""
        self._connection.close()
        self._database.close()

    def query(self, sql: str) -> pl.DataFrame:
        """The rows of a query. A sum of `bigint` must be cast: `numeric` has no column type here."""
        with AdbcStatement(self._connection) as statement:
            statement.set_sql_query(sql)
            stream, _ = statement.execute_query()
            return pl.DataFrame(stream)
