"""References of rows that all have ours: taken over at once, and the same as found row by row."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.canonical_row import complete, no_rows
from reconciliation.matching.reference_keys import with_references

TEXT = st.text(alphabet="aB1~: ", max_size=3)
NAMES = st.tuples(TEXT, TEXT)


def told(names: list[tuple[str, str]]) -> pl.DataFrame:
    schema = {"ours": pl.String(), "theirs": pl.String()}
    rows = pl.DataFrame(names, schema=schema, orient="row")
    return complete(rows.with_columns(origin=pl.lit("file"), ordinal=pl.int_range(1, pl.len() + 1)))


@given(st.lists(NAMES, max_size=6))
def test_one_row_without_a_name_changes_no_reference_of_others(names: list[tuple[str, str]]) -> None:
    alone = with_references(told(names), no_rows())
    beside = with_references(told([*names, ("", "")]), no_rows())
    assert alone.equals(beside.head(len(names)))
    assert beside["reference"][-1] == f"~file:{len(names) + 1}"
