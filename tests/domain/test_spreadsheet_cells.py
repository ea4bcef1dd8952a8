"""Texts of others in cells: a spreadsheet takes none of them for a formula."""

import pytest

from ekpay_switch.domain.spreadsheet_cells import without_formula

HOSTILE = ("=1+1", "+8801", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1")
WIDE = ("\uff1d1", "\uff0b1", "\uff0d1", "\uff20A")


@pytest.mark.parametrize("text", [*HOSTILE, *WIDE])
def test_what_begins_like_a_formula_is_text(text: str) -> None:
    assert without_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "DESCO", "1-2", "'=1", "রাহেলা", "{=1}"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert without_formula(text) == text
