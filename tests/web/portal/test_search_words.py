"""config/search.toml: what is read, and what is refused in it by its name."""

from pathlib import Path

import pytest

from ekpay_switch.settings import Settings
from ekpay_switch.web.portal.search_words import FILE_NAME, SearchWords, SearchWordsError, read_search_words
from tests.web.portal.portal_setup import real_profiles


def test_the_file_of_this_repository_names_billers_and_categories_that_there_are() -> None:
    words = read_search_words(Settings().config)
    assert words.billers.keys() <= {profile.id for profile in real_profiles()}
    assert words.categories.keys() == {profile.category for profile in real_profiles()}


def test_without_a_file_names_alone_are_searched(tmp_path: Path) -> None:
    assert read_search_words(tmp_path) == SearchWords()


def test_texts_are_read_as_words_in_one_spelling(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(
        'ignored = ["BILL"]\n[categories]\ngas = ["Gas Bill"]\n', encoding="utf-8"
    )
    assert read_search_words(tmp_path) == SearchWords(
        frozenset({"bill"}), {"gas": frozenset({"gas", "bill"})}, {}
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ignored = [", FILE_NAME),
        ("words = []", "words is unknown"),
        ('ignored = "bill"', "ignored is no list"),
        ("ignored = [7]", "ignored has a text"),
        ("categories = []", "categories is no table"),
        ('[categories]\ngas = "pipe"', "categories.gas"),
        ('[billers]\ntitas = [" "]', "billers.titas"),
        ('[billers]\ntitas = ["?!"]', "billers.titas"),
        (f'[billers]\ntitas = ["{"x" * 61}"]', "billers.titas"),
        ("[billers]\ntitas = [" + "'x'," * 101 + "]", "billers.titas is no list of at most 100"),
        (b"ignored = ['\xff']", FILE_NAME),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(tmp_path: Path, text: str | bytes, named: str) -> None:
    (tmp_path / FILE_NAME).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SearchWordsError, match=named):
        read_search_words(tmp_path)
