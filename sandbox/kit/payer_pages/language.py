"""Bangla and English: texts in both, amounts and digits of either, and which one a browser reads.

The language of a page is that of its address (`lang`), else the one that the merchant has sent for its payer,
else of a cookie that the shop or the switch has set on this host, else the browser's own (Accept-Language),
else Bangla.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.pages import PageVisit

PARAMETER = "lang"
# ekShop's own cookie, and the switch's: in a rehearsal both stand on the host of the provider's page.
_COOKIES = ("ekpay-language", PARAMETER)
_BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
_ASCII_DIGITS = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")
_BETWEEN_DIGITS = re.compile(r"[\s\u200b-\u200d\u2013.()-]+")
_COUNTRY_CODE = re.compile(r"(?:\+|00)?88(?=01[0-9]{9}$)")
_QUALITY = re.compile(r";\s*q=([01](?:\.[0-9]{0,3})?)$")
_ACCEPTED_MAX = 20


class Language(StrEnum):
    """A language of the pages; the value is that of `lang` in HTML."""

    BANGLA = "bn"
    ENGLISH = "en"

    @property
    def other(self) -> "Language":
        """The one that a reader can change to."""
        return Language.BANGLA if self is Language.ENGLISH else Language.ENGLISH


class Text(NamedTuple):
    """One text in both languages."""

    bangla: str
    english: str

    def of(self, language: Language) -> str:
        """The text in this language."""
        return self.english if language is Language.ENGLISH else self.bangla


def language_of(visit: PageVisit, sent: str = "") -> Language:
    """Return the language to answer a browser in; a name that is none of ours is passed over.

    `sent` is what the merchant has sent with the order, in any case and with a country or without; empty
    where it has sent none.
    """
    # The switch writes the payment that a choice was made at after a point.
    cookies = [visit.cookies.get(name, "").partition(".")[0] for name in _COOKIES]
    named = [visit.query.get(PARAMETER), re.split("[_-]", sent.lower())[0], *cookies]
    for name in (*named, *_accepted(visit.accept_language)):
        if name in set(Language):
            return Language(name)
    return Language.BANGLA


def digits(number: object, language: Language) -> str:
    """Write a number, or a text with digits, in the digits of a language."""
    return str(number) if language is Language.ENGLISH else str(number).translate(_BANGLA_DIGITS)


def money(paisa: int, language: Language) -> str:
    """Write paisa, not negative, with its currency and grouped by lakh: `BDT 1,23,456.70`."""
    whole, _, decimals = taka(paisa).partition(".")
    head, tail = whole[:-3], whole[-3:]
    groups = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)]
    amount = f"{','.join([*reversed(groups), tail])}.{decimals}"
    return f"BDT {amount}" if language is Language.ENGLISH else f"{digits(amount, language)} টাকা"


def typed_digits(text: str) -> str:
    """Return what a person typed for a number: ASCII digits, without blanks, hyphens and brackets."""
    return _BETWEEN_DIGITS.sub("", text).translate(_ASCII_DIGITS)


def typed_mobile(text: str) -> str:
    """Return what a person typed for a mobile number, from 01 on also if 880 stands before it."""
    return _COUNTRY_CODE.sub("", typed_digits(text))


def _accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header without their countries, the most wanted first."""
    ranked: list[tuple[float, str]] = []
    for part in header.lower().split(",")[:_ACCEPTED_MAX]:
        quality = _QUALITY.search(part)
        weight = 1.0 if quality is None else float(quality[1])
        if weight:
            ranked.append((weight, re.split(r"[-;]", part.strip())[0].strip()))
    return [name for _, name in sorted(ranked, key=lambda one: -one[0])]
