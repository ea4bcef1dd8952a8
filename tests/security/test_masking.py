import json

import pytest

from ekpay_switch.security.masking import MaskedText, mask_account


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


def test_a_masked_text_shows_itself_only_when_asked() -> None:
    secret = MaskedText("open-sesame")
    assert secret.reveal() == "open-sesame"
    assert "sesame" not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        json.dumps({"secret": secret})


def test_masked_texts_compare_by_what_they_hide() -> None:
    assert MaskedText("a") == MaskedText("a")
    assert len({MaskedText("a"), MaskedText("a"), MaskedText("b")}) == 2
    assert MaskedText("a") != "a"
