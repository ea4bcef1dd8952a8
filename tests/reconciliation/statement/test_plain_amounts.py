"""What is written plainly is read at once, and comes to the same as by the full rule."""

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciliation.statement.values.amounts import Grouping, Sign, Unit, paisa
from reconciliation.statement.values.plain_amounts import read_amounts

TEXTS = st.lists(
    st.text(alphabet="0123456789,.-+ ()CRDTk\u09ed\u0661_e", max_size=18)
    | st.from_regex(r"-?[0-9]{1,15}(\.[0-9]{2})?", fullmatch=True)
    | st.from_regex(r"-?[0-9]{1,2}(,[0-9]{2}){0,3},[0-9]{3}\.[0-9]{2}", fullmatch=True),
    max_size=8,
)


@settings(max_examples=400, deadline=None)
@given(
    TEXTS,
    st.sampled_from(["taka", "paisa"]),
    st.sampled_from(["none", "lakh", "thousand"]),
    st.sampled_from(["plain", "minus", "crdr", "brackets"]),
)
@example(
    ["99999999999999", "9999999999999", "12345678901.23", "-1.00", "0000000000001.00"],
    "paisa",
    "none",
    "minus",
)
@example(["12,34,567.00", "1,234,567.00", "1234.00", "12,3.00", ",123.00"], "taka", "lakh", "plain")
def test_both_ways_come_to_the_same(texts: list[str], unit: Unit, grouping: Grouping, sign: Sign) -> None:
    cells = pl.Series("amount", texts, pl.String)
    full = cells.to_frame().select(paisa(pl.col("amount"), unit, grouping, sign)).to_series()
    assert read_amounts(cells, unit, grouping, sign).to_list() == full.to_list()


@pytest.mark.parametrize("text", ["1,234.50", "-1,234.50"])
def test_amounts_keep_their_sign_and_paisa(text: str) -> None:
    read = read_amounts(pl.Series("amount", [text, " 7", None]), "taka", "thousand", "minus")
    assert read.to_list() == [123_450 if text[0] == "1" else -123_450, 700, None]
