"""How the ways to pay are arranged for a payer: what most choose comes first, the rest is folded away.

Pure: from the offers, how often each instrument was chosen lately, and the one this browser used last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.brands import LAST_PLACE, Brand, derived_brand
from ekpay_switch.flows.merchants.offers import Offer
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.connectors import Connector, ConnectorProfile

KINDS = ("wallet", "card", "account")
FIRST_MAX = 6
# The style sheet has a rule for so many sums; the choices beyond lead to a button without a sum.
SUMS_MAX = 12
MOST_USED = "most_used"
NO_MARKS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Popularity:
    """How often each instrument was chosen lately, and the places that the manifests give."""

    chosen: Mapping[str, int]
    places: Mapping[str, int]
    last_used: str = ""


@dataclass(frozen=True, slots=True)
class SumLine:
    """One of the sums that the choices lead to, numbered from 1 in the order of the totals."""

    number: int
    total: Money
    charge: Money
    fees: Money


@dataclass(frozen=True, slots=True)
class Tile:
    """One offer as it is shown; `sum_number` is 0 where no line of sums belongs to it."""

    offer: Offer
    brand: Brand
    sum_number: int
    shows_total: bool
    is_cheapest: bool
    is_last: bool

    @property
    def has_note(self) -> bool:
        """Whether anything is said below the name."""
        return self.shows_total or self.is_cheapest or self.is_last or self.offer.is_shaky


@dataclass(frozen=True, slots=True)
class TileGroup:
    """Tiles under one heading: those that can be chosen, and those that cannot be now."""

    kind: str
    open: Sequence[Tile]
    closed: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything that can be chosen: at once, and below "more"; `sums` are the totals that this leads to."""

    first: Sequence[TileGroup]
    more: Sequence[TileGroup]
    sums: Sequence[SumLine]

    @property
    def least(self) -> Money:
        """The lowest total."""
        return self.sums[0].total

    @property
    def most(self) -> Money:
        """The highest total."""
        return self.sums[-1].total

    @property
    def same_total(self) -> Money | None:
        """The total where all choices have the same; None where they differ, or there is no choice."""
        return self.least if self.sums and self.least == self.most else None

    @property
    def more_count(self) -> int:
        """How many instruments are below "more", closed ones included."""
        return sum(len(group.open) + len(group.closed) for group in self.more)

    @property
    def instruments_in_more(self) -> frozenset[str]:
        """The instruments below "more" that can be chosen."""
        return frozenset(tile.offer.instrument for group in self.more for tile in group.open)


def arrange_offers(
    offers: Sequence[Offer], popularity: Popularity, marks: Mapping[str, str] = NO_MARKS
) -> Choices:
    """The offers as tiles: all by kind where they are few, else the most chosen first.

    `marks` are where licensed marks are served, by the ids of their institutions.

    The order is: used last in this browser, chosen most often lately, the place in the manifest, the total,
    the name. What cannot be chosen now never takes a place among the first.
    """
    lines = _sum_lines(offers)
    ordered = sorted(offers, key=lambda offer: _rank(offer, popularity))
    tiles = [_tile(offer, lines, popularity.last_used, marks) for offer in ordered]
    can_be_chosen = [tile for tile in tiles if tile.offer.why_not is None]
    if len(can_be_chosen) <= FIRST_MAX:
        return Choices(_groups(tiles), (), lines)
    first = can_be_chosen[:FIRST_MAX]
    others = [tile for tile in tiles if tile not in first]
    return Choices([TileGroup(MOST_USED, first, ())], _groups(others), lines)


def places_of(instruments: Mapping[str, Sequence[Connector]]) -> dict[str, int]:
    """Where the manifests place each instrument; one with several connectors stands where its first does."""
    return {
        name: min(brand_of(connector.profile).place for connector in connectors)
        for name, connectors in instruments.items()
    }


def brand_of(profile: ConnectorProfile | BillerProfile) -> Brand:
    """The tile of a connector or a biller, derived where its manifest has none."""
    return profile.brand or derived_brand(profile.id, profile.name_en)


def marked_brand(profile: ConnectorProfile | BillerProfile, marks: Mapping[str, str]) -> Brand:
    """The same, with the licensed mark that takes its place where there is one."""
    return replace(brand_of(profile), mark=marks.get(profile.id, ""))


def _rank(offer: Offer, popularity: Popularity) -> tuple[bool, int, int, int, str]:
    name = offer.instrument
    return (
        name != popularity.last_used,
        -popularity.chosen.get(name, 0),
        popularity.places.get(name, LAST_PLACE),
        offer.total.minor,
        name,
    )


def _sum_lines(offers: Sequence[Offer]) -> list[SumLine]:
    """The sums of what can be chosen, each once, the lowest total first."""
    sums = {_parts(offer): offer for offer in offers if offer.why_not is None}
    return [
        SumLine(number, offer.total, offer.charges.charge, offer.charges.fee + offer.charges.vat)
        for number, (_, offer) in enumerate(sorted(sums.items()), start=1)
    ]


def _parts(offer: Offer) -> tuple[int, int]:
    return offer.total.minor, offer.charges.charge.minor


def _tile(offer: Offer, lines: Sequence[SumLine], last_used: str, marks: Mapping[str, str]) -> Tile:
    is_open, differ = offer.why_not is None, bool(lines) and lines[0].total != lines[-1].total
    numbers = {(line.total.minor, line.charge.minor): line.number for line in lines[:SUMS_MAX]}
    return Tile(
        offer,
        derived_brand(offer.instrument, "") if offer.profile is None else marked_brand(offer.profile, marks),
        numbers.get(_parts(offer), 0) if is_open else 0,
        shows_total=is_open and differ,
        is_cheapest=is_open and differ and offer.total == lines[0].total,
        is_last=is_open and offer.instrument == last_used,
    )


def _groups(tiles: Sequence[Tile]) -> list[TileGroup]:
    """The tiles by kind, in the order of most payers; an unknown kind comes last."""
    kinds = [*KINDS, *sorted({tile.offer.kind for tile in tiles} - set(KINDS))]
    groups = [
        TileGroup(
            kind,
            [tile for tile in tiles if tile.offer.kind == kind and tile.offer.why_not is None],
            [tile for tile in tiles if tile.offer.kind == kind and tile.offer.why_not is not None],
        )
        for kind in kinds
    ]
    return [group for group in groups if group.open or group.closed]
