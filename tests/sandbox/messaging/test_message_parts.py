import pytest

from sandbox.messaging.message_parts import SmsType, parts_of, sms_type_of


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ক" * 70, 1),
        ("ক" * 71, 2),
        ("ক" * 134, 2),
        ("ক" * 135, 3),
        ("a" * 69 + "ক", 1),
        ("a" * 70 + "ক", 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("ক" * 1_000, 15),
    ],
)
def test_a_text_has_as_many_parts_as_its_alphabet_needs(body: str, parts: int) -> None:
    assert parts_of(body) == parts


def test_a_character_of_two_units_is_never_cut() -> None:
    assert parts_of("a" * 153 + "b" * 153) == 2
    assert parts_of("a" * 152 + "€" + "b" * 152) == 3
    assert parts_of("ক" * 66 + "😀" + "ক" * 66) == 3


@pytest.mark.parametrize("body", ["", "Your code is 482913", "@£$ÇØ{}€\n", "Δ"])
def test_the_gsm_alphabet_is_en(body: str) -> None:
    assert sms_type_of(body) is SmsType.EN


@pytest.mark.parametrize("body", ["কোড", "Tk ৫", "“quoted”", "ç", "৳"])
def test_anything_else_is_bn(body: str) -> None:
    assert sms_type_of(body) is SmsType.BN
