"""Billers are found by what payers type, in either script and any spelling of its letters."""

import unicodedata
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.settings import Settings
from ekpay_switch.web.portal.catalogue import Catalogue, catalogue_of
from ekpay_switch.web.portal.routes import category_names
from ekpay_switch.web.portal.search_text import words_of
from ekpay_switch.web.portal.search_words import SearchWords, read_search_words
from tests.web.portal.portal_setup import real_profiles

CATALOGUE = catalogue_of(real_profiles(), read_search_words(Settings().config), category_names())
PROFILES = st.sampled_from(real_profiles())


def found(typed: str, catalogue: Catalogue = CATALOGUE) -> list[str]:
    return [tile.profile.id for tile in catalogue.search(typed)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("desco", "desco_postpaid"),
        ("DESCO", "desco_postpaid"),
        ("ডেসকো", "desco_postpaid"),
        ("desko bill", "desco_postpaid"),
        ("titas", "titas_nonmetered"),
        ("তিতাস", "titas_nonmetered"),
        ("porcha", "eporcha_khatian"),
        ("পর্চা", "eporcha_khatian"),
        ("land tax", "ldtax"),
        ("palli bidyut", "breb_postpaid"),
        ("পল্লী বিদ্যুৎ বিল", "breb_postpaid"),
        ("pani", "dhaka_wasa"),
        ("পানি", "dhaka_wasa"),
        ("passport", "epassport_fee"),
        ("namjari", "emutation_application"),
        ("wasa khulna", "khulna_wasa"),
    ],
)
def test_a_payers_words_find_the_biller(typed: str, first: str) -> None:
    assert found(typed)[0] == first


@pytest.mark.parametrize(
    ("typed", "category"),
    [("current bill", "electricity"), ("কারেন্ট বিল", "electricity"), ("gas", "gas"), ("গ্যাস", "gas")],
)
def test_the_word_of_a_kind_finds_all_billers_of_it_and_no_other(typed: str, category: str) -> None:
    of_the_kind = {profile.id for profile in real_profiles() if profile.category == category}
    assert set(found(typed)) == of_the_kind


@pytest.mark.parametrize("typed", ["", "   ", "?!", "train ticket", "desco titas"])
def test_what_no_biller_has_finds_none(typed: str) -> None:
    assert found(typed) == []


def test_a_word_that_every_bill_has_finds_all_where_nothing_else_is_typed() -> None:
    words = SearchWords(ignored=frozenset({"bill"}), billers={"desco_postpaid": frozenset({"bill"})})
    catalogue = catalogue_of(real_profiles(), words, {})
    assert found("bill", catalogue) == ["desco_postpaid"]
    assert found("bill titas", catalogue) == found("titas", catalogue) != []


@given(profile=PROFILES, is_bangla=st.booleans(), data=st.data())
def test_the_beginning_of_any_word_of_a_name_finds_its_biller(
    *, profile: BillerProfile, is_bangla: bool, data: st.DataObject
) -> None:
    words = words_of(profile.name_bn if is_bangla else profile.name_en)
    word = data.draw(st.sampled_from(words))
    length = data.draw(st.integers(1, len(word)))
    assert profile.id in found(word[:length])


@given(profile=PROFILES, form=st.sampled_from(["NFC", "NFD", "NFKC"]), is_upper=st.booleans())
def test_how_letters_are_composed_and_capitals_make_no_difference(
    *, profile: BillerProfile, form: Literal["NFC", "NFD", "NFKC"], is_upper: bool
) -> None:
    for name in (profile.name_bn, profile.name_en):
        typed = unicodedata.normalize(form, name)
        assert profile.id in found(typed.upper() if is_upper else typed)


@given(st.text())
def test_any_text_can_be_typed_and_is_folded_once(typed: str) -> None:
    words = words_of(typed)
    assert words_of(" ".join(words)) == words
    CATALOGUE.search(typed)


def test_joiners_and_digits_of_a_keyboard_make_no_difference() -> None:
    assert words_of("বিল\u200c ১২৩") == words_of("বিল 123") == ("বিল", "123")


def test_only_active_billers_are_offered() -> None:
    profiles = [replace(one, status="down") if one.id.startswith("desco") else one for one in real_profiles()]
    catalogue = catalogue_of(profiles, SearchWords(), category_names())
    assert found("desco", catalogue) == []
    assert catalogue.by_id("desco_postpaid") is None
    assert "desco_postpaid" not in {tile.profile.id for tile in catalogue.most_used}


def test_categories_stand_in_the_order_of_the_words_and_unknown_ones_last() -> None:
    words = SearchWords(categories={"water": frozenset(), "gas": frozenset()})
    names = [group.name for group in catalogue_of(real_profiles(), words, {}).groups]
    assert names[:2] == ["water", "gas"]
    assert names[2:] == sorted(names[2:])


def test_the_six_most_used_come_first_in_the_order_of_their_places() -> None:
    assert [tile.profile.id for tile in CATALOGUE.most_used] == [
        "breb_postpaid", "desco_postpaid", "dpdc_postpaid", "titas_nonmetered", "dhaka_wasa", "ldtax",
    ]  # fmt: skip


def test_a_licensed_mark_takes_the_place_of_a_tile() -> None:
    catalogue = catalogue_of(real_profiles(), SearchWords(), {}, {"desco_postpaid": "/brand/x.svg"})
    tile = catalogue.by_id("desco_postpaid")
    assert tile is not None
    assert tile.brand.mark == "/brand/x.svg"
