"""How the ways to pay are arranged: few by kind, many with the most chosen first."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.brands import Brand, derived_brand
from ekpay_switch.flows.merchants.offers import Offer, UnavailableReason
from ekpay_switch.web.checkout.tiles import (
    FIRST_MAX,
    MOST_USED,
    SUMS_MAX,
    Choices,
    Popularity,
    Tile,
    arrange_offers,
    brand_of,
)
from tests.fakes.connectors import BKASH

NOTHING_KNOWN = Popularity({}, {})
WALLETS = [f"w{number:02}" for number in range(9)]


def an_offer(name: str, charge: int = 1_500, *, kind: str = "wallet", is_open: bool = True) -> Offer:
    charges = Charges(Money(charge), Money(500), Money(75))
    return Offer(
        instrument=name,
        kind=kind,
        profile=replace(BKASH, id=name, name_en=name),
        charges=charges,
        total=Money(100_000 + charge + 575),
        why_not=None if is_open else UnavailableReason.UNAVAILABLE,
        until=None,
        is_shaky=False,
        amount_min=Money(100),
        amount_max=Money(3_000_000),
    )


def all_tiles(choices: Choices) -> list[Tile]:
    return [tile for group in (*choices.first, *choices.more) for tile in (*group.open, *group.closed)]


def names(tiles: Sequence[Tile]) -> list[str]:
    return [tile.offer.instrument for tile in tiles]


def test_few_ways_stand_by_kind_and_nothing_is_folded_away() -> None:
    offered = [an_offer("bank", kind="account"), an_offer("card", kind="card"), an_offer("bkash")]
    choices = arrange_offers(offered, NOTHING_KNOWN)
    assert [(group.kind, names(group.open)) for group in choices.first] == [
        ("wallet", ["bkash"]), ("card", ["card"]), ("account", ["bank"]),
    ]  # fmt: skip
    assert (choices.more, choices.more_count) == ((), 0)


def test_of_many_the_most_chosen_come_first_then_the_place_then_the_name() -> None:
    popularity = Popularity({"w08": 5, "w07": 9}, {"w05": 1, "w06": 2})
    choices = arrange_offers([an_offer(name) for name in WALLETS], popularity)
    (first,) = choices.first
    assert (first.kind, names(first.open)) == (MOST_USED, ["w07", "w08", "w05", "w06", "w00", "w01"])
    assert choices.instruments_in_more == {"w02", "w03", "w04"}


def test_the_one_used_last_in_this_browser_is_on_top_and_says_so() -> None:
    popularity = Popularity({"w07": 9}, {}, last_used="w04")
    first = arrange_offers([an_offer(name) for name in WALLETS], popularity).first[0].open
    assert names(first)[:2] == ["w04", "w07"]
    assert [tile.is_last for tile in first] == [True, *[False] * 5]


def test_what_is_closed_takes_no_place_among_the_first() -> None:
    offered = [an_offer(name, is_open=name != "w00") for name in WALLETS]
    choices = arrange_offers(offered, Popularity({"w00": 1_000}, {}, last_used="w00"))
    assert names(choices.first[0].open) == WALLETS[1:7]
    assert [names(group.closed) for group in choices.more] == [["w00"]]
    assert choices.more_count == 3
    assert not any(tile.is_last or tile.sum_number for tile in choices.more[0].closed)


def test_an_equal_total_is_said_once_and_nobody_is_the_cheapest() -> None:
    choices = arrange_offers([an_offer(name) for name in WALLETS], NOTHING_KNOWN)
    assert choices.same_total == Money(102_075)
    assert not any(tile.has_note for tile in all_tiles(choices))
    assert [line.number for line in choices.sums] == [1]


def test_where_totals_differ_each_says_its_own_and_the_cheapest_are_marked() -> None:
    choices = arrange_offers([an_offer("a", 300), an_offer("b", 900), an_offer("c", 300)], NOTHING_KNOWN)
    tiles = {tile.offer.instrument: tile for tile in all_tiles(choices)}
    assert {name for name, tile in tiles.items() if tile.is_cheapest} == {"a", "c"}
    assert all(tile.shows_total for tile in tiles.values())
    assert [(line.number, line.total.minor, line.charge.minor, line.fees.minor) for line in choices.sums] == [
        (1, 100_875, 300, 575), (2, 101_475, 900, 575),
    ]  # fmt: skip
    assert (choices.least, choices.most, choices.same_total) == (Money(100_875), Money(101_475), None)


def test_a_closed_one_has_no_sum_and_sets_no_least() -> None:
    choices = arrange_offers([an_offer("a", 0, is_open=False), an_offer("b", 900)], NOTHING_KNOWN)
    assert choices.same_total == Money(101_475)
    assert [tile.sum_number for tile in all_tiles(choices)] == [1, 0]


def test_sums_beyond_those_that_the_style_knows_have_no_number() -> None:
    offered = [an_offer(f"w{number:02}", number) for number in range(SUMS_MAX + 2)]
    numbers = {tile.sum_number for tile in all_tiles(arrange_offers(offered, NOTHING_KNOWN))}
    assert numbers == set(range(SUMS_MAX + 1))


def test_nothing_offered_is_no_choice() -> None:
    choices = arrange_offers([], NOTHING_KNOWN)
    assert (list(choices.first), list(choices.more), list(choices.sums)) == ([], [], [])
    assert choices.same_total is None


def test_a_tile_is_that_of_the_manifest_or_derived() -> None:
    own = Brand("#123456", "bK", 1)
    assert brand_of(replace(BKASH, brand=own)) == own
    assert brand_of(BKASH) == derived_brand("bkash", "bKash")


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 9)), max_size=20),
    st.integers(0, 25),
)
def test_every_offer_is_shown_once_and_an_open_one_can_be_chosen(
    drawn: list[tuple[int, bool, int]], last: int
) -> None:
    offered = [
        an_offer(f"w{number:02}", charge * 100, is_open=is_open)
        for number, (charge, is_open, _) in enumerate(drawn)
    ]
    chosen = {f"w{number:02}": uses for number, (_, _, uses) in enumerate(drawn)}
    choices = arrange_offers(offered, Popularity(chosen, {}, f"w{last:02}"))
    assert sorted(names(all_tiles(choices))) == sorted(offer.instrument for offer in offered)
    open_first = [tile for group in choices.first for tile in group.open]
    assert len(open_first) == min(FIRST_MAX, sum(is_open for _, is_open, _ in drawn))
    for tile in all_tiles(choices):
        if tile.sum_number:
            assert choices.sums[tile.sum_number - 1].total == tile.offer.total


@pytest.mark.parametrize("kind", ["voucher"])
def test_a_kind_that_we_do_not_know_comes_last(kind: str) -> None:
    choices = arrange_offers([an_offer("v", kind=kind), an_offer("b")], NOTHING_KNOWN)
    assert [group.kind for group in choices.first] == ["wallet", kind]
