"""What is reckoned about mixes of billers: who is paid how often, and what is compared with what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.kit.payment_counts import BooksError
from benchmarks.kit.prepared_requests import (
    DESCO,
    AccountsSpentError,
    PreparedRequest,
    RequestStock,
    interleave,
)
from benchmarks.kit.stage import settings_of
from benchmarks.paying.hot_biller import (
    BILLERS,
    DIRECT,
    HOT_BILLER,
    HOT_SHARE,
    UNIFORM,
    HotBillerResult,
    MixTurn,
    PaidCounts,
    counts_between,
    payees_of,
    refuse_other_mix,
    weighted_rate,
    weights_of,
)
from sandbox.kit.biller.accounts import NORMAL_MAX

_WEIGHTS = st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 12), min_size=1, max_size=6)


def _turn(hot: str, rate: float) -> MixTurn:
    return MixTurn(hot, 100, rate, {"p99": 1.0}, 1.0, {}, {})


class TestMix:
    def test_the_hot_biller_takes_sixty_in_a_hundred_and_the_others_the_same(self) -> None:
        weights = weights_of(DESCO.id)
        assert weights[DESCO.id] / sum(weights.values()) == HOT_SHARE
        assert len({weights[biller] for biller in DIRECT}) == 1

    def test_all_alike_is_alike(self) -> None:
        assert set(weights_of(UNIFORM).values()) == {1}

    def test_every_biller_hot_in_its_turn_makes_up_the_uniform_mix(self) -> None:
        paid = dict.fromkeys(BILLERS, 0)
        for hot in BILLERS:
            for biller, weight in weights_of(hot).items():
                paid[biller] += weight
        assert len(set(paid.values())) == 1

    @given(_WEIGHTS)
    def test_a_period_holds_each_name_as_often_as_it_weighs(self, weights: dict[str, int]) -> None:
        order = interleave(weights)
        assert {name: order.count(name) for name in weights} == weights

    @given(_WEIGHTS)
    def test_any_beginning_of_a_period_is_nearly_the_mix(self, weights: dict[str, int]) -> None:
        order, whole = interleave(weights), sum(weights.values())
        for length in range(1, whole + 1):
            for name, weight in weights.items():
                assert abs(order[:length].count(name) - length * weight / whole) < len(weights)

    def test_a_turn_that_paid_another_mix_is_refused(self) -> None:
        with pytest.raises(BooksError, match="60 of 100"):
            refuse_other_mix("pay", {"a": 60, "b": 40}, {"a": 1, "b": 1})

    def test_a_turn_that_was_cut_off_within_a_period_is_not(self) -> None:
        refuse_other_mix("pay", {"a": 51, "b": 49}, {"a": 1, "b": 1})
        with pytest.raises(BooksError, match="53 of 100"):
            refuse_other_mix("pay", {"a": 53, "b": 47}, {"a": 1, "b": 1})

    def test_growth_counts_only_what_came_in_between_and_only_these_billers(self) -> None:
        before, after = (
            {"a": PaidCounts(1, 2)},
            {"a": PaidCounts(4, 6), "b": PaidCounts(5, 5), "c": PaidCounts(9, 9)},
        )
        assert counts_between(before, after, ("a", "b")) == {"a": PaidCounts(3, 4), "b": PaidCounts(5, 5)}


class TestRatio:
    def test_times_add_up_and_not_rates(self) -> None:
        assert weighted_rate(100.0, 200.0) == pytest.approx(1 / (0.2 / 100 + 0.8 / 200))

    def test_a_dear_adapter_alone_makes_no_hotness(self) -> None:
        """Times of 1 for DESCO and 2 for the others, whoever is hot: only the mix differs."""
        rates = {hot: 1 / _mean_time(hot) for hot in (UNIFORM, DESCO.id, HOT_BILLER)}
        result = HotBillerResult(tuple(_turn(hot, rate) for hot, rate in rates.items()), "clean")
        assert result.hot_ratio == pytest.approx(1.0)
        assert result.ratio_of(DESCO.id) > 1 > result.ratio_of(HOT_BILLER)

    def test_the_ratio_is_the_median_of_the_rounds(self) -> None:
        rounds = ((100.0, 90.0), (200.0, 100.0), (50.0, 50.0))
        turns = [
            _turn(hot, rate)
            for uniform, hot_rate in rounds
            for hot, rate in ((UNIFORM, uniform), (DESCO.id, hot_rate), (HOT_BILLER, hot_rate))
        ]
        assert HotBillerResult(tuple(turns), "clean").figures()["hot_ratio"] == 0.9


def _mean_time(hot: str) -> float:
    weights = weights_of(hot)
    times = {biller: 1.0 if biller == DESCO.id else 2.0 for biller in weights}
    return sum(weights[biller] * times[biller] for biller in weights) / sum(weights.values())


class TestStage:
    def test_a_switch_is_told_of_every_biller_that_pays_here(self) -> None:
        served = {"DESCO": "http://127.0.0.1:1/desco/api", "DIRECT": "http://127.0.0.1:2/direct/api"}
        told = settings_of(served)
        assert told["EKPAY_DESCO_URL"] == "http://127.0.0.1:1/desco/api"
        for biller in DIRECT:
            assert told[f"EKPAY_{biller.upper()}_URL"] == f"http://127.0.0.1:2/direct/api/{biller}"
            assert told[f"EKPAY_{biller.upper()}_PASSWORD"]

    def test_a_switch_is_told_of_no_biller_that_is_not_served(self) -> None:
        assert set(settings_of({"DESCO": "http://127.0.0.1:1/desco/api"})) == {"EKPAY_DESCO_URL"}


class TestPrepared:
    def test_every_account_of_a_house_is_named_once_as_its_manifest_wants_it(self) -> None:
        for payee in payees_of(DIRECT):
            named = [payee.members(nth) for nth in range(200)]
            assert len({tuple(members.values()) for members in named}) == len(named)

    def test_a_house_without_further_accounts_says_so(self) -> None:
        (payee,) = payees_of([HOT_BILLER])
        with pytest.raises(AccountsSpentError):
            payee.members(NORMAL_MAX)

    def test_what_a_turn_did_not_get_to_comes_first_in_the_next(self) -> None:
        stock = RequestStock()
        stock.add([PreparedRequest(1, f"{biller}{number}", biller) for number in range(3) for biller in "ab"])
        taken = stock.take(("a", "a", "b"), 3)
        assert [one.body for one in taken] == ["a0", "a1", "b0"]
        stock.put_back(taken[1:])
        assert [one.body for one in stock.take(("b", "a"), 4)] == ["b0", "a1", "b1", "a2"]

    def test_a_stock_that_runs_out_is_an_error(self) -> None:
        stock = RequestStock()
        stock.add([PreparedRequest(1, "a0", "a")])
        with pytest.raises(IndexError):
            stock.take(("a",), 2)
