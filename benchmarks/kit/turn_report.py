"""The results of the bench's main turns, for a person and as JSON."""

import os
import platform
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.kit import processor_usage as usage
from benchmarks.kit.load import Load
from benchmarks.kit.stage import Stage
from benchmarks.kit.turns import WITHOUT_SCROLL, RowsPerPayment, Turn

_FULL = 0.85  # of a core or of the machine: a turn's first moments, in which wrk reads its file, are idle
_DISTURBED = 0.2  # cores used by other processes: with more, the two sides were not measured alike
_NOT_OURS = frozenset({"others", "waiting for disk"})
_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "server_version")


@dataclass(frozen=True, slots=True)
class TurnReport:
    """Every turn in order, the rows of a payment on both sides, the circumstances, the audit's last line."""

    turns: tuple[Turn, ...]
    rows: dict[str, RowsPerPayment]
    facts: dict[str, Any]
    audit: str

    def rate(self, kind: str, clients: int | None = None) -> float:
        """The median rate of a kind of turn, 0 if there was none."""
        rates = [t.rate for t in self.turns if t.kind == kind and clients in {None, t.clients}]
        return median(rates) if rates else 0.0

    @property
    def reference_clients(self) -> list[int]:
        """The numbers of clients that pgbench ran with."""
        return sorted({turn.clients for turn in self.turns if turn.kind == "pgbench"})

    @property
    def reference(self) -> float:
        """The rate of pgbench with its best number of clients."""
        return max(self.rate("pgbench", clients) for clients in self.reference_clients)

    @property
    def fetch_and_pay(self) -> float:
        """Fetching and paying a bill, one after the other: the two times add up."""
        return 1 / (1 / self.rate("fetch") + 1 / self.rate("pay"))

    @property
    def disturbance(self) -> float:
        """The most that other processes used during a turn, in cores."""
        return max(turn.cores["others"] for turn in self.turns)

    def median_turn(self, kind: str, clients: int | None = None) -> Turn:
        """The turn of this kind whose rate is the median, or just below it."""
        chosen = [turn for turn in self.turns if turn.kind == kind and clients in {None, turn.clients}]
        ordered = sorted(chosen, key=lambda turn: turn.rate)
        return ordered[(len(ordered) - 1) // 2]


async def facts(stage: Stage, load: Load) -> dict[str, Any]:
    """The facts that the numbers depend on."""
    settings = {name: await stage.connection.fetchval(f"SHOW {name}") for name in _SETTINGS}
    return {
        **settings,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "partners": len(stage.partners),
        "connections": load.connections,
        "wrk_threads": load.threads,
        "switch_memory_mib": round(usage.memory_mib(stage.pids["switch"]), 1),
        "settings_tried": {
            name: text
            for name, text in sorted(os.environ.items())
            if name.startswith("EKPAY_") and not name.endswith(("PASSWORD", "KEY", "URL"))
        },
    }


def show(report: TurnReport, console: Console) -> None:
    """Print ratios, absolute figures and what limits them."""
    console.print(_ratios(report))
    console.print(_references(report))
    console.print(_rows(report.rows))
    for kind in ("fetch", "pay"):
        console.print(_turn_text(report.median_turn(kind)), highlight=False)
    best = max(report.reference_clients, key=lambda clients: report.rate("pgbench", clients))
    console.print(_turn_text(report.median_turn("pgbench", best)), highlight=False)
    console.print(f"what limits paying: {limiting_resource(report)}", highlight=False)
    if report.disturbance > _DISTURBED:
        warning = (
            f"other processes used up to {report.disturbance:.2f} cores during a turn: believe none of this"
        )
        console.print(warning, style="bold red", highlight=False)
    console.print(", ".join(f"{name} {value}" for name, value in report.facts.items()), highlight=False)
    console.print(f"audit: {report.audit}")


def _ratios(report: TurnReport) -> Table:
    table = Table("what", "a second", "÷ pgbench", "aim", title="payments through one switch process")
    pay, best = report.rate("pay"), report.reference
    table.add_row("pay (bill fetched before)", f"{pay:.0f}", f"{pay / best:.2f}", "0.5, later 1.0")
    fetch_and_pay = report.fetch_and_pay
    table.add_row(
        "fetch + pay: 1 / (1/fetch + 1/pay)", f"{fetch_and_pay:.0f}", f"{fetch_and_pay / best:.2f}", ""
    )
    table.add_row("fetch by account (two calls of the biller)", f"{report.rate('fetch'):.0f}", "", "")
    table.add_row("pgbench, its best", f"{best:.0f}", "1.00", "")
    free = report.rate(WITHOUT_SCROLL)
    table.add_row("pgbench where no counter is shared, 16 clients", f"{free:.0f}", f"{free / best:.2f}", "")
    return table


def _references(report: TurnReport) -> Table:
    table = Table("clients", "payments a second", "mean ms", title="pgbench, medians")
    for clients in report.reference_clients:
        rate = report.rate("pgbench", clients)
        table.add_row(str(clients), f"{rate:.0f}", f"{1_000 * clients / rate:.1f}")
    return table


def _rows(rows: dict[str, RowsPerPayment]) -> Table:
    table = Table("table", *(f"{side}, {kind}" for side in rows for kind in ("inserted", "updated")))
    table.title = "rows that one payment writes"
    names = sorted({name for side in rows.values() for name in side.inserted | side.updated})
    for name in names:
        counted = [part.get(name, 0.0) for side in rows.values() for part in (side.inserted, side.updated)]
        table.add_row(name, *(f"{number:.2f}" for number in counted))
    return table


def _turn_text(turn: Turn) -> str:
    cores = ", ".join(f"{part} {share:.2f}" for part, share in turn.cores.items() if round(share, 2))
    each = ", ".join(f"{part} {1_000 * turn.cores[part] / turn.rate:.2f}" for part in _parts(turn))
    latency = ", ".join(f"{name} {ms:.1f} ms" for name, ms in turn.latency_ms.items())
    batch = f"; batch {turn.batch_size:.1f} steps in {turn.batch_ms:.1f} ms" if turn.batch_size else ""
    first = f"{turn.kind} ({turn.clients} connections, median turn {turn.rate:.0f}/s): {latency}{batch}"
    return (
        f"{first}\n  cores: {cores}\n  each costs: ms of a core {each}; log {turn.wal_bytes_each:.0f} bytes"
    )


def _parts(turn: Turn) -> list[str]:
    """Our processes that used the processor in this turn."""
    return [part for part, share in turn.cores.items() if part not in _NOT_OURS and round(share, 2)]


def limiting_resource(report: TurnReport) -> str:
    """The resource that limits a median turn of paying, as a sentence."""
    cores = report.median_turn("pay").cores
    ours = sum(share for part, share in cores.items() if part not in _NOT_OURS)
    machine, other_cores = os.cpu_count() or 1, cores["others"]
    if cores["switch"] >= _FULL:
        return f"the switch's one Python process ({cores['switch']:.2f} of a core)"
    if ours + other_cores >= _FULL * machine:
        return f"the processor: all {machine} cores are busy, {other_cores:.2f} of them with other things"
    return f"waiting: {ours:.2f} of {machine} cores in use, {cores['waiting for disk']:.2f} wait for the disk"


def figures(report: TurnReport) -> dict[str, Any]:
    """The keys of results.json, so that two runs can be compared."""
    return {
        "payments_per_second": round(report.rate("pay"), 1),
        "pgbench_ratio": round(report.rate("pay") / report.reference, 3),
        "fetch_and_pay_ratio": round(report.fetch_and_pay / report.reference, 3),
        "fetches_per_second": round(report.rate("fetch"), 1),
        "rss_mib": report.facts["switch_memory_mib"],
        "pgbench_payments_per_second": {
            str(c): round(report.rate("pgbench", c), 1) for c in report.reference_clients
        },
        "limited_by": limiting_resource(report),
        "disturbance_cores": round(report.disturbance, 2),
        "facts": report.facts,
        "rows_per_payment": {
            side: {"inserted": rows.inserted, "updated": rows.updated} for side, rows in report.rows.items()
        },
        "turns": [turn.figures() for turn in report.turns],
        "audit": report.audit,
    }
