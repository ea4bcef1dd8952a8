"""What somebody types as a code, and how likely a guess hits."""

import pytest

from ekpay_switch.domain.citizens.one_time_codes import CODE_DIGITS, TRIES_MAX, typed_code


@pytest.mark.parametrize("typed", ["482913", " 482 913 ", "482-913", "৪৮২৯১৩", "৪৮২ ৯১৩", "482\u2013913"])
def test_a_code_may_be_typed_as_it_is_read(typed: str) -> None:
    assert typed_code(typed) == "482913"


@pytest.mark.parametrize(
    "typed",
    ["", "48291", "4829133", "48291a", "٤٨٢٩١٣", "\uff14\uff18\uff12\uff19\uff11\uff13", "48.2913", "\x00"],
)
def test_anything_else_is_no_code(typed: str) -> None:
    assert not typed_code(typed)


def test_the_guesses_of_one_code_hit_with_less_than_one_in_a_hundred_thousand() -> None:
    assert TRIES_MAX / 10**CODE_DIGITS < 1 / 100_000
