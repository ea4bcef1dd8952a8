import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.errors import CurrencyMismatchError, MalformedAmountError
from ekpay_switch.domain.money import (
    ZERO,
    Money,
    format_taka,
    grouped_taka,
    parse_taka,
    percent_half_up,
    total,
)

PAISA = st.integers(min_value=0, max_value=10**15 - 1)
ANY_SIGN = st.integers(min_value=-(10**15), max_value=10**15)


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("0", 0),
        ("1250", 125_000),
        ("1250.5", 125_050),
        ("1250.50", 125_050),
        ("0.01", 1),
        ("007", 700),
        ("9999999999999.99", 999_999_999_999_999),
    ],
)
def test_taka_with_at_most_two_decimals_is_read(text: str, minor: int) -> None:
    assert parse_taka(text) == Money(minor)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "NaN",
        "nan",
        "Infinity",
        "-inf",
        "1e3",
        "1E3",
        "১২৫০",
        "1২50",
        "-5",
        "+5",
        "\u22125",
        "1.234",
        "1.",
        ".5",
        "1,250",
        "1_250",
        "1 250",
        " 5",
        "5 ",
        "5\n",
        "0x10",
        "5.0.0",
        "12345678901234",
        "১.50",
        "\u0665",
        "five",
        "5 BDT",
        "1.5e0",
        "None",
    ],
)
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(MalformedAmountError):
        parse_taka(text)


@pytest.mark.parametrize("text", ["9" * 5_000, "0" * 5_000, "1." + "0" * 5_000])
def test_five_thousand_digits_are_refused_like_any_other_slip(text: str) -> None:
    # int() itself refuses more than 4,300 digits, by a ValueError that nobody would expect here.
    with pytest.raises(MalformedAmountError):
        parse_taka(text)


@given(PAISA)
def test_an_amount_survives_being_written_and_read(minor: int) -> None:
    assert parse_taka(format_taka(minor)) == Money(minor)


@given(st.text(max_size=20))
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    try:
        money = parse_taka(text)
    except MalformedAmountError:
        return
    assert text.isascii()
    assert money.minor >= 0
    assert parse_taka(format_taka(money.minor)) == money


def test_a_negative_amount_is_written_with_its_sign_in_front() -> None:
    assert format_taka(-5) == "-0.05"
    assert format_taka(-125_050) == "-1250.50"


def test_money_says_its_currency() -> None:
    assert str(Money(125_050)) == "1250.50 BDT"


@given(ANY_SIGN, ANY_SIGN)
def test_subtraction_undoes_addition(one: int, other: int) -> None:
    assert Money(one) + Money(other) - Money(other) == Money(one)


def test_two_currencies_never_meet_in_one_sum() -> None:
    with pytest.raises(CurrencyMismatchError, match="BDT and USD"):
        _ = Money(1) + Money(1, "USD")
    with pytest.raises(CurrencyMismatchError):
        _ = Money(1) - Money(1, "USD")
    with pytest.raises(CurrencyMismatchError):
        total([Money(1), Money(1, "USD")])


def test_equal_numbers_of_two_currencies_are_not_equal() -> None:
    assert Money(1) != Money(1, "USD")


@given(st.lists(ANY_SIGN))
def test_a_total_loses_no_paisa(parts: list[int]) -> None:
    assert total(Money(part) for part in parts) == Money(sum(parts))


def test_nothing_at_all_totals_zero() -> None:
    assert total([]) == ZERO
    assert total([], "USD") == Money(0, "USD")


@pytest.mark.parametrize(
    ("minor", "basis_points", "share"),
    [
        (100, 1_500, 15),
        (10, 1_500, 2),
        (9, 1_500, 1),
        (3, 1_500, 0),
        (1, 5_000, 1),
        (0, 1_500, 0),
        (7, 10_000, 7),
    ],
)
def test_half_a_paisa_is_rounded_up(minor: int, basis_points: int, share: int) -> None:
    assert percent_half_up(minor, basis_points) == share


@given(PAISA, st.integers(min_value=0, max_value=10_000))
def test_a_share_is_never_more_than_half_a_paisa_off(minor: int, basis_points: int) -> None:
    exact_times_20000 = 2 * minor * basis_points
    assert -10_000 < percent_half_up(minor, basis_points) * 20_000 - exact_times_20000 <= 10_000


@pytest.mark.parametrize(
    ("paisa", "text"),
    [
        (0, "0.00"),
        (-1, "-0.01"),
        (99_999, "999.99"),
        (100_000, "1,000.00"),
        (12_345_678, "1,23,456.78"),
        (-1_234_567_890, "-1,23,45,678.90"),
    ],
)
def test_taka_are_grouped_by_lakh_and_crore(paisa: int, text: str) -> None:
    assert grouped_taka(paisa) == text
