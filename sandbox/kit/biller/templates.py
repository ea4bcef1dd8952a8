"""Templates such as `{yy}{mm}{number}`: filled from values, and read back from what a caller sends."""

import re
from collections.abc import Mapping
from functools import lru_cache

SERIAL = "{serial}"
"""The five digits that tell the accounts of one institution apart."""

_PLACE = re.compile(r"\{([a-z_]+)\}")
_PLACE_PATTERNS: Mapping[str, str] = {
    "yyyy": r"[0-9]{4}",
    "yy": r"[0-9]{2}",
    "mm": r"[0-9]{2}",
    "quarter": r"[1-4]",
    "fiscal_year": r"[0-9]{4}-[0-9]{4}",
    "ward": r"[0-9]{2}",
    "choice": r".{1,64}?",
    "taka": r"[0-9]{1,12}\.[0-9]{2}",
}

PLACES = frozenset({*_PLACE_PATTERNS, "serial", "number", "bill_number"})
"""Every place that a template may have."""


class UnknownPlaceError(ValueError):
    """A template has a place that nothing fills."""


def check_places(template: str, places: frozenset[str]) -> None:
    """Refuse a template with other places than these.

    Raises:
        UnknownPlaceError: it has one.
    """
    strange = set(_PLACE.findall(template)) - places
    if strange:
        raise UnknownPlaceError(f"{template} has {', '.join(sorted(strange))}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return a template with every place filled; one without a value stays as it is."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), template)


def serial_in(template: str, text: str) -> str | None:
    """Return the serial in a text that has the form of a template, or None if it has not or holds none."""
    if SERIAL not in template:
        return None
    match = _pattern(template).fullmatch(text)
    return match["serial"] if match else None


@lru_cache(maxsize=1_024)
def _pattern(template: str) -> re.Pattern[str]:
    written, end = "", 0
    for place in _PLACE.finditer(template):
        written += re.escape(template[end : place.start()]) + _place_pattern(
            place[1], is_first=SERIAL not in template[: place.start()]
        )
        end = place.end()
    return re.compile(written + re.escape(template[end:]))


def _place_pattern(place: str, *, is_first: bool) -> str:
    if place != "serial":
        return f"(?:{_PLACE_PATTERNS[place]})"
    # Digits by name: \d would let Bangla digits through, and int() would read them.
    return "(?P<serial>[0-9]{5})" if is_first else "(?P=serial)"
