"""How a page looks like its provider's: a name, a colour and two letters; never a real mark."""

from typing import NamedTuple

from sandbox.kit.payer_pages.language import Text

_WHITE, _BLACK = "#ffffff", "#000000"
_LINEAR_BELOW = 0.04045


class Branding(NamedTuple):
    """The name at the head of a page, and its colour as `#rrggbb`."""

    name: Text
    colour: str = "#444444"

    @property
    def initials(self) -> str:
        """Two letters for the tile: of the first two words, or the first two of the only one."""
        words = self.name.english.split()
        return words[0][:1] + words[1][:1] if len(words) > 1 else words[0][:2]

    @property
    def text_colour(self) -> str:
        """Black or white, whichever can be read better on the colour: always 4.5 to 1 or more."""
        light = _luminance(self.colour)
        return _WHITE if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else _BLACK


def _luminance(colour: str) -> float:
    """The relative luminance of `#rgb` or `#rrggbb`, from 0 to 1, as WCAG 2 defines it."""
    written = colour.removeprefix("#")
    size = len(written) // 3
    channels = [
        int(written[start : start + size] * (3 - size), 16) / 255 for start in range(0, 3 * size, size)
    ]
    red, green, blue = (
        channel / 12.92 if channel <= _LINEAR_BELOW else ((channel + 0.055) / 1.055) ** 2.4
        for channel in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
