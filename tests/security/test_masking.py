import pytest

from ekpay_switch.security.masking import mask_account


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
