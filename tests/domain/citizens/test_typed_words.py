"""What people type is kept without what nobody sees, on one line or on several."""

import pytest

from ekpay_switch.domain.citizens.typed_words import lines, single_line


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        (" \t\u00a0\n ", ""),
        ("  Paid \t on\u00a0Monday\r\n", "Paid on Monday"),
        ("one\ntwo\u2028three", "one two three"),
        ("a\u202eb\u0000c\u001b[31m\u009b\ufeff", "abc[31m"),
        ("র\u200d্যাব ক\u200cখ", "র\u200d্যাব ক\u200cখ"),
        ("a\ud800b", "ab"),
    ],
)
def test_a_single_line_has_single_blanks_and_nothing_invisible(typed: str, kept: str) -> None:
    assert single_line(typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("\n \r\n\t", ""),
        ("\n\n  Paid  twice.\r\n \r\n\n\u200b\nOn Monday.\r", "Paid twice.\n\nOn Monday."),
        ("one\ntwo\u2028three", "one\ntwo\nthree"),
        ("\u202eone\n\u001b[2Jtwo", "one\n[2Jtwo"),
        ("র\u200d্যাব\nক\u200cখ", "র\u200d্যাব\nক\u200cখ"),
    ],
)
def test_lines_stay_lines_and_empty_ones_stand_single_and_at_no_end(typed: str, kept: str) -> None:
    assert lines(typed) == kept
