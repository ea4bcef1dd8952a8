"""Foreign texts on our pages, without characters that turn, hide or stretch the text around them (T59).

Escaping is not done here: templates do it, for every text alike.
"""

import unicodedata

LENGTH_MAX = 200
# Bangla needs both to join and not to join letters; they are invisible and move nothing.
_JOINERS = frozenset("\u200c\u200d")
# Control, format (the bidirectional controls are such), surrogates, private use, not assigned.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# More marks upon one letter than any script has climb over the lines above it.
_MARKS_MAX = 4


def displayable_text(text: str) -> str:
    """The text as it may be shown: composed, on one line, without what is invisible, of bounded length."""
    characters: list[str] = []
    marks = 0
    for letter in unicodedata.normalize("NFC", text[: LENGTH_MAX * 4]):
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind in {"Mn", "Me"} else 0
        if letter.isspace():
            characters.append(" ")
        elif marks <= _MARKS_MAX and (kind not in _DROPPED or letter in _JOINERS):
            characters.append(letter)
    composed = unicodedata.normalize("NFC", " ".join("".join(characters).split()))
    return composed if len(composed) <= LENGTH_MAX else f"{composed[: LENGTH_MAX - 1]}…"
