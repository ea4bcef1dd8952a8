"""The one table of a whole run, and the file that it is written to."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.kit import summary
from benchmarks.kit.summary import AIMS, Aim


@pytest.mark.parametrize(
    ("aim", "figure", "is_met"),
    [
        (Aim("a", "", 0.5), 0.5, True),
        (Aim("a", "", 0.5), 0.49, False),
        (Aim("a", "", 50, is_upper=True), 50, True),
        (Aim("a", "", 50, is_upper=True), 51, False),
        (Aim("a", ""), 1, None),
    ],
)
def test_a_bound_is_kept_or_not(aim: Aim, figure: float, *, is_met: bool | None) -> None:
    assert aim.is_met(figure) is is_met


def test_the_table_says_what_was_measured_and_what_missed_its_aim() -> None:
    console = Console(file=StringIO(), width=160)
    figures = {
        "pgbench_ratio": 0.4,
        "rss_mib": 200.0,
        "facts": {"cores": 2},
        "machine": {"versions": {"Python": "3"}},
    }
    summary.show(figures, console)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    lines = {line.split()[1]: line for line in told.splitlines() if "│" in line and line.split()[1] != "what"}
    assert "no" in lines["pgbench_ratio"].split()
    assert "yes" in lines["rss_mib"].split()
    assert "naive_ratio" not in told
    assert "cores: 2" in told
    assert "versions: Python 3" in told


def test_what_is_written_stands_beside_what_stood_there_with_the_aims_first(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    summary.write({"turns": [1], "pgbench_ratio": 0.4}, path)
    summary.write({"turns": [2], "payments_per_second": 900}, path)
    assert json.loads(path.read_text()) == {"turns": [2], "pgbench_ratio": 0.4, "payments_per_second": 900}
    assert list(json.loads(path.read_text())) == ["payments_per_second", "pgbench_ratio", "turns"]


def test_the_figures_that_are_kept_hold_a_number_for_every_aim_that_the_short_bench_has() -> None:
    standing = summary.stored_figures()
    missing = [aim.name for aim in AIMS if not isinstance(standing.get(aim.name), int | float)]
    soak = {"soak_rate_drift", "soak_p99_drift"}
    long = {"reconcile_10m_seconds", "reconcile_10m_worker_rss_mb", "reconcile_10m_mirror_seconds"}
    assert set(missing) <= {"growth_ratio", *soak, *long}


def test_the_page_of_the_docs_says_what_the_figures_that_are_kept_say() -> None:
    assert summary.PAGE.read_text(encoding="utf-8") == summary.render_page(summary.stored_figures())
