"""The texts of our pages, from locale/bn.toml and locale/en.toml; no such text stands in code or templates.

A text is plain and may have named places, `{amount}`. What is put there is escaped; what is markup already
stays as it is. A key or a place that is missing is a bug and raises: a page that says half a sentence about
somebody's money is worse than none.
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Protocol

from markupsafe import Markup, escape

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.money import Money
from ekpay_switch.edge_kit.bilingual_text import Text, clock_text, day_text, dhaka_text, in_bangla, taka_text
from ekpay_switch.web.display_text import displayable_text

LOCALE = Path(__file__).parent / "locale"


class Language(StrEnum):
    """The languages of our pages; the words are those of `lang` attributes."""

    BANGLA = "bn"
    ENGLISH = "en"

    @property
    def opposite(self) -> "Language":
        """The one that the switch leads to."""
        return Language.ENGLISH if self is Language.BANGLA else Language.BANGLA


class SumRange(Protocol):
    """A sum, or the least and the most that it may be."""

    @property
    def least(self) -> Money:
        """The least, in whole paisa."""
        ...

    @property
    def most(self) -> Money:
        """The most, in whole paisa."""
        ...


class Wording:
    """The texts of one language, and how it writes amounts, numbers and times."""

    def __init__(self, language: Language, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = {key: Markup(escape(text)) for key, text in texts.items()}  # noqa: S704 - escaped here

    def __call__(self, key: str, **values: object) -> Markup:
        """The text under this key with its places filled.

        Raises:
            KeyError: there is no such text, or a place of it was not filled.
        """
        return self._texts[key].format(**values)

    def has(self, key: str) -> bool:
        """Whether there is such a text; for words that come from a far side."""
        return key in self._texts

    def pick(self, text: Text) -> str:
        """The side of a text that is in this language."""
        return text.bangla if self.language is Language.BANGLA else text.english

    def name(self, bangla: str, english: str) -> Markup:
        """A name that somebody else chose, in this language, kept apart from the text around it (T59).

        A name of the other language is marked as such, so that a screen reader speaks it right.
        """
        own_text = displayable_text(self.pick(Text(bangla, english)))
        if own_text:
            return Markup("<bdi>{}</bdi>").format(own_text)
        other_text = self.bare_name(bangla, english)
        return Markup('<bdi lang="{}">{}</bdi>').format(self.language.opposite.value, other_text)

    def bare_name(self, bangla: str, english: str) -> str:
        """The same for a title, which holds no markup."""
        return displayable_text(self.pick(Text(bangla, english))) or displayable_text(bangla or english)

    def isolate(self, text: str) -> Markup:
        """Any text that is not ours, kept apart from the text around it (T59)."""
        return Markup("<bdi>{}</bdi>").format(displayable_text(text))

    def amount(self, money: Money) -> str:
        """An amount in taka, lakhs and crores apart."""
        return self.pick(taka_text(money.minor))

    def sum(self, shown: SumRange) -> str:
        """A sum that may depend on what the payer chooses: one amount, or from the least to the most."""
        if shown.least == shown.most:
            return self.amount(shown.most)
        return str(self("sum.range", least=self.figure(shown.least), most=self.amount(shown.most)))

    def figure(self, money: Money) -> str:
        """The bare figure of an amount, where taka is said beside it."""
        return self.amount(money).partition(" ")[0]

    def number(self, number: int | str) -> str:
        """A number in the digits of this language."""
        return in_bangla(number) if self.language is Language.BANGLA else str(number)

    def day(self, day: date) -> str:
        """A day with its month in words."""
        return self.pick(day_text(day))

    def percent(self, basis_points: int) -> str:
        """A share of basis points as a percentage, with one decimal where there is one."""
        whole, rest = divmod((basis_points + 5) // 10, 10)
        return f"{self.number(f'{whole}.{rest}' if rest else whole)}%"

    def moment(self, instant: datetime, now: datetime) -> str:
        """An instant on a Dhaka clock, with its day where that is not today."""
        if business_date(instant) == business_date(now):
            return self.pick(clock_text(instant))
        return self.full_moment(instant)

    def full_moment(self, instant: datetime) -> str:
        """An instant on a Dhaka clock, with its day."""
        return self.pick(dhaka_text(instant))


def read_texts(language: Language) -> dict[str, str]:
    """The texts of a language under dotted keys, as its file has them."""
    return dict(_flatten(tomllib.loads((LOCALE / f"{language}.toml").read_text(encoding="utf-8"))))


@cache
def wording_of(language: Language) -> Wording:
    """The words of a language, read once."""
    return Wording(language, read_texts(language))


def _flatten(table: Mapping[str, object], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", str(value)
