"""The name that a citizen gives a saved bill."""

import pytest

from ekpay_switch.domain.citizens.saved_bills import NICKNAME_MAX, read_nickname


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("  Mother's \t flat\n", "Mother's flat"),
        ("মায়ের ফ্ল্যাট", "মায়ের ফ্ল্যাট"),
        ("র\u200d্যাব", "র\u200d্যাব"),
        ("a\u202eb\u0000c", "abc"),
        ("x" * NICKNAME_MAX, "x" * NICKNAME_MAX),
        ("x" * (NICKNAME_MAX + 1), None),
    ],
)
def test_a_name_is_kept_without_what_nobody_sees(typed: str, kept: str | None) -> None:
    assert read_nickname(typed) == kept
