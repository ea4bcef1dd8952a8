"""Names as banks take them: Latin letters, digits and a few signs, cut to the length of a field.

Bangla is transliterated one character at a time, which is good enough to be recognised on a statement; a
party that wants its own spelling has it in the configuration.
"""

import re
import unicodedata
from typing import Final

from reconciliation.statement.values.amounts import BANGLA_DIGITS

# Characters that ISO 20022 messages of banks and BEFTN both carry everywhere.
_FOREIGN = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_SPACES = re.compile(r" {2,}")
_INHERENT: Final = "a"
_NUKTA: Final = "\u09bc"
_HASANTA: Final = "\u09cd"
_JOINED_YA: Final = "\u09af"
_JOINED: Final = (_NUKTA, _HASANTA)
_LATIN_CONSONANTS: Final = "k kh g gh ng ch chh j jh n t th d dh n t th d dh n p ph b bh m j r l sh sh s h"
_CONSONANTS: Final = dict(zip("কখগঘঙচছজঝঞটঠডঢণতথদধনপফবভমযরলশষসহ", _LATIN_CONSONANTS.split(), strict=True)) | {
    "\u09ce": "t",
    "\u09f0": "r",
    "\u09f1": "w",
}
# Letters with a dot below, which Unicode also writes as two characters.
_DOTTED: Final = {"ড": "r", "ঢ": "rh", "য": "y"}
_LATIN_VOWELS: Final = "a i i u u ri e oi o ou"
_VOWELS: Final = dict(zip("আইঈউঊঋএঐওঔ", _LATIN_VOWELS.split(), strict=True)) | {"অ": "a"}
_SIGNS: Final = dict(
    zip("\u09be\u09bf\u09c0\u09c1\u09c2\u09c3\u09c7\u09c8\u09cb\u09cc", _LATIN_VOWELS.split(), strict=True)
)
_NASALS: Final = {"\u0981": "n", "\u0982": "ng", "\u0983": "h"}
_MARKS: Final = _NASALS | {"।": "."} | dict(zip(BANGLA_DIGITS, "0123456789", strict=True))


def transliterate(text: str) -> str:
    """The text with Bangla in Latin letters, accents taken off and every other foreign sign a space."""
    decomposed = unicodedata.normalize("NFKD", text)
    letters = "".join(sign for sign in decomposed if sign in _JOINED or not unicodedata.combining(sign))
    # Composed again, but for the dotted letters, which stay two characters whatever they were before.
    plain = unicodedata.normalize("NFC", letters)
    written = "".join(_written(plain, place) for place in range(len(plain)))
    return _SPACES.sub(" ", _FOREIGN.sub(" ", written)).strip()


def latin_field(text: str, length: int) -> str:
    """The text in Latin letters with at most `length` characters, and no space at either end."""
    return transliterate(text)[:length].strip()


def _written(text: str, place: int) -> str:
    character = text[place]
    if character in _CONSONANTS:
        return _consonant(text, place)
    for table in (_VOWELS, _SIGNS, _MARKS):
        if character in table:
            return table[character]
    return "" if character in _JOINED else character


def _consonant(text: str, place: int) -> str:
    """A consonant, with its vowel unless a sign, a hasanta or the end of the word takes it away."""
    is_dotted = text[place + 1 : place + 2] == _NUKTA
    after = text[place + 1 + is_dotted : place + 2 + is_dotted]
    # Joined to the consonant before it, য is written as the dotted one is: বিদ্যুৎ is bidyut.
    is_soft = is_dotted or (text[place] == _JOINED_YA and text[max(place - 1, 0)] == _HASANTA)
    letter = (_CONSONANTS | _DOTTED if is_soft else _CONSONANTS)[text[place]]
    speaks = after in _CONSONANTS or after in _VOWELS or after in _NASALS
    return letter + _INHERENT if speaks else letter
