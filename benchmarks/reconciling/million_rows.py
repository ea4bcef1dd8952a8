"""One million payments reconciled with one million rows, measured as a whole process.

It runs `ekpay reconcile check --json` without its command line: our lines from PostgreSQL, the file read by
its layout in config/statements, matched and classified, every break printed. In turns it runs one bare DuckDB
statement over the same inputs, and the same check on DuckDB within 256 MB. A run that does not find exactly
the generated breaks, by code, reference and amount, is refused. `--full` adds ten million payments in the
files of 65 partners, with two workers and our lines from mirrors, whose making is timed separately.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.kit import summary
from benchmarks.kit.errors import BenchError
from benchmarks.reconciling import day_of_rows as books
from benchmarks.reconciling.measured_process import OUTPUT_SUFFIX, URL
from benchmarks.reconciling.partners import PARTNER, file_name, partner_name, write_configuration
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres, Endpoint
from ekpay_switch.persistence.engine import Database
from ekpay_switch.persistence.migrate import migrate
from reconciliation.mirror.make_mirrors import make_missing, required_mirrors
from reconciliation.mirror.mirror_folder import MirrorFolder
from reconciliation.postgres_arrow import Database as LineBooks

ROWS = 1_000_000
PARTNERS, FULL_ROWS, WORKERS = 65, 10_000_000, 2
_LIMIT = "256MB"
_REPOSITORY = Path(__file__).resolve().parents[2]
_CONFIG = _REPOSITORY / "config"
# Aims: seconds, ratio to the bare statement, MB; the last two of the full run.
AIMS = {"seconds": 3.0, "ratio": 2.0, "rss_mb": 700, "full_seconds": 10.0, "full_worker_rss_mb": 300}


class ReconcileError(BenchError):
    """A run did not find the generated breaks, or failed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One process from start to end: wall and processor seconds, MB, and its result."""

    kind: str
    seconds: float
    cpu_seconds: float
    rss_mb: float
    result: dict[str, Any]

    def figures(self) -> dict[str, Any]:
        """The run as results.json has it."""
        fields = asdict(self)
        return {"what": fields.pop("kind"), "told": fields.pop("result"), **fields}


@dataclass(frozen=True, slots=True)
class ReconciliationRuns:
    """Runs in their order; `full` are the workers of the ten millions, `full_seconds` those of both together.

    `mirror_seconds` is the time to make the mirrors of their lines, before the workers start.
    """

    runs: tuple[Run, ...]
    full: tuple[Run, ...] = ()
    full_seconds: float = 0.0
    mirror_seconds: float = 0.0

    def of(self, kind: str) -> list[Run]:
        """The runs of one kind."""
        return [run for run in self.runs if run.kind == kind]

    def seconds(self, kind: str) -> float:
        """The fastest run; other load can only make a run slower."""
        return min(run.seconds for run in self.of(kind))

    @property
    def ratio(self) -> float:
        """The median ratio of each run to the bare one of its pair."""
        pairs = zip(self.of("product"), self.of("bare"), strict=True)
        return median(ours.seconds / bare.seconds for ours, bare in pairs)


@contextmanager
def _database() -> Iterator[tuple[Path, Endpoint]]:
    """A database of its own in a temporary folder, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ekpay-bench-"))
    server = EmbeddedPostgres(folder / "home")
    try:
        endpoint = server.start()
        dsn = endpoint.dsn
        asyncio.run(migrate(Database(dsn("ekpay_app"), dsn("ekpay_owner"), dsn("ekpay_audit"))))
        yield folder, endpoint
    finally:
        server.destroy()
        shutil.rmtree(folder)


async def _fill(endpoint: Endpoint, rows: int, institution: str = books.INSTITUTION, each: int = 0) -> None:
    # The data is generated: foreign keys need no check.
    connection = await asyncpg.connect(
        endpoint.dsn("postgres"), server_settings={"session_replication_role": "replica"}
    )
    try:
        await books.fill_ledger(connection, rows, institution, each)
    finally:
        await connection.close()


def _start(arguments: Sequence[str], **environ: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.reconciling.measured_process", *arguments]
    # As in any installation, compiled modules are cached.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        command, cwd=_REPOSITORY, env=inherited | environ, stdout=subprocess.PIPE, text=True
    )


def _finished_run(process: "subprocess.Popen[str]", kind: str, started: float) -> Run:
    """Wait for a child that prints one line, and read its resource use."""
    output = process.stdout.read() if process.stdout else ""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ReconcileError(f"{kind} ended with {process.returncode}")
    result = json.loads(output.strip().splitlines()[-1])
    seconds = time.perf_counter() - started
    return Run(kind, seconds, used.ru_utime + used.ru_stime, result.pop("peak_mb"), result)


def _run(kind: str, url: str, arguments: Sequence[str]) -> Run:
    started = time.perf_counter()
    return _finished_run(_start(arguments, **{URL: url}), kind, started)


def _check_results(first: Path) -> dict[str, Any]:
    """The results of a check by file name, read from the output next to the first file."""
    lines = map(json.loads, first.with_suffix(OUTPUT_SUFFIX).read_text(encoding="utf-8").splitlines())
    return {name: result for result in lines for name in result["files"]}


def _check_breaks(results: dict[str, Any], file: Path, rows: int, first: int = 1) -> str:
    """The digest of a file's check, if it found exactly the generated breaks, by code and amount too.

    Raises:
        ReconcileError: it did not.
    """
    result = results.get(file.name, {"breaks": [], "digest": ""})
    breaks = [(item["code"], item["reference"], item["amount"]) for item in result["breaks"]]
    if set(breaks) != books.expected(rows, first) or len(set(breaks)) != len(breaks):
        raise ReconcileError(f"{file.name}: {len(breaks)} breaks, and not exactly those that were made")
    return str(result["digest"])


def _run_million(rounds: int, rows: int, console: Console) -> list[Run]:
    """Run the million, in turns with the bare statement."""
    with _database() as (folder, endpoint):
        console.print(f"filling the books with {rows} lines, and writing their file …")
        asyncio.run(_fill(endpoint, rows))
        file, lines = folder / books.NAME, folder / "lines.parquet"
        books.write_file(file, books.file_rows(rows))
        books.write_lines(lines, rows)
        url, runs, digests = endpoint.dsn("ekpay_audit"), [], set()
        arguments_by_kind = {
            "product": ["check", str(_CONFIG), "", str(file)],
            "bare": ["bare", str(file)],
            "bare-parquet": ["bare-parquet", str(file), str(lines)],
        }
        for kind in (*list(arguments_by_kind) * rounds, "limited"):
            arguments = arguments_by_kind.get(kind, ["check", str(_CONFIG), _LIMIT, str(file)])
            runs.append(_print_run(_run(kind, url, arguments), console))
            if arguments[0] == "check":
                digests.add(_check_breaks(_check_results(file), file, rows))
            elif runs[-1].result["found"] != len(books.expected(rows)):
                raise ReconcileError(f"{kind} found {runs[-1].result['found']}")
        if len(digests) > 1:
            raise ReconcileError("another digest within a memory limit")
    return runs


async def _make_mirrors(endpoint: Endpoint, folder: Path) -> float:
    """Make the mirrors of all partners as the product does after a night; return the seconds."""
    connection = await asyncpg.connect(endpoint.dsn("ekpay_app"))
    started = time.perf_counter()
    try:
        with LineBooks(endpoint.dsn("ekpay_audit")) as lines:
            mirrors = await required_mirrors(connection, [*map(partner_name, range(PARTNERS))], books.DAY)
            await make_missing(connection, lines, MirrorFolder.of(folder), mirrors)
    finally:
        await connection.close()
    return time.perf_counter() - started


def _run_full(console: Console) -> tuple[tuple[Run, ...], float, float]:
    """Run ten millions in the files of 65 partners with two parallel workers."""
    rows = FULL_ROWS // PARTNERS
    with _database() as (folder, endpoint):
        console.print(f"filling the books with {rows * PARTNERS} lines, and writing {PARTNERS} files …")
        asyncio.run(_fill(endpoint, rows * PARTNERS, PARTNER, rows))
        firsts = {folder / file_name(at): 1 + at * rows for at in range(PARTNERS)}
        for file, first in firsts.items():
            books.write_file(file, books.file_rows(rows, first))
        made = asyncio.run(_make_mirrors(endpoint, folder))
        environ = {"POLARS_MAX_THREADS": "1", URL: endpoint.dsn("ekpay_audit")}  # a core a worker
        files, config = list(map(str, firsts)), str(write_configuration(_CONFIG, folder, PARTNERS))
        started = time.perf_counter()
        children = [
            _start(["check", config, "", *files[worker::WORKERS]], **environ) for worker in range(WORKERS)
        ]
        runs = tuple(_finished_run(child, "partners", started) for child in children)
        seconds = max(run.seconds for run in runs)
        results = {
            name: result
            for worker in range(WORKERS)
            for name, result in _check_results(Path(files[worker])).items()
        }
        for file, first in firsts.items():
            _check_breaks(results, file, rows, first)
            _check_mirrored(results[file.name], rows)
    return tuple(_print_run(run, console) for run in runs), seconds, made


def _check_mirrored(result: dict[str, Any], rows: int) -> None:
    if result["ours_mirrored"] != rows:
        raise ReconcileError(
            f"{result['institution']}: {result['ours_mirrored']} of {rows} lines out of mirrors"
        )


def _print_run(run: Run, console: Console) -> Run:
    figures = f"{run.seconds:6.2f} s, processor {run.cpu_seconds:5.2f} s, {run.rss_mb:5.0f} MB"
    console.print(f"  {run.kind:13} {figures}", highlight=False)
    return run


def show(measured: ReconciliationRuns, console: Console) -> None:
    """Print best and typical values with the aims."""
    table = Table(
        "what",
        "best s",
        "typical s",
        "processor s",
        "MB",
        title="payments of one institution against its file",
    )
    for kind in ("product", "bare", "bare-parquet", "limited"):
        runs = measured.of(kind)
        figures = (
            measured.seconds(kind),
            median(r.seconds for r in runs),
            median(r.cpu_seconds for r in runs),
        )
        table.add_row(kind, *(f"{number:.2f}" for number in figures), f"{max(r.rss_mb for r in runs):.0f}")
    console.print(table)
    console.print(f"product ÷ bare, median of pairs: {measured.ratio:.2f}; aims: {AIMS}", highlight=False)
    if measured.full:
        worst = max(run.rss_mb for run in measured.full)
        text = f"{measured.full_seconds:.2f} s with {WORKERS} workers, {worst:.0f} MB the larger one"
        text += f", behind {measured.mirror_seconds:.2f} s for mirrors"
        console.print(f"{FULL_ROWS} against as many in {PARTNERS} files: {text}", highlight=False)


def figures(measured: ReconciliationRuns) -> dict[str, Any]:
    """What goes into results.json."""
    product = measured.of("product")
    limited = measured.of("limited")
    values: dict[str, Any] = {
        "reconcile_1m_seconds": round(measured.seconds("product"), 2),
        "reconcile_1m_typical_seconds": round(median(run.seconds for run in product), 2),
        "reconcile_1m_cpu_seconds": round(median(run.cpu_seconds for run in product), 2),
        "reconcile_1m_duckdb_ratio": round(measured.ratio, 2),
        "reconcile_1m_duckdb_cpu_ratio": round(
            _cpu_seconds(measured, "product") / _cpu_seconds(measured, "bare"), 2
        ),
        "reconcile_1m_parquet_duckdb_seconds": round(measured.seconds("bare-parquet"), 2),
        "reconcile_1m_rss_mb": round(max(run.rss_mb for run in product), 1),
        "reconcile_256mb_ok": bool(limited),
        "reconcile_runs": [run.figures() for run in measured.runs],
    }
    if measured.full:
        values |= {
            "reconcile_10m_seconds": round(measured.full_seconds, 2),
            "reconcile_10m_mirror_seconds": round(measured.mirror_seconds, 2),
            "reconcile_10m_worker_rss_mb": round(max(run.rss_mb for run in measured.full), 1),
        }
    return values


def _cpu_seconds(measured: ReconciliationRuns, kind: str) -> float:
    return median(run.cpu_seconds for run in measured.of(kind))


def measure(rounds: int, console: Console, rows: int = ROWS, *, full: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures.

    Raises:
        ReconcileError: a run is not valid.
    """
    runs = tuple(_run_million(rounds, rows, console))
    measurement = ReconciliationRuns(runs, *(_run_full(console) if full else ()))
    show(measurement, console)
    return figures(measurement)


def main() -> int:
    """Run alone."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reconciling.million_rows", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each side takes its turn")
    parser.add_argument("--rows", type=int, default=ROWS, help="payments of the one file")
    parser.add_argument("--full", action="store_true", help="ten million payments in 65 files as well")
    parser.add_argument("--results", type=Path, default=summary.RESULTS, help="where the figures are written")
    arguments, console = parser.parse_args(), Console()
    try:
        results = measure(arguments.rounds, console, arguments.rows, full=arguments.full)
    except ReconcileError as problem:
        console.print(f"bench: {problem}", style="red", markup=False)
        return 1
    summary.write(results, arguments.results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
