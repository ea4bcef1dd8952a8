"""Tiles of institutions: what is derived stays the same, and letters can always be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.parties.brands import LAST_PLACE, Brand, contrast, derived_brand


@given(st.integers(0, 0xFFFFFF))
def test_letters_stand_out_on_every_colour(number: int) -> None:
    brand = Brand(f"#{number:06x}", "AB")
    assert contrast(brand.colour, brand.ink) >= 4.5


@pytest.mark.parametrize(
    ("institution_id", "name", "initials"),
    [
        ("agrani", "Agrani Bank", "AB"), ("rocket", "Rocket", "RO"), ("x", "X", "X"),
        ("card", "", "CA"), ("ok_wallet", "", "OW"), ("none", "?! ?", "NO"),
    ],
)  # fmt: skip
def test_letters_come_from_the_first_two_words(institution_id: str, name: str, initials: str) -> None:
    assert derived_brand(institution_id, name).initials == initials


@given(st.text(min_size=1, max_size=12), st.text(max_size=12))
def test_a_derived_tile_is_the_same_every_time_and_bears_white_letters(
    institution_id: str, name: str
) -> None:
    brand = derived_brand(institution_id, name)
    assert brand == derived_brand(institution_id, name)
    assert (len(brand.initials) <= 6, brand.ink, brand.place) == (True, "#ffffff", LAST_PLACE)


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#ffffff") == pytest.approx(1)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
