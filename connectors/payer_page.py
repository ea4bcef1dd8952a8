"""What a provider's page is told for its payer, as the manifest's section `payer_page` says (docs/adr/0115).

A family takes only those members that the provider documents for its page; a provider without one is told
nothing, and its page shows the name that is registered there.
"""

import re
import unicodedata
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated, Literal

from pydantic import Field

from ekpay_switch.domain.collections.payer_page import PageContent, PayerLanguage
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Section

_MEMBER = r"[A-Za-z_][A-Za-z0-9_-]{0,39}"
_PATH = rf"^{_MEMBER}(\.{_MEMBER})*$"
_JOINER = "\N{ZERO WIDTH JOINER}"
_VIRAMA = 9
"""The combining class of the sign that joins two consonants."""
_LATIN_INSTEAD = {ord("&"): " and ", ord("<"): " ", ord(">"): " "}


class PayeeMember(Section):
    """The member with the payee's name, a path with points, and what it takes.

    A name is cut to `length_max` characters. Where the alphabet is `latin` (visible ASCII without `<`, `>`
    and `&`), the English name is sent to readers of Bangla too. `unknown` is sent where there is no name;
    where that is empty, the family's own text is, or nothing.
    """

    member: Annotated[str, Field(pattern=_PATH)]
    length_max: Annotated[int, Field(ge=10, le=255)]
    alphabet: Literal["any", "latin"]
    unknown: Annotated[str, Field(max_length=255)] = ""


class LanguageMember(Section):
    """The member with the payer's language, and the provider's words for Bangla and English."""

    member: Annotated[str, Field(pattern=_PATH)]
    bn: Annotated[str, Field(pattern=r"^[A-Za-z_-]{2,8}$")]
    en: Annotated[str, Field(pattern=r"^[A-Za-z_-]{2,8}$")]


class PayerPage(Section):
    """What is sent for the payer's page; a section that is missing is not sent."""

    payee: PayeeMember | None = None
    language: LanguageMember | None = None

    def payee_name(self, page: PageContent) -> str:
        """The payee's name as this provider takes it; empty where none is sent."""
        if self.payee is None:
            return ""
        names = [page.payee_en, page.payee_bn]
        if self.payee.alphabet == "any" and page.language is PayerLanguage.BANGLA:
            names.reverse()
        spell = _in_latin if self.payee.alphabet == "latin" else _in_one_line
        name = next((spelt for name in names if (spelt := spell(name))), self.payee.unknown)
        return _cut(name, self.payee.length_max)

    def language_word(self, page: PageContent) -> str:
        """The provider's word for the payer's language; empty where none is sent."""
        if self.language is None or page.language is None:
            return ""
        return self.language.bn if page.language is PayerLanguage.BANGLA else self.language.en

    def payee_members(self, page: PageContent) -> dict[str, str]:
        """The member with the payee's name, by its path; empty where none is sent."""
        name = self.payee_name(page)
        return {self.payee.member: name} if self.payee is not None and name else {}

    def language_members(self, page: PageContent) -> dict[str, str]:
        """The member with the payer's language, by its path; empty where none is sent."""
        word = self.language_word(page)
        return {self.language.member: word} if self.language is not None and word else {}


TOLD_NOTHING = PayerPage()


def require_members(
    connector_id: str,
    page: PayerPage,
    payee: AbstractSet[str] = frozenset(),
    language: AbstractSet[str] = frozenset(),
) -> PayerPage:
    """The section, once it names no member but those that this family fills.

    Raises:
        ManifestError: it names another one.
    """
    for name, entry, members in (("payee", page.payee, payee), ("language", page.language, language)):
        if entry is not None and entry.member not in members:
            known = ", ".join(sorted(members)) or "none"
            raise ManifestError(
                f"{connector_id}: payer_page.{name}.member is {entry.member}; this family has {known}"
            )
    return page


def put_members(document: dict[str, object], members: Mapping[str, str]) -> dict[str, object]:
    """A copy of a JSON document with these members, each by its path of objects."""
    whole = dict(document)
    for path, text in members.items():
        first, _, rest = path.partition(".")
        part = whole.get(first)
        inner = dict(part) if isinstance(part, dict) else {}
        whole[first] = put_members(inner, {rest: text}) if rest else text
    return whole


def _in_one_line(name: str) -> str:
    """A name without control characters and lone surrogates, its blanks single."""
    visible = "".join(" " if unicodedata.category(letter) in {"Cc", "Cs"} else letter for letter in name)
    return " ".join(visible.split())


def _in_latin(name: str) -> str:
    """A name in visible ASCII, accents dropped; empty where any letter of it is of another alphabet."""
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", name.translate(_LATIN_INSTEAD))
        if not unicodedata.combining(letter)
    )
    spelt = re.sub(r"[^\x20-\x7e]", " ", plain)
    is_foreign = any(letter.isalpha() and not letter.isascii() for letter in plain)
    return "" if is_foreign else " ".join(spelt.split())


def _cut(name: str, length_max: int) -> str:
    """At most so many characters, never half of a written letter."""
    if len(name) <= length_max:
        return name
    end = length_max
    while end and _belongs_together(name[end - 1], name[end]):
        end -= 1
    return name[:end].rstrip()


def _belongs_together(letter: str, following: str) -> bool:
    is_joined = unicodedata.combining(letter) == _VIRAMA or letter == _JOINER
    return is_joined or following == _JOINER or unicodedata.category(following).startswith("M")
