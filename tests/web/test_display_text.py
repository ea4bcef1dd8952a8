"""Names and texts of others, as they may be shown (T59)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.web.display_text import LENGTH_MAX, displayable_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  two\n\tsaris\r\n ", "two saris"),
        ("pay\u202egnp.exe", "paygnp.exe"),
        ("\u2066shop\u2069\u200f", "shop"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("private\ue000use", "privateuse"),
        ("ক্\u200dষ ক্\u200cষ", "ক্\u200dষ ক্\u200cষ"),
        ("e\u0301", "é"),
        ("", ""),
    ],
)
def test_what_moves_or_hides_text_is_taken_out_and_bangla_stays(text: str, shown: str) -> None:
    assert displayable_text(text) == shown


def test_marks_do_not_pile_up() -> None:
    piled = displayable_text("b" + "\u0336" * 50)
    assert len(piled) == 5


def test_a_long_text_is_cut_where_it_can_be_seen() -> None:
    assert displayable_text("x" * 10_000) == "x" * (LENGTH_MAX - 1) + "…"


@given(st.text())
def test_whatever_comes_is_short_composed_and_visible(text: str) -> None:
    shown = displayable_text(text)
    assert len(shown) <= LENGTH_MAX
    assert displayable_text(shown) == shown
    kinds = {unicodedata.category(letter) for letter in shown if letter not in "\u200c\u200d"}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
