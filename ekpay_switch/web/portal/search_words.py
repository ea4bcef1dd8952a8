"""By which words payers look for billers: config/search.toml, where there is one."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ekpay_switch.web.portal.search_text import words_of

FILE_NAME = "search.toml"
_LENGTH_MAX, _WORDS_MAX = 60, 100
_IGNORED, _CATEGORIES, _BILLERS = "ignored", "categories", "billers"


class SearchWordsError(Exception):
    """config/search.toml cannot be used; the text names the member."""


@dataclass(frozen=True, slots=True)
class SearchWords:
    """Further words for billers and for categories by their ids, in the order of the page.

    `ignored` are words that tell no biller from another, such as "bill"; all are as `words_of` folds them.
    """

    ignored: frozenset[str] = frozenset()
    categories: Mapping[str, frozenset[str]] = field(default_factory=dict)
    billers: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read_search_words(config_dir: Path) -> SearchWords:
    """What config/search.toml says; nothing where there is no such file.

    Raises:
        SearchWordsError: it is no TOML, has an unknown member, or one that is no list of short texts.
    """
    path = config_dir / FILE_NAME
    if not path.exists():
        return SearchWords()
    try:
        members = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SearchWordsError(f"{FILE_NAME}: {error}") from None
    unknown = sorted(members.keys() - {_IGNORED, _CATEGORIES, _BILLERS})
    if unknown:
        raise SearchWordsError(f"{FILE_NAME}: {unknown[0]} is unknown")
    return SearchWords(
        ignored=_folded(_IGNORED, members.get(_IGNORED, [])),
        categories=_table(_CATEGORIES, members.get(_CATEGORIES, {})),
        billers=_table(_BILLERS, members.get(_BILLERS, {})),
    )


def _table(name: str, table: object) -> Mapping[str, frozenset[str]]:
    if not isinstance(table, dict):
        raise SearchWordsError(f"{FILE_NAME}: {name} is no table")
    return {key: _folded(f"{name}.{key}", texts) for key, texts in table.items()}


def _folded(name: str, texts: object) -> frozenset[str]:
    """The words of a list of texts."""
    if not isinstance(texts, list) or len(texts) > _WORDS_MAX:
        raise SearchWordsError(f"{FILE_NAME}: {name} is no list of at most {_WORDS_MAX} texts")
    return frozenset(word for text in _short_texts(name, texts) for word in words_of(text))


def _short_texts(name: str, texts: Iterable[object]) -> Iterable[str]:
    for text in texts:
        if not isinstance(text, str) or len(text) > _LENGTH_MAX or not words_of(text):
            raise SearchWordsError(
                f"{FILE_NAME}: {name} has a text that is empty, without letters or longer than {_LENGTH_MAX}"
            )
        yield text
