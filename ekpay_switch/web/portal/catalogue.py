"""The billers that the portal offers: by category, the most used first, and by what a payer types."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ekpay_switch.domain.parties.brands import LAST_PLACE, Brand
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.web.checkout.tiles import FIRST_MAX, NO_MARKS, marked_brand
from ekpay_switch.web.portal.search_text import words_of
from ekpay_switch.web.portal.search_words import SearchWords

ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class BillerTile:
    """One biller as it is shown and found; `own_words` are its names, `words` all that it is found by."""

    profile: BillerProfile
    brand: Brand
    own_words: frozenset[str]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class CategoryTiles:
    """The billers of one category."""

    name: str
    tiles: Sequence[BillerTile]


class Catalogue:
    """What can be paid; made once, when the process starts."""

    def __init__(self, groups: Sequence[CategoryTiles], ignored: frozenset[str]) -> None:
        self.groups = groups
        self._ignored = ignored
        tiles = [tile for group in groups for tile in group.tiles]
        self._tiles = {tile.profile.id: tile for tile in tiles}
        placed = [tile for tile in tiles if tile.brand.place < LAST_PLACE]
        self.most_used = sorted(placed, key=lambda tile: tile.brand.place)[:FIRST_MAX]

    def by_id(self, biller_id: str) -> BillerTile | None:
        """The biller, where it is offered."""
        return self._tiles.get(biller_id)

    def search(self, typed: str) -> Sequence[BillerTile]:
        """The billers that have a word beginning with each typed one; those found by their names come first.

        Words that tell no biller from another are passed over, unless nothing else was typed.
        """
        typed_words = words_of(typed)
        telling = [word for word in typed_words if word not in self._ignored] or typed_words
        if not telling:
            return []
        found = [tile for tile in self._tiles.values() if _has_all(tile.words, telling)]
        return sorted(found, key=lambda tile: not _has_all(tile.own_words, telling))


def catalogue_of(
    profiles: Iterable[BillerProfile],
    words: SearchWords,
    category_names: Mapping[str, str],
    marks: Mapping[str, str] = NO_MARKS,
) -> Catalogue:
    """The active billers by category, in the order of the words, then of their names.

    `category_names` are what pages call the categories, in both languages together.
    """
    groups: dict[str, list[BillerTile]] = {}
    for profile in profiles:
        if profile.status == ACTIVE:
            tile = _tile(profile, words, category_names.get(profile.category, ""), marks)
            groups.setdefault(profile.category, []).append(tile)
    order = {name: place for place, name in enumerate(words.categories)}
    names = sorted(groups, key=lambda name: (order.get(name, len(order)), name))
    ordered = [CategoryTiles(name, sorted(groups[name], key=_by_place_and_name)) for name in names]
    return Catalogue(ordered, words.ignored)


def _by_place_and_name(tile: BillerTile) -> tuple[int, str]:
    return tile.brand.place, tile.profile.name_en


def _tile(
    profile: BillerProfile, words: SearchWords, category_name: str, marks: Mapping[str, str]
) -> BillerTile:
    own = {*words_of(f"{profile.name_en} {profile.name_bn}"), *words.billers.get(profile.id, ())}
    category = {*words_of(f"{profile.category} {category_name}"), *words.categories.get(profile.category, ())}
    return BillerTile(profile, marked_brand(profile, marks), frozenset(own), frozenset(own | category))


def _has_all(words: Iterable[str], typed: Iterable[str]) -> bool:
    """Whether each typed word begins one of the words."""
    return all(any(word.startswith(part) for word in words) for part in typed)
