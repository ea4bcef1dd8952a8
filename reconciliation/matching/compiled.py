"""The kernel compiled: as the SQL of a dialect, without any connection, and by Polars.

This module is heavy; engines import it when they are first asked.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, Literal

import ibis
import polars as pl

from reconciliation.matching.kernel import COLUMNS, judged, unsettled

Question = Literal["unsettled", "unsettled_in_one", "judged"]
QUESTIONS: Final[Mapping[Question, Callable[[Mapping[str, Any]], Any]]] = {
    "unsettled": unsettled,
    "unsettled_in_one": unsettled,
    "judged": judged,
}
_SOURCES: Final = ("ledger", "file")
# Ibis takes every column as one that may be null; where it is told otherwise, some dialects refuse the union.
_KINDS: Final = {
    "institution": "string",
    "reference": "string",
    "direction": "int16",
    "status": "int16",
    "gross": "int64",
    "net": "int64",
    "currency": "string",
    "due": "int16",
    "is_rejected": "boolean",
}


# Loaded together with this module: looking a backend up takes a while.
_POLARS: Final[Any] = ibis.polars


@cache
def _expression(question: Question) -> Any:  # noqa: ANN401 - Ibis ships no types
    """The question over tables called `ledger` and `file` that no engine knows yet."""
    left_out = {"institution"} if question == "unsettled_in_one" else set()
    schema = {column: _KINDS[column] for column in COLUMNS if column not in left_out}
    return QUESTIONS[question]({name: ibis.table(schema, name=name) for name in _SOURCES})


@cache
def sql_of(question: Question, dialect: str) -> str:
    """One statement in a dialect that Ibis writes."""
    return str(ibis.to_sql(_expression(question), dialect=dialect))


def columns_of(question: Question) -> tuple[str, ...]:
    """The columns of the answer, in its order."""
    return tuple(_expression(question).columns)


def sql(dialect: str) -> str:
    """Every statement of a run, as they are kept with it for evidence."""
    return "".join(f"-- {question}\n{sql_of(question, dialect)};\n" for question in QUESTIONS)


def polars_answer(question: Question, sources: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The question about frames, answered by Polars."""
    connection = _POLARS.connect({name: frame.lazy() for name, frame in sources.items()})
    try:
        plan: pl.LazyFrame = connection.compile(_expression(question))
        return plan.collect(engine="streaming")
    finally:
        # A connection refers to itself; the frames must not wait until it is collected.
        for name in sources:
            connection.drop_table(name)
