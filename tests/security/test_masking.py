import pytest

from ekpay_switch.security.masking import mask_account, mask_personal_text


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("12345678", "****5678"),
        ("01712345678", "*******5678"),
        ("123456", "***456"),
        ("1", "*"),
        ("", ""),
        ("১২৩৪৫৬৭৮", "****৫৬৭৮"),
    ],
)
def test_an_account_shows_four_characters_and_never_more_than_half(number: str, shown: str) -> None:
    assert mask_account(number) == shown


def test_a_stranger_reads_no_card_no_phone_and_no_address_in_a_text() -> None:
    text = "2 saris for 01712 345678, mail a.b@shop.example, card 4111.1111.1111.1111, size 12"
    shown = mask_personal_text(text)
    assert shown.startswith("2 saris for ")
    assert shown.endswith("size 12")
    for hidden in ("345678", "01712", "shop.example", "4111.1111"):
        assert hidden not in shown.replace("5678", "")
