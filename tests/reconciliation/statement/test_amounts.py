"""Every way of writing an amount that reconciliation.md 2.2 warns of."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.money import format_taka
from reconciliation.statement.values.amounts import Grouping, Sign, cell_of_double, paisa, paisa_of_decimal


def read(text: str, grouping: Grouping = "none", sign: Sign = "minus", unit: str = "taka") -> int | None:
    frame = pl.DataFrame({"text": [text]})
    value: int | None = frame.select(paisa(pl.col("text"), unit, grouping, sign)).item()  # type: ignore[arg-type]
    return value


def test_a_decimal_is_never_multiplied_as_a_float() -> None:
    assert read("1234.35") == 123_435
    assert int(1234.35 * 100) == 123_434


@pytest.mark.parametrize(
    ("text", "grouping", "sign", "expected"),
    [
        ("১২৩৪.৫৬", "none", "plain", 123_456),
        ("1,23,456.78", "lakh", "minus", 12_345_678),
        ("12,34,56,789.00", "lakh", "minus", 12_345_678_900),
        ("Tk 1,23,456.78", "lakh", "minus", 12_345_678),
        ("Tk -500.00", "lakh", "minus", -50_000),
        ("৳ 500", "none", "minus", 50_000),
        ("BDT 500.5", "none", "minus", 50_050),
        ("1,234,567.00", "thousand", "minus", 123_456_700),
        ("500.00 CR", "none", "crdr", 50_000),
        ("500.00 dr", "none", "crdr", -50_000),
        ("(500.00)", "none", "brackets", -50_000),
        ("500.00", "none", "brackets", 50_000),
        ("  000500.00  ", "none", "minus", 50_000),
        ("0.00", "none", "minus", 0),
        ("-0.01", "none", "minus", -1),
    ],
)
def test_ways_of_writing(text: str, grouping: Grouping, sign: Sign, expected: int) -> None:
    assert read(text, grouping, sign) == expected


@pytest.mark.parametrize(
    ("text", "grouping", "sign"),
    [
        ("", "none", "minus"),
        ("1,234.00", "none", "minus"),
        ("1,234,567.00", "lakh", "minus"),
        ("1,23,456.00", "thousand", "minus"),
        ("12.345", "none", "minus"),
        ("1e5", "none", "minus"),
        ("NaN", "none", "minus"),
        ("5.", "none", "minus"),
        ("500.00", "none", "crdr"),
        ("-500.00", "none", "plain"),
        ("--500.00", "none", "minus"),
        ("500.00 XX", "none", "crdr"),
        ("12345678901234", "none", "minus"),
        ("USD 5.00", "none", "minus"),
    ],
)
def test_what_is_no_amount_is_none(text: str, grouping: Grouping, sign: Sign) -> None:
    assert read(text, grouping, sign) is None


def test_paisa_have_no_decimals() -> None:
    assert read("000000003572833", unit="paisa") == 3_572_833
    assert read("35.00", unit="paisa") is None


@given(st.integers(min_value=-(10**14), max_value=10**14))
def test_taka_that_we_write_are_read_back(amount: int) -> None:
    assert read(format_taka(amount)) == amount


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("1234.35", "1234.35"),
        ("1234.3500000000001", "1234.35"),
        ("1234.3499999999999", "1234.35"),
        ("5", "5.00"),
    ],
)
def test_a_doubles_noise_is_rounded_away(cell: str, text: str) -> None:
    assert cell_of_double(cell) == text


@pytest.mark.parametrize("cell", ["1234.355", "1234.351", "text", ""])
def test_a_third_decimal_is_no_noise(cell: str) -> None:
    assert cell_of_double(cell) == cell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1234,35", 123_435),
        ("1234.35000", 123_435),
        ("0", 0),
        ("-5.5", -550),
        ("1.234", None),
        ("1,2,3", None),
        ("", None),
    ],
)
def test_decimals_of_message_standards(text: str, expected: int | None) -> None:
    assert paisa_of_decimal(text) == expected
