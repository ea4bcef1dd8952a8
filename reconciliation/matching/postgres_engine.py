"""The kernel on PostgreSQL: not used by nights, an independent check that shares no code with the other two.

Rows come by ADBC into temporary tables, the answer goes back by ADBC.
"""

import polars as pl

from reconciliation.canonical_row import KEY
from reconciliation.matching.compiled_kernel import QUESTIONS, Question, columns_of, sql_of
from reconciliation.matching.engines import Sources, normalise, unsettled_question
from reconciliation.postgres_arrow import Database

_TEXT = (*KEY, "ledger_currency_first", "ledger_currency_last", "file_currency_first", "file_currency_last")


class PostgresEngine:
    """A database whose role may make temporary tables; it holds one connection while it judges."""

    name = "postgres"

    def __init__(self, url: str) -> None:
        """Remember the libpq URL; nothing is opened yet."""
        self._url = url

    def unsettled_families(self, sources: Sources) -> pl.DataFrame:
        """See `Engine`."""
        return self._answer(unsettled_question(sources), sources)

    def judge(self, sources: Sources) -> pl.DataFrame:
        """See `Engine`."""
        return self._answer("judged", sources)

    def sql(self) -> str:
        """See `Engine`."""
        return "".join(f"-- {question}\n{_narrowed(question)};\n" for question in QUESTIONS)

    def _answer(self, question: Question, sources: Sources) -> pl.DataFrame:
        with Database(self._url) as database:
            for name, frame in sources.items():
                database.create_temporary(name, frame)
                database.update(f"ANALYZE pg_temp.{name}")
            return normalise(database.query(_narrowed(question)))


def _narrowed(question: Question) -> str:
    """The statement with its sums as `bigint`: here a sum of `bigint` is `numeric`."""
    texts = {*_TEXT, "verdict"}
    columns = ", ".join(
        name if name in texts else f"{name}::bigint AS {name}" for name in columns_of(question)
    )
    return f"SELECT {columns} FROM ({sql_of(question, 'postgres')}) AS answer"  # noqa: S608 - our own names
