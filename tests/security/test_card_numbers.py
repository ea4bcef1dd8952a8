import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.security.card_numbers import (
    CARD_RANGES,
    is_identifier_of_a_card,
    mask_card_bytes,
    mask_card_numbers,
    mask_card_values,
)

# Test numbers that the schemes publish, by scheme.
CARDS = {
    "visa": "4111111111111111",
    "visa of 13": "4222222222222",
    "visa of 19": "4000000000000000006",
    "mastercard": "5555555555554444",
    "mastercard 2": "2223000048400011",
    "amex": "378282246310005",
    "diners": "30569309025904",
    "jcb": "3530111333300000",
    "discover": "6011111111111117",
    "discover 65": "6500000000000002",
    "unionpay": "6200000000000005",
    "unionpay of 19": "6205500000000000004",
    "unionpay 81": "8171999927660000",
}


def has_card_number(text: str) -> bool:
    return mask_card_numbers(text) != text


def with_check_digit(start: str) -> str:
    return next(f"{start}{digit}" for digit in range(10) if is_luhn(f"{start}{digit}"))


def is_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(sum(divmod(digit * 2, 10)) for digit in digits[1::2])) % 10 == 0


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_the_number_of_every_scheme_is_masked_wherever_it_stands(card: str) -> None:
    shown = mask_card_numbers(f"card {card}, thanks")
    assert card not in shown
    assert shown.startswith("card ")
    assert shown.endswith(f"{card[-4:]}, thanks")
    assert has_card_number(f"ref-{card}x")
    assert not has_card_number(shown)


def test_the_first_six_and_the_last_four_stay() -> None:
    assert mask_card_numbers("4111111111111111") == "411111******1111"
    assert mask_card_numbers("378282246310005") == "378282*****0005"


def test_of_a_short_number_only_the_last_four_stay() -> None:
    assert mask_card_numbers("4222222222222") == "*********2222"
    assert mask_card_numbers("30569309025904") == "**********5904"


@pytest.mark.parametrize(
    "written",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111 - 1111 - 1111 - 1111",
        "4111\u20131111\u20131111\u20131111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\n1111\n1111\n1111",
        "4111_1111/1111\u200b1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111 11111111 1111",
        "৪১১১১১১১১১১১১১১১",
        "৪১১১ ১১১১ ১১১১ ১১১১",
        "٤١١١١١١١١١١١١١١١",
        "४१११-११११-११११-११११",
        "4১1১ 1১1১ 1১1১ 1১1১",
        "\uff14\uff11\uff11\uff11" + "\uff11" * 12,
    ],
)
def test_digits_of_any_script_with_anything_between_them(written: str) -> None:
    shown = mask_card_numbers(f"<{written}>")
    assert sum(character == "*" for character in shown) == 6
    assert not has_card_number(shown)
    assert len(shown) == len(written) + 2


@pytest.mark.parametrize(
    "text",
    [
        "12 4111 1111 1111 1111 3",
        "qty 2 - 4111111111111111 - 2 pieces",
        "01712345678 4111111111111111",
        "4111111111111111 5555555555554444",
        "4111111111111111 4111111111111111 4111111111111111",
    ],
)
def test_numbers_beside_a_card_number_do_not_hide_it(text: str) -> None:
    shown = mask_card_numbers(text)
    assert "1111111111" not in shown
    assert "5555555555" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # no Luhn
        "411111111111",  # twelve digits
        "41111111111111111111",  # twenty
        "20241108181400",
        "1234567890128",  # passes Luhn, of no scheme
        "01712345678, 01812345678",
        "+8801712345678",
        "2024-11-08 18:14:00 GMT+6",
        "36.50, 12.00, 45.25, 30.00",
        "",
        "no number",
        "018f5c5e-7b1a-7c3e-9f10-4d2a6b8c0e12",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert mask_card_numbers(text) == text
    assert not has_card_number(text)


@pytest.mark.parametrize(
    "encoded",
    [
        json.dumps({"card": "৪১১১ ১১১১ ১১১১ ১১১১"}),
        "card=" + quote("4111 1111 1111 1111"),
        "card=" + quote("৪১১১১১১১১১১১১১১১"),
        "card=4111+1111+1111+1111&x=1",
        "<card>&#52;111&#x31;11111111111</card>",
        '{"card": 4111111111111111}',
    ],
)
def test_a_number_in_an_encoded_body_is_masked_in_its_encoding(encoded: str) -> None:
    shown = mask_card_bytes(encoded.encode())
    assert shown.count(b"*") == 6
    assert not has_card_number(shown.decode())


def test_bytes_that_are_no_text_stay_but_for_the_number() -> None:
    assert mask_card_bytes(b"\xff\xfe4111111111111111\x80") == b"\xff\xfe411111******1111\x80"
    assert mask_card_bytes(b"\xff\x00no number") == b"\xff\x00no number"


def test_values_are_masked_however_deep_and_names_of_ours_are_left_out() -> None:
    value = {
        "a": ["4111111111111111", 4111111111111111, None, True, 1.5, 42],
        "4111111111111111": "x",
        "reference": "4111111111111111",
    }
    assert mask_card_values(value, exact=frozenset({"reference"})) == {
        "a": ["411111******1111", "411111******1111", None, True, 1.5, 42],
        "411111******1111": "x",
        "reference": "4111111111111111",
    }


@pytest.mark.parametrize(
    "name", ["4111111111111111", "INV-5555555555554444", "6205500000000000004", "৪১১১১১১১১১১১১১১১"]
)
def test_an_identifier_with_a_card_number_is_known(name: str) -> None:
    assert is_identifier_of_a_card(name)


def test_an_identifier_that_reads_as_a_moment_is_a_moment() -> None:
    moment = with_check_digit("261129172155000")
    assert has_card_number(moment)
    assert not is_identifier_of_a_card(moment)
    assert is_identifier_of_a_card(with_check_digit("261329172155000"))


@pytest.mark.parametrize(
    "name", ["4222222222222", "4000000000000000006", "7", "1709272800", "a-17", "01712345678"]
)
def test_an_identifier_of_a_length_that_no_issuer_uses_today_passes(name: str) -> None:
    assert not is_identifier_of_a_card(name)


def test_an_identifier_in_the_form_of_a_uuid_passes() -> None:
    # Its digits between letters would be a card number.
    name = "018f5c5e-7b1a-4111-1111-11111111a111"
    assert has_card_number("a4111-1111-11111111a")
    assert not is_identifier_of_a_card(name)
    assert not is_identifier_of_a_card(name.replace("-", ""))


def test_every_range_is_in_order_and_has_its_lengths() -> None:
    for card_range in CARD_RANGES:
        assert len(card_range.first) == len(card_range.last)
        assert card_range.first <= card_range.last
        assert card_range.issued_lengths <= card_range.lengths <= set(range(13, 20))


@given(st.sampled_from(sorted(CARDS.values())), st.text(max_size=20), st.text(max_size=20))
def test_no_text_around_a_number_that_touches_it_with_no_digit_hides_it(
    card: str, before: str, after: str
) -> None:
    shown = mask_card_numbers(f"{before}|{card}|{after}")
    assert card not in shown
    assert mask_card_numbers(shown) == shown


@given(st.text(alphabet="0123456789 -.\u200b%u\\&#;x\u09ea", max_size=120))
def test_a_masked_text_holds_no_card_number(text: str) -> None:
    assert not has_card_number(mask_card_numbers(text))


def test_a_long_body_of_single_digits_costs_little() -> None:
    body = b"4 1" * 22_000
    started = time.process_time()
    mask_card_bytes(body)
    assert time.process_time() - started < 2
