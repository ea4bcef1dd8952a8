"""Growth, soak and their figures, from numbers that nobody measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import endurance as full
from benchmarks.kit import summary
from benchmarks.kit.turns import Turn
from benchmarks.paying import soak
from benchmarks.paying.growth import Growth, GrowthSide
from benchmarks.paying.prefill import PrefillResult, Sizes
from benchmarks.paying.soak import Cycle, Relation, Soak, end_to_start_ratio


def _turn(rate: float) -> Turn:
    return Turn(
        "pay", 128, 1_000, rate, {"p50": 40.0, "p99": 90.0}, {"switch": 1.0, "postgres": 0.5}, 7_000.0
    )


def _side(payments: int, *rates: float) -> GrowthSide:
    sizes = Sizes({"payments": 300 * payments}, {"payments": {"pk_payments": 40 * payments}})
    filled = PrefillResult(payments, {"rows": 2.0, "vacuum": 3.0}, sizes)
    return GrowthSide(filled, tuple(map(_turn, rates)), 1.5, sizes, 120.0)


def _growth(large: tuple[float, ...] = (900.0, 1_800.0, 1_000.0)) -> Growth:
    small = _side(100, 1_000.0, 2_000.0, 1_000.0)
    return Growth(small, _side(10_000, *large), {"small": ("clean", 1.0), "large": ("clean", 9.0)})


CYCLE = Cycle(60.0, 500.0, 5.0, 20.0, 1_000.0, 90.0, 150.0, 90.0, 1_000, 2.0, 0.5)
RELATION = Relation(100, 5, 10, 0, 0, 0, 8_192, 8_192)


def _soak(cycles: tuple[Cycle, ...]) -> Soak:
    after = replace(RELATION, updated=30, updated_in_place=5, vacuums=2, bytes=16_384)
    return Soak(30.0, 500.0, cycles, {"payments": RELATION}, {"payments": after}, 3, ("clean", 60.0))


def test_growth_is_the_median_of_pairs_and_not_of_sides() -> None:
    assert _growth().ratio == 0.9
    # The machine was slow in the second pair only: no pair says that the large side is slower.
    small, large = (1_000.0, 100.0, 1_000.0), (1_000.0, 100.0, 1_000.0)
    assert Growth(_side(1, *small), _side(1, *large), {}).ratio == 1.0


def test_what_more_work_a_payment_makes_is_told_beside_the_clock() -> None:
    assert _growth().cpu_ratio == pytest.approx(0.9, rel=0.2)


def test_what_was_not_completed_is_told() -> None:
    turns = tuple(replace(_turn(900.0), not_completed=count) for count in (0, 64, 0))
    growth = replace(_growth(), large=replace(_growth().large, turns=turns))
    assert growth.figures()["growth"]["large"]["not_completed"] == 64
    assert growth.figures()["growth"]["small"]["not_completed"] == 0
    assert _soak((CYCLE,)).figures()["soak"]["not_completed"] == 3


def test_books_that_do_not_hold_are_no_success() -> None:
    assert _growth().is_clean
    assert not replace(_growth(), audits={"small": ("clean", 1.0), "large": ("payments 1", 2.0)}).is_clean
    broken = replace(_soak((CYCLE,)), audit=("payments 1", 1.0))
    assert not full.EnduranceResult(_growth(), broken, 1.0, {}).is_clean


def test_drift_is_the_last_minutes_over_the_first() -> None:
    cycles = [replace(CYCLE, full_rate=1_000.0 - 10 * n) for n in range(30)]
    assert end_to_start_ratio(cycles, "full_rate", 5) == pytest.approx(730 / 980)
    assert end_to_start_ratio(cycles[:1], "full_rate", 5) == 1.0
    with pytest.raises(ValueError, match="nothing"):
        end_to_start_ratio([], "full_rate", 5)


def test_tables_tell_what_was_updated_in_place_since_the_start() -> None:
    figures = _soak((CYCLE, CYCLE)).figures()["soak"]
    assert figures["tables"]["payments"]["updated_in_place"] == 0.25
    assert figures["autovacuum_runs"] == {"payments": 2}


def test_figures_join_those_that_stand(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text('{"pgbench_ratio": 1.04, "growth_ratio": 0.1}')
    summary.write(full.EnduranceResult(_growth(), _soak((CYCLE,)), 80.0, {}).figures(), results)
    told = json.loads(results.read_text())
    assert (told["pgbench_ratio"], told["growth_ratio"], told["soak_rate_drift"]) == (1.04, 0.9, 1.0)
    assert told["existing"]["payments"] == 10_000


def test_all_of_it_is_shown() -> None:
    console = Console(record=True, width=160, quiet=False)
    full.EnduranceResult(_growth(), _soak((CYCLE,)), 80.0, {}).show(console)
    said = console.export_text()
    for words in ("growth: 0.90", "page images a payment", "soak of 30 minutes", "in place", "pk_payments"):
        assert words in said


def test_every_hot_table_is_watched() -> None:
    assert {"payments", "lanes", "accounts", "scroll_counters"} <= set(soak.HOT)
