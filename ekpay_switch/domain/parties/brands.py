"""How an institution is shown where its licensed mark is not at hand: a colour and two letters."""

import hashlib
from dataclasses import dataclass

LAST_PLACE = 999
WHITE, BLACK = "#ffffff", "#000000"
# Calm and far enough apart; every one of them bears white letters.
_COLOURS = ("#0b5d4e", "#1b568f", "#7a3b8f", "#8a3d1f", "#5b5a12", "#a3231b", "#3d4f9e", "#0d6470", "#7d2a55")
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722
_LINEAR_BELOW, _FLARE = 0.04045, 0.05


@dataclass(frozen=True, slots=True)
class Brand:
    """A tile: `colour` as `#rrggbb` in small letters, and up to three letters.

    `place` is where payers see it, from 1, while nothing is known of what they choose. `mark` is the address
    of the licensed mark that takes its place, empty where there is none.
    """

    colour: str
    initials: str
    place: int = LAST_PLACE
    mark: str = ""

    @property
    def ink(self) -> str:
        """The colour of the letters, white or black, whichever stands out more: 4.5 to 1 or better."""
        return max(WHITE, BLACK, key=lambda ink: contrast(self.colour, ink))


def derived_brand(institution_id: str, name: str) -> Brand:
    """The tile of an institution that has none of its own; the same for the same id and name, for ever."""
    words = [word for word in name.split() if word[0].isalnum()] or institution_id.split("_")
    initials = words[0][:1] + words[1][:1] if len(words) > 1 else words[0][:2]
    number = hashlib.sha256(institution_id.encode()).digest()[0]
    return Brand(_COLOURS[number % len(_COLOURS)], initials.upper())


def contrast(first: str, second: str) -> float:
    """The contrast of two colours as WCAG 2 reckons it, from 1 to 21."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + _FLARE) / (darker + _FLARE)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return _RED * red + _GREEN * green + _BLUE * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= _LINEAR_BELOW else ((part + 0.055) / 1.055) ** 2.4
