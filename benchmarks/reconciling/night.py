"""A whole night of several partners, as a whole process: `ekpay reconcile run` with its reports but the PDF.

Files are taken in, each is read in its isolated process, matched, classified, proven, committed, mirrored
and reported, over books that are new for each run. A run that does not find exactly the generated breaks, by
code, reference and amount, is refused. With `--tree`, another checkout runs the same nights in turns with
this one (A B A B), on a database of its own migrations, and the ratio of each pair is printed.
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
from typing import Any, Final

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.kit import processor_usage, summary
from benchmarks.kit.errors import BenchError
from benchmarks.kit.process_memory import ChildMemory
from benchmarks.reconciling import day_of_rows as books
from benchmarks.reconciling.partners import PARTNER, file_name, partner_name, write_configuration
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres

INSTITUTIONS, ROWS, ROUNDS = 5, 40_000, 3
_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_MEASURED: Final = Path(__file__).with_name("measured_night.py")
_POSTGRES: Final = "postgres"
_BREAKS: Final = "SELECT institution, code, reference, amount FROM reconciliation.breaks"
_INVARIANTS: Final = "SELECT invariants::text FROM reconciliation.runs"
_HOLDS: Final = "hold"
# The bank of the partners sends no statement.
_NO_STATEMENT: Final = ("stmt_janata", "FILE_MISSING", f"stmt_janata_{books.DAY:%Y%m%d}_01.sta", 0)


class NightBenchError(BenchError):
    """A night did not find the generated breaks, or failed."""


@dataclass(frozen=True, slots=True)
class NightRun:
    """One night from start to end of its process.

    `cpu_seconds` are those of the process and of what it started, `postgres_seconds` those of the database.
    Memory in MB: the process, the largest of those that it started, and all of them at one instant.
    """

    tree: str
    rows: int
    seconds: float
    cpu_seconds: float
    postgres_seconds: float
    rss_mb: float
    child_rss_mb: float
    together_rss_mb: float
    steps: dict[str, float]

    @property
    def rate(self) -> float:
        """Rows of the files a second."""
        return self.rows / self.seconds


@dataclass(frozen=True, slots=True)
class Tree:
    """A checkout with its virtual environment, and a filled installation that is copied for each night."""

    name: str
    path: Path
    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter of the checkout: this process's own for this one."""
        own = self.path == _REPOSITORY
        return Path(sys.executable) if own else self.path / ".venv" / "bin" / "python"

    @property
    def config(self) -> Path:
        """The configuration with the partners."""
        return self.folder / "config"

    def environment(self, home: Path) -> dict[str, str]:
        """The environment of a command of this checkout; compiled modules are cached, as installed."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EKPAY_")}
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        return inherited | {"EKPAY_HOME": str(home), "EKPAY_CONFIG": str(self.config)}


def prepare(tree: Tree, institutions: int, rows: int) -> None:
    """Make the installation that is copied for each night: migrated by the checkout, filled, and stopped."""
    write_configuration(tree.path / "config", tree.folder, institutions)
    home = tree.folder / "filled"
    server = EmbeddedPostgres(home)
    try:
        command = [str(tree.python.with_name("ekpay")), "migrate"]
        environment = tree.environment(home)
        migrated = subprocess.run(  # noqa: S603 - our own command, no shell
            command, cwd=tree.path, env=environment, capture_output=True, text=True, check=False
        )
        if migrated.returncode:
            raise NightBenchError(f"{tree.name}: {(migrated.stderr or migrated.stdout).strip()}")
        asyncio.run(_fill(server.endpoint.dsn("postgres"), institutions, rows))
    finally:
        server.stop()


async def _fill(url: str, institutions: int, rows: int) -> None:
    # The data is generated: foreign keys need no check.
    connection = await asyncpg.connect(url, server_settings={"session_replication_role": "replica"})
    try:
        await books.fill_ledger(connection, institutions * rows, PARTNER, rows)
    finally:
        await connection.close()


def write_files(folder: Path, institutions: int, rows: int) -> Path:
    """Write the files of all partners into a folder; returns it."""
    files = folder / "files"
    files.mkdir()
    for number in range(institutions):
        books.write_file(files / file_name(number), books.file_rows(rows, 1 + number * rows))
    return files


@contextmanager
def _installation(tree: Tree, files: Path) -> Iterator[tuple[Path, EmbeddedPostgres]]:
    """A copy of the filled installation with the files in its inbox and its database running."""
    home = tree.folder / "night"
    # Not `copytree`: the data may belong to a user of the database's own.
    subprocess.run(["cp", "-a", str(tree.folder / "filled"), str(home)], check=True)  # noqa: S603, S607
    server = EmbeddedPostgres(home)
    try:
        server.start()
        shutil.copytree(files, home / "reconciliation" / "inbox")
        yield home, server
    finally:
        server.destroy()
        shutil.rmtree(home)


def run_night(tree: Tree, files: Path, institutions: int, rows: int) -> NightRun:
    """Run one night in a checkout on new books.

    Raises:
        NightBenchError: it failed, or did not find exactly the generated breaks.
    """
    with _installation(tree, files) as (home, server):
        postmaster = int((home / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])
        before = processor_usage.read({_POSTGRES: postmaster})
        command = [str(tree.python), str(_MEASURED), books.DAY.isoformat()]
        started = time.perf_counter()
        with (
            subprocess.Popen(  # noqa: S603 - our own file, no shell
                command, cwd=tree.path, env=tree.environment(home), stdout=subprocess.PIPE, text=True
            ) as process,
            ChildMemory(process.pid) as memory,
        ):
            output = process.stdout.read() if process.stdout else ""
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        after = processor_usage.read({_POSTGRES: postmaster})
        if process.returncode:
            raise NightBenchError(f"{tree.name}: the night ended with {process.returncode}")
        result = json.loads(output.strip().splitlines()[-1])
        asyncio.run(_check(tree.name, server.endpoint.dsn("ekpay_audit"), result, institutions, rows))
    return NightRun(
        tree.name,
        institutions * rows,
        seconds,
        used.ru_utime + used.ru_stime,
        after.parts[_POSTGRES] - before.parts[_POSTGRES],
        result["peak_mb"],
        memory.peak_mb,
        memory.together_peak_mb,
        result["steps"],
    )


async def _check(tree: str, url: str, result: dict[str, Any], institutions: int, rows: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        found = [tuple(row) for row in await connection.fetch(_BREAKS)]
        invariants = await connection.fetchval(_INVARIANTS)
    finally:
        await connection.close()
    if result["nights"] != 1 or result["failures"]:
        raise NightBenchError(f"{tree}: {result['nights']} nights, {'; '.join(result['failures'])}")
    if faults := breaks_fault(found, institutions, rows):
        raise NightBenchError(f"{tree}: {faults}")
    if red := [name for name, outcome in json.loads(invariants).items() if outcome != _HOLDS]:
        raise NightBenchError(f"{tree}: invariants do not hold: {', '.join(red)}")


def breaks_fault(found: Sequence[tuple[str, str, str, int]], institutions: int, rows: int) -> str:
    """What is wrong with a night's breaks, by institution, code, reference and amount; empty if nothing."""
    expected = {
        _NO_STATEMENT,
        *(
            (partner_name(number), *one)
            for number in range(institutions)
            for one in books.expected(rows, 1 + number * rows)
        ),
    }
    if set(found) == expected and len(found) == len(expected):
        return ""
    strange, missing = sorted(set(found) - expected), sorted(expected - set(found))
    examples = ", ".join(" ".join(map(str, one)) for one in [*strange[:2], *missing[:2]])
    return f"{len(found)} breaks, {len(strange)} not generated, {len(missing)} not found: {examples}"


def ratios(runs: Sequence[NightRun], tree: str, other: str) -> list[float]:
    """The seconds of each night of `tree` ÷ those of the night of `other` in its pair."""
    pairs = zip(_of(runs, tree), _of(runs, other), strict=True)
    return [ours.seconds / theirs.seconds for ours, theirs in pairs]


def _of(runs: Sequence[NightRun], tree: str) -> list[NightRun]:
    return [run for run in runs if run.tree == tree]


def show(runs: Sequence[NightRun], console: Console) -> None:
    """Print every step of each tree's median night, and the ratio of each pair."""
    names = list(dict.fromkeys(run.tree for run in runs))
    table = Table("of a night", *names, title="median of each tree's nights", title_justify="left")
    steps = list(dict.fromkeys(step for run in runs for step in run.steps))
    for step in steps:
        seconds = [median(run.steps.get(step, 0.0) for run in _of(runs, name)) for name in names]
        table.add_row(f"{step}, s", *(f"{figure:.2f}" for figure in seconds))
    for field in ("seconds", "cpu_seconds", "postgres_seconds", "rate"):
        figures = [median(getattr(run, field) for run in _of(runs, name)) for name in names]
        table.add_row(field, *(f"{figure:,.2f}" for figure in figures), style="bold")
    for field in ("rss_mb", "child_rss_mb", "together_rss_mb"):
        table.add_row(
            field, *(f"{max(getattr(run, field) for run in _of(runs, name)):,.0f}" for name in names)
        )
    console.print(table)
    for other in names[1:]:
        pairs = ratios(runs, names[0], other)
        text = ", ".join(f"{ratio:.3f}" for ratio in pairs)
        console.print(
            f"{names[0]} ÷ {other}, pair by pair: {text}; median {median(pairs):.3f}",
            highlight=False,
            soft_wrap=True,
        )


def figures(runs: Sequence[NightRun]) -> dict[str, Any]:
    """What goes into results.json: the nights of this checkout, and the ratio to the other one."""
    names = list(dict.fromkeys(run.tree for run in runs))
    ours = _of(runs, names[0])
    values: dict[str, Any] = {
        "night_seconds": round(median(run.seconds for run in ours), 2),
        "night_rows_per_second": round(median(run.rate for run in ours)),
        "night_cpu_seconds": round(median(run.cpu_seconds for run in ours), 2),
        "night_rss_mb": round(max(run.rss_mb for run in ours), 1),
        "night_reader_rss_mb": round(max(run.child_rss_mb for run in ours), 1),
        "night_runs": [asdict(run) for run in runs],
    }
    if names[1:]:
        values["night_ratio"] = round(median(ratios(runs, names[0], names[1])), 3)
    return values


def measure(others: Sequence[Path], rounds: int, size: tuple[int, int], console: Console) -> list[NightRun]:
    """Run nights in turns, each checkout's once a round; `size` is institutions, and rows of each.

    Raises:
        NightBenchError: a night is not valid.
    """
    folder = Path(tempfile.mkdtemp(prefix="ekpay-nights-"))
    # The database may run as a user of its own, who must pass through.
    folder.chmod(0o711)
    try:
        trees = [Tree("this", _REPOSITORY, folder / "this")]
        trees += [Tree(path.name, path, folder / f"other-{path.name}") for path in others]
        console.print(
            f"filling the books of {len(trees)} with {size[0] * size[1]} lines, writing their files …"
        )
        files = write_files(folder, *size)
        for tree in trees:
            tree.folder.mkdir(mode=0o711)
            prepare(tree, *size)
        runs = []
        for _ in range(rounds):
            for tree in trees:
                runs.append(run_night(tree, files, *size))
                _print(runs[-1], console)
    finally:
        shutil.rmtree(folder)
    return runs


def _print(run: NightRun, console: Console) -> None:
    figures = f"{run.seconds:6.2f} s, processor {run.cpu_seconds:5.2f} s and {run.postgres_seconds:5.2f} s of"
    figures += f" PostgreSQL, {run.rss_mb:4.0f} MB and {run.child_rss_mb:4.0f} MB of the reader"
    line = f"  {run.tree:10} {figures}, {run.rate:8,.0f} rows a second"
    console.print(line, highlight=False, soft_wrap=True)


def main() -> int:
    """Run alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reconciling.night", description=__doc__)
    parser.add_argument("--tree", type=Path, action="append", default=[], help="another checkout")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many nights of each checkout")
    parser.add_argument("--institutions", type=int, default=INSTITUTIONS, help="how many partners send files")
    parser.add_argument("--rows", type=int, default=ROWS, help="payments of each partner")
    parser.add_argument("--write", action="store_true", help="write the figures into results.json")
    arguments, console = parser.parse_args(), Console()
    others = [path.resolve() for path in arguments.tree]
    try:
        runs = measure(others, arguments.rounds, (arguments.institutions, arguments.rows), console)
    except NightBenchError as problem:
        console.print(f"bench: {problem}", style="red", markup=False)
        return 1
    show(runs, console)
    if arguments.write:
        summary.write(figures(runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
