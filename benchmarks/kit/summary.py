"""The results of a whole run in one table: each number with its aim, and the machine.

`python -m benchmarks.kit.summary` writes docs/operations/how-fast.md from results.json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parents[1] / "results.json"
_TEMPLATE = Path(__file__).with_name("how_fast.md")
PAGE = Path(__file__).parents[2] / "docs" / "operations" / "how-fast.md"


@dataclass(frozen=True, slots=True)
class Aim:
    """A number of results.json, its description, and its bound (architecture.md 8)."""

    name: str
    description: str
    bound: float | None = None
    is_upper: bool = False

    def is_met(self, figure: float) -> bool | None:
        """Whether the bound is kept; None where there is none."""
        if self.bound is None:
            return None
        return figure <= self.bound if self.is_upper else figure >= self.bound

    def bound_text(self) -> str:
        """The bound in words."""
        if self.bound is None:
            return ""
        return f"{'at most' if self.is_upper else 'at least'} {self.bound:g}"


AIMS = (
    Aim("payments_per_second", "payments through one switch process, a second"),
    Aim("pgbench_ratio", "÷ pgbench at its best, the same rows one payment at a time (later 1.0)", 0.5),
    Aim("fetch_and_pay_ratio", "fetch and pay together ÷ the same"),
    Aim("naive_ratio", "÷ one SQLAlchemy transaction per step", 5),
    Aim("hot_ratio", "one biller with 60 % of the traffic ÷ all billers alike", 0.9),
    Aim("added_p50_ms", "added by the switch at half load, median, ms"),
    Aim("added_p99_ms", "the same, 99 of 100, ms", 50, is_upper=True),
    Aim("two_process_gain", "two processes ÷ one, partners spread", 1.2),
    Aim(
        "bulkhead_loss", "part of the rate that one hanging biller takes from the others", 0.05, is_upper=True
    ),
    Aim("connector_hang_loss", "the same of a hanging connector", 0.05, is_upper=True),
    Aim("round_trips_per_payment", "SQL round trips a payment, whole", 3, is_upper=True),
    Aim("rss_mib", "memory of one switch process under load, MiB", 300, is_upper=True),
    Aim("routing_decision_us", "one routing decision among 25 connectors, µs", 50, is_upper=True),
    Aim("bench_minutes", "minutes that `make bench` takes", 10, is_upper=True),
    Aim("growth_ratio", "among ten million payments ÷ among ten thousand", 0.9),
    Aim("soak_rate_drift", "the rate after half an hour under load ÷ at its start, among ten million"),
    Aim("soak_p99_drift", "the same of the 99th percentile at half load"),
    Aim("portal_p95_ms", "95 of 100 pages, fifty citizens among a million payments, ms", 200, is_upper=True),
    Aim("reconcile_1m_seconds", "a million payments reconciled, s", 3, is_upper=True),
    Aim("reconcile_1m_rss_mb", "the same, MB", 700, is_upper=True),
    Aim("reconcile_1m_duckdb_ratio", "the same ÷ a bare DuckDB statement", 2, is_upper=True),
    Aim("reconcile_10m_seconds", "ten million in 65 files, s", 10, is_upper=True),
    Aim("reconcile_10m_worker_rss_mb", "the same, MB a worker", 300, is_upper=True),
    Aim("reconcile_10m_mirror_seconds", "mirrors of their lines, made before, s"),
)
_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")
_WORDING = {True: "yes", False: "no", None: ""}


def table(figures: Mapping[str, Any]) -> Table:
    """Every number that there is, in the order of AIMS."""
    grid = Table("what", "", "number", "aim", "met", title="the whole bench", title_justify="left")
    for aim in AIMS:
        if (figure := figures.get(aim.name)) is not None:
            is_met = aim.is_met(figure)
            style = "bold red" if is_met is False else None
            grid.add_row(
                aim.name, aim.description, f"{figure:g}", aim.bound_text(), _WORDING[is_met], style=style
            )
    return grid


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print the table, and under it what the numbers depend on."""
    console.print(table(figures))
    facts = {**figures.get("machine", {}), **figures.get("facts", {})}
    for name, fact in facts.items():
        text = (
            ", ".join(f"{key} {value}" for key, value in fact.items()) if isinstance(fact, Mapping) else fact
        )
        console.print(f"  {name}: {text}", markup=False, highlight=False)


def stored_figures(path: Path = RESULTS) -> dict[str, Any]:
    """The stored figures; empty if there are none."""
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return figures


def write(figures: Mapping[str, Any], path: Path = RESULTS) -> dict[str, Any]:
    """Merge figures into the stored ones, those with an aim first; returns the document."""
    merged = stored_figures(path) | dict(figures)
    first = {aim.name: merged[aim.name] for aim in AIMS if aim.name in merged}
    document = first | merged
    path.write_text(json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n", encoding="utf-8")
    if path == RESULTS:
        main()
    return document


def render_page(figures: Mapping[str, Any]) -> str:
    """The whole page of the docs."""
    machine, facts = figures["machine"], figures["facts"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    kernel, settings = machine["kernel"], ", ".join(f"{name} {facts[name]}" for name in _SETTINGS)
    full = figures.get("full_machine", machine)
    sentences = [
        f"Measured on {machine['date']} on {machine['machine']}, {facts['cores']} cores, {kernel}.",
        f"Growth and soak: on {full['date']} on {full['machine']}, {full['kernel']}.",
        f"{versions}.",
        f"{settings}; flushing 8 KiB to the disk takes {machine['flush_ms']:.2f} ms.",
        f"Other processes used at most {figures['disturbance_cores']:.2f} cores during a turn.",
    ]
    return _TEMPLATE.read_text(encoding="utf-8").format(
        machine="\n".join(sentences),
        rows="\n".join(_row(aim, figures.get(aim.name)) for aim in AIMS),
        limited_by=figures["limited_by"],
        connections=facts["connections"],
        partners=facts["partners"],
    )


def _row(aim: Aim, figure: float | None) -> str:
    if figure is None:
        return f"| `{aim.name}`: {aim.description} | not measured | {aim.bound_text()} | |"
    verdict = _WORDING[aim.is_met(figure)]
    return f"| `{aim.name}`: {aim.description} | {figure:g} | {aim.bound_text()} | {verdict} |"


def main() -> None:
    """Write the page from the stored figures."""
    PAGE.write_text(render_page(stored_figures()), encoding="utf-8")


if __name__ == "__main__":
    main()
