"""The kernel compiled: as the SQL of a dialect, without any connection, and by Polars.

This module is heavy; engines import it when they first run.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from threading import Lock
from typing import Any, Final, Literal

import ibis
import polars as pl
from polars.io.plugins import register_io_source

from reconciliation.matching.kernel import COLUMNS, judged_groups, unsettled_families

Question = Literal["unsettled", "unsettled_in_one", "judged"]
QUESTIONS: Final[Mapping[Question, Callable[[Mapping[str, Any]], Any]]] = {
    "unsettled": unsettled_families,
    "unsettled_in_one": unsettled_families,
    "judged": judged_groups,
}
_SOURCES: Final = ("ledger", "file")
# Every column stays nullable: with columns that are not, some dialects refuse the union.
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
    """The query over unbound tables `ledger` and `file`."""
    left_out = {"institution"} if question == "unsettled_in_one" else set()
    schema = {column: _KINDS[column] for column in COLUMNS if column not in left_out}
    return QUESTIONS[question]({name: ibis.table(schema, name=name) for name in _SOURCES})


@cache
def sql_of(question: Question, dialect: str) -> str:
    """One statement in a dialect that Ibis writes."""
    return str(ibis.to_sql(_expression(question), dialect=dialect))


def sql(dialect: str) -> str:
    """Every statement of a run, as stored with it for evidence."""
    return "".join(f"-- {question}\n{sql_of(question, dialect)};\n" for question in QUESTIONS)


def polars_answer(question: Question, sources: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The question about frames, answered by Polars."""
    schemas = tuple((name, tuple(frame.schema.items())) for name, frame in sources.items())
    with _ONE_AT_A_TIME:
        try:
            _FRAMES.update(sources)
            return _plan(question, schemas).collect(engine="streaming")
        finally:
            # The frames must not stay in memory until the next query.
            _FRAMES.clear()


# Compiling a query takes as long as running it on ten thousand rows, so plans are cached and read from here.
_FRAMES: Final[dict[str, pl.DataFrame]] = {}
_ONE_AT_A_TIME: Final = Lock()
# Rows that a plan takes at a time, so that its threads have something each.
_SLICE_ROWS: Final = 100_000


@cache
def _plan(question: Question, schemas: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]) -> pl.LazyFrame:
    """The plan of a question about whatever `_ASKED` holds in these schemas."""
    connection = _POLARS.connect({name: _frame_source(name, pl.Schema(schema)) for name, schema in schemas})
    plan: pl.LazyFrame = connection.compile(_expression(question))
    return plan


def _frame_source(name: str, schema: pl.Schema) -> pl.LazyFrame:
    def slices(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        frame = _FRAMES[name].head(rows) if rows is not None else _FRAMES[name]
        frame = frame.select(columns) if columns is not None else frame
        for part in frame.iter_slices(_SLICE_ROWS):
            yield part if predicate is None else part.filter(predicate)

    return register_io_source(slices, schema=schema)
