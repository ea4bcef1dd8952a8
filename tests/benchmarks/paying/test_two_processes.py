"""How the load of two processes is shared out, and what is made of their turns."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.kit.load import LoadResult, combined_result, split_by_process
from benchmarks.kit.prepared_requests import PreparedRequest
from benchmarks.kit.turns import Turn
from benchmarks.paying.two_processes import Pairs, TwoProcessGain

TOKENS = st.lists(st.integers(1, 16), max_size=50)


def _bodies(tokens: list[int]) -> list[PreparedRequest]:
    return [PreparedRequest(token, f"{number}") for number, token in enumerate(tokens)]


@given(TOKENS)
def test_a_partner_is_loaded_at_one_place_and_every_body_at_one(tokens: list[int]) -> None:
    prepared = _bodies(tokens)

    shares = split_by_process(prepared, 16, 2)

    assert sorted(one.body for share in shares for one in share) == sorted(one.body for one in prepared)
    assert not {one.token for one in shares[0]} & {one.token for one in shares[1]}


@pytest.mark.parametrize("places", [1, 2, 4])
def test_partners_are_shared_out_evenly_and_in_neighbours_of_odd_and_even_lanes(places: int) -> None:
    shares = [
        [one.token for one in share] for share in split_by_process(_bodies(list(range(1, 17))), 16, places)
    ]

    assert [len(share) for share in shares] == [16 // places] * places
    assert all({token % 2 for token in share} == {0, 1} for share in shares)


@given(st.integers(0, 20))
def test_a_single_partner_goes_to_all_places_in_turn(bodies: int) -> None:
    shares = split_by_process(_bodies([1] * bodies), 1, 2)

    assert len(shares[0]) - len(shares[1]) in {0, 1}
    assert len(shares[0]) + len(shares[1]) == bodies


def _seen(answered: int, seconds: float, p99: float, left: list[int], **more: int) -> LoadResult:
    others: dict[str, Any] = {"not_2xx": 0, "broken": 0} | more
    return LoadResult(
        seconds=seconds,
        sent=answered + 1,
        answered=answered,
        percentiles_ms={"p99": p99},
        unsent=tuple(_bodies(left)),
        **others,
    )


def test_what_two_saw_is_counted_once_over_the_longer_time() -> None:
    both = combined_result([_seen(100, 2.0, 30.0, [1, 1, 1], broken=1), _seen(50, 2.5, 40.0, [9], not_2xx=2)])

    assert (both.answered, both.sent, both.rate) == (150, 152, 60.0)
    assert (both.not_2xx, both.broken) == (2, 1)
    assert both.percentiles_ms == {"p99": 40.0}
    assert [one.token for one in both.unsent] == [1, 9, 1, 1]


def _turn(rate: float, first: float, second: float) -> Turn:
    cores = {"switch": first, "second switch": second, "postgres": 0.5, "others": 9.0}
    return Turn("pay", 128, 1, rate, {}, cores, 0.0, batch_size=10.0)


def test_the_gain_is_the_median_of_pairs_and_the_single_partner_has_its_own() -> None:
    spread = Pairs(
        tuple(_turn(rate, 1.0, 0.0) for rate in (1_000, 500, 1_000)),
        tuple(_turn(rate, 0.6, 0.6) for rate in (1_200, 650, 2_000)),
    )
    single = Pairs((_turn(800, 1.0, 0.0),), (_turn(720, 0.6, 0.6),))

    figures = TwoProcessGain(spread, single, (90.0, 91.0), "clean").figures()

    assert figures["two_process_gain"] == 1.3
    details = figures["two_processes"]
    assert details["single_partner_gain"] == 0.9
    assert details["switch_ms_each"] == {"one": 1.0, "two": 1.0}
    assert details["all_ms_each"] == {"one": 1.5, "two": 1.42}
    assert details["payments_per_second"] == {"one": 1_000.0, "two": 1_200.0}
