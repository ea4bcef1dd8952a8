"""Which breaks a measured night must find, and what is made of its figures."""

from collections.abc import Sequence

import pytest
from rich.console import Console

from benchmarks.reconciling import day_of_rows as books
from benchmarks.reconciling.night import NightRun, breaks_fault, figures, ratios, show
from benchmarks.reconciling.partners import partner_name

ROWS = 800
STATEMENT = ("stmt_janata", "FILE_MISSING", "stmt_janata_20260401_01.sta", 0)


def _found(institutions: int) -> list[tuple[str, str, str, int]]:
    generated = [
        (partner_name(number), *one)
        for number in range(institutions)
        for one in books.expected(ROWS, 1 + number * ROWS)
    ]
    return [STATEMENT, *generated]


def _run(tree: str, seconds: float, reader_mb: float = 150.0) -> NightRun:
    steps = {"starting": 1.0, "committing": 2.0}
    return NightRun(tree, 200_000, seconds, 12.0, 3.0, 900.0, reader_mb, 1_000.0, steps)


def test_exactly_the_generated_breaks_are_no_fault() -> None:
    assert breaks_fault(_found(2), 2, ROWS) == ""
    assert len(_found(2)) == 1 + 2 * 4


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (_found(2)[:-1], "8 breaks, 0 not generated, 1 not found: "),
        ([*_found(2), ("partner00", "FILE_ONLY", "EKP", 5)], "10 breaks, 1 not generated, 0 not found: "),
        ([*_found(2), _found(2)[-1]], "10 breaks, 0 not generated, 0 not found: "),
        ([(*one[:3], one[3] + 1) for one in _found(2)], "9 breaks, 9 not generated, 9 not found: "),
    ],
)
def test_a_break_too_many_or_too_few_or_of_another_amount_is_a_fault(
    found: Sequence[tuple[str, str, str, int]], words: str
) -> None:
    assert breaks_fault(found, 2, ROWS).startswith(words)


def test_a_ratio_is_of_the_nights_of_one_pair() -> None:
    runs = [_run("this", 6.0), _run("before", 5.0), _run("this", 9.0), _run("before", 10.0)]

    assert ratios(runs, "this", "before") == [1.2, 0.9]


def test_the_figures_are_those_of_this_checkout_and_the_ratio_to_the_other() -> None:
    runs = [
        _run("this", 8.0),
        _run("before", 10.0),
        _run("this", 10.0, 160.0),
        _run("before", 10.0),
    ]

    values = figures(runs)

    assert (values["night_seconds"], values["night_rows_per_second"]) == (9.0, 22_500)
    assert (values["night_ratio"], values["night_reader_rss_mb"]) == (0.9, 160.0)
    assert len(values["night_runs"]) == 4
    assert "night_ratio" not in figures(runs[:1])


def test_the_table_has_each_step_and_the_ratio_of_each_pair() -> None:
    console = Console(width=120, record=True, quiet=False)

    show([_run("this", 6.0), _run("before", 5.0)], console)

    words = console.export_text()
    assert "committing, s" in words
    assert "this ÷ before, pair by pair: 1.200; median 1.200" in words
