"""Words as they are compared in a search, in Bangla and in Latin letters alike.

One letter may be written by several code points, in capitals or not, and digits in two scripts; invisible
joiners come from some keyboards and not from others. None of that may decide whether a biller is found.
"""

import unicodedata

from ekpay_switch.domain.bangla import fold_bangla_digits

# Letters, their marks (of which Bangla vowels are), and numbers; all else stands between words.
_WORD_KINDS = frozenset("LMN")
_JOINERS = str.maketrans("", "", "\u200c\u200d")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, composed (NFC), case folded, with ASCII digits and without joiners."""
    plain = unicodedata.normalize("NFC", text).casefold().translate(_JOINERS)
    folded = fold_bangla_digits(unicodedata.normalize("NFC", plain))
    letters = (letter if unicodedata.category(letter)[0] in _WORD_KINDS else " " for letter in folded)
    return tuple("".join(letters).split())
