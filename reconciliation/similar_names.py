"""Refusal of an unknown name with similar known ones, so that a typing error gives no empty table."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

_MOST: Final = 5
_ALIKE: Final = 0.5
# Up to this many names are all listed; there are as many break codes.
_FEW: Final = 24


def unknown_name_wording(name: str, known: Collection[str], kind: str) -> str:
    """The refusal of an unknown name: similar names, or all known ones where they are few."""
    near = near_names(name, known)
    if near:
        return f"{name} is no {kind}; near: {', '.join(near)}"
    if not known:
        return f"{name} is no {kind}: there is none yet"
    names = sorted(known)
    more = "" if len(names) <= _FEW else f" and {len(names) - _FEW} more"
    return f"{name} is no {kind}: {', '.join(names[:_FEW])}{more}"


def near_names(name: str, known: Collection[str]) -> list[str]:
    """Known names that resemble or contain it, ignoring case, the most similar first."""
    typed = name.strip().casefold()
    by_case: dict[str, str] = {candidate.casefold(): candidate for candidate in sorted(known)}
    near = get_close_matches(typed, by_case, _MOST, _ALIKE)
    near += [candidate for candidate in by_case if typed and typed in candidate and candidate not in near]
    return [by_case[candidate] for candidate in near[:_MOST]]
