"""`python -m benchmarks.paying.prefill`: fills the database of a stage with past payments.

Their rows are those that the switch writes for a payment from a prefund, spread over the partners and lanes
of the stage and over past business dates with closed windows, with frozen lines and scroll numbers; `ekpay
audit` is clean over all of it. They are packed more tightly than in a table that has been updated: there are
no dead rows.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.kit.errors import BenchError
from benchmarks.kit.stage import Staging, open_stage
from benchmarks.paying import prefill_schema as existing_schema
from benchmarks.paying.prefill_rows import BILLER, PAYABLE, Payer, PrefillDay, WriterShare, share_out
from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.persistence.embedded.roles import SUPERUSER
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres

PARTNERS, ACCOUNTS, PAYMENTS = 16, 100_000, 10_000_000
DAYS_MAX = 90
_MARK = "filled.json"
# Measured: rows and indexes of a payment, and the extra space for sorting and the log.
BYTES_EACH, BYTES_BESIDE = 4_500, 6_000_000_000
_REPOSITORY = Path(__file__).resolve().parents[2]
_PAYERS = """
SELECT p.id, p.lane FROM partners AS p JOIN accounts AS a ON a.code = 'prefund:' || p.id || ':postpaid'
WHERE p.is_active AND a.balance > 0 ORDER BY p.id
"""
_TODAY = "SELECT (now() AT TIME ZONE INTERVAL '+06:00')::date"
_IS_FILLED = "SELECT EXISTS (SELECT FROM settlement_windows WHERE state <> 'open')"
_NEW_WINDOWS = """
INSERT INTO settlement_windows (business_date, state, opened_at, closed_at)
SELECT day, 'closed', day::timestamp AT TIME ZONE INTERVAL '+06:00',
  (day + 1)::timestamp AT TIME ZONE INTERVAL '+06:00' + INTERVAL '30 minutes'
FROM unnest($1::date[]) AS day ORDER BY day RETURNING id, business_date
"""
_NEW_ACCOUNTS = "INSERT INTO accounts (code, kind) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_NEW_COUNTER = "INSERT INTO scroll_counters (series, business_date, last) VALUES ($1, $2::text::date, $3)"
_MOVE_LANE = "UPDATE lanes SET seq = $2, hash = $3 WHERE lane = $1"
_MOVE_BALANCE = "UPDATE accounts SET balance = balance - $2 WHERE code = $1"
_SIZES = """
SELECT c.relname AS name, i.indrelid::regclass::text AS of, pg_table_size(c.oid) AS bytes
FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
WHERE c.relname = ANY($1) AND c.relkind = 'r' OR i.indrelid::regclass::text = ANY($1)
ORDER BY coalesce(i.indrelid::regclass::text, c.relname), i.indexrelid IS NOT NULL, bytes DESC
"""


class PrefillError(BenchError):
    """The database cannot be filled here; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes on the disk: of tables (with their TOAST tables), and of indexes by table."""

    tables: dict[str, int]
    indexes: dict[str, dict[str, int]]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.tables.values()) + sum(sum(of.values()) for of in self.indexes.values())


@dataclass(frozen=True, slots=True)
class PrefillResult:
    """What was inserted, the seconds of each part, and the sizes."""

    payments: int
    seconds: dict[str, float]
    sizes: Sizes

    @property
    def rate(self) -> float:
        """Payments a second, everything included."""
        return self.payments / sum(self.seconds.values())

    def figures(self) -> dict[str, Any]:
        """The keys of results.json."""
        return {
            "existing": {
                "payments": self.payments,
                "seconds": {name: round(seconds, 1) for name, seconds in self.seconds.items()},
                "payments_per_second": round(self.rate),
                "bytes_per_payment": {
                    "total": round(self.sizes.total / self.payments),
                    **{name: round(size / self.payments) for name, size in self.sizes.tables.items()},
                    **{
                        name: round(size / self.payments)
                        for of in self.sizes.indexes.values()
                        for name, size in of.items()
                    },
                },
            }
        }

    def write_mark(self, home_folder: Path) -> None:
        """Write into the folder of a kept stage what it holds."""
        (home_folder / _MARK).write_text(json.dumps(asdict(self)))

    def show(self, console: Console) -> None:
        """Print seconds and sizes."""
        parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        console.print(f"{self.payments:,} payments put in, {self.rate:.0f}/s: {parts}", highlight=False)
        table = Table("table or index", "MB", "bytes a payment", title="payments that already stand")
        for name, size in self.sizes.tables.items():
            table.add_row(name, f"{size / 1e6:.0f}", f"{size / self.payments:.0f}", style="bold")
            for index, bytes_ in self.sizes.indexes.get(name, {}).items():
                table.add_row(f"  {index}", f"{bytes_ / 1e6:.0f}", f"{bytes_ / self.payments:.0f}")
        total = self.sizes.total
        table.add_row("all", f"{total / 1e6:.0f}", f"{total / self.payments:.0f}")
        console.print(table)


def claim_stage(home_folder: Path, payments: int) -> PrefillResult:
    """The contents of a kept stage; it can be used once, since a load pays its bills for good.

    Raises:
        PrefillError: it was loaded before, was never filled to its end, or holds another number of payments.
    """
    try:
        mark = json.loads((home_folder / _MARK).read_text())
    except FileNotFoundError as missing:
        raise PrefillError(
            f"{home_folder} was loaded before, or not filled to its end: fill another"
        ) from missing
    filled = PrefillResult(mark["payments"], mark["seconds"], Sizes(**mark["sizes"]))
    if filled.payments != payments:
        raise PrefillError(
            f"{filled.payments:,} payments stand in {home_folder}, and {payments:,} are asked for"
        )
    (home_folder / _MARK).unlink()
    return filled


def check_disk_space(place: Path, payments: int) -> None:
    """Refuse to fill more than the disk can hold.

    Raises:
        PrefillError: there is not enough room.
    """
    needed, free = payments * BYTES_EACH + BYTES_BESIDE, shutil.disk_usage(place).free
    if free < needed:
        raise PrefillError(
            f"{payments:,} payments need {needed / 1e9:.0f} GB at {place}, and {free / 1e9:.0f} GB are free"
        )


def split_days(payments: int, windows: Sequence[tuple[str, int]]) -> list[PrefillDay]:
    """The payments spread evenly over the windows; earlier dates take the remainder."""
    each, remainder = divmod(payments, len(windows))
    days, first = [], 0
    for number, (date, window_id) in enumerate(windows):
        count = each + (number < remainder)
        days.append(PrefillDay(date, window_id, count, first))
        first += count
    return days


async def fill(server: EmbeddedPostgres, payments: int, console: Console) -> PrefillResult:
    """Insert `payments` into the database of a running server with partners and an idle switch.

    Raises:
        PrefillError: there is no room, no partner, or the database was filled before.
        SchemaError: keys, indexes or settings could not be put back as they were.
    """
    check_disk_space(server.home, payments)
    url, seconds = server.endpoint.dsn(SUPERUSER), {}
    with _progress_bar(console) as progress:
        async with existing_schema.relaxed_durability(url):
            started = time.monotonic()
            dropped = await _write(url, payments, progress)
            seconds["rows"] = time.monotonic() - started
            bar = progress.add_task("keys and indexes", total=dropped.parts)
            await existing_schema.rebuild_keys_and_indexes(url, dropped, lambda: progress.advance(bar))
            seconds["keys and indexes"] = time.monotonic() - started - seconds["rows"]
            phase_started = time.monotonic()
            bar = progress.add_task("vacuum", total=len(existing_schema.FILLED))
            await existing_schema.vacuum(url, lambda: progress.advance(bar))
            seconds["vacuum"] = time.monotonic() - phase_started
            phase_started = time.monotonic()
        seconds["flush"] = time.monotonic() - phase_started
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SHOW fsync") == "on", "nothing is measured without fsync"
        return PrefillResult(payments, seconds, await table_sizes(connection))
    finally:
        await connection.close()


async def table_sizes(connection: asyncpg.Connection) -> Sizes:
    """How large the tables of payments are now."""
    tables: dict[str, int] = {}
    indexes: dict[str, dict[str, int]] = {}
    for row in await connection.fetch(_SIZES, list(existing_schema.FILLED)):
        if row["of"] is None:
            tables[row["name"]] = row["bytes"]
        else:
            indexes.setdefault(row["of"], {})[row["name"]] = row["bytes"]
    return Sizes(tables, indexes)


def _progress_bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


async def _write(url: str, payments: int, progress: Progress) -> existing_schema.DroppedParts:
    """All rows, without keys and indexes; what has to be built again."""
    connection = await asyncpg.connect(url)
    try:
        work = await _prepare(connection, payments)
        dropped = await existing_schema.drop_keys_and_indexes(connection)
        bar = progress.add_task("payments", total=payments)
        results = await asyncio.gather(*(_run_writer(url, share, progress, bar) for share in work))
        async with connection.transaction():
            for result in results:
                lanes = [
                    (int(lane), seq, bytes.fromhex(digest)) for lane, (seq, digest) in result["lanes"].items()
                ]
                await connection.executemany(_MOVE_LANE, lanes)
                await connection.executemany(_MOVE_BALANCE, list(result["taken"].items()))
        return dropped
    finally:
        await connection.close()


async def _prepare(connection: asyncpg.Connection, payments: int) -> list[WriterShare]:
    """Windows, counters and accounts, and the work shared out."""
    if await connection.fetchval(_IS_FILLED):
        raise PrefillError("windows have closed here before: fill a fresh database")
    payers = [Payer(row["id"], row["lane"]) for row in await connection.fetch(_PAYERS)]
    if not payers:
        raise PrefillError("no partner with a prefund stands here")
    today = await connection.fetchval(_TODAY)
    dates = [today - timedelta(days=back) for back in range(min(DAYS_MAX, payments), 0, -1)]
    windows = await connection.fetch(_NEW_WINDOWS, dates)
    days = split_days(payments, [(row["business_date"].isoformat(), row["id"]) for row in windows])
    await connection.executemany(_NEW_COUNTER, [(BILLER, day.date, day.payments) for day in days])
    await connection.executemany(_NEW_ACCOUNTS, [(code, kind_of(code)) for code in ("in_flight", PAYABLE)])
    heads = {row["lane"]: (row["seq"], row["hash"]) for row in await connection.fetch("SELECT * FROM lanes")}
    return share_out(payers, heads, days, os.cpu_count() or 1)


async def _run_writer(url: str, share: WriterShare, progress: Progress, bar: Any) -> dict[str, Any]:  # noqa: ANN401 - rich's
    """Run one writer as a process of its own; return its report."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.paying.prefill_writer",
        cwd=_REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None, "it is a pipe"
    assert process.stdout is not None, "so is this"
    process.stdin.write(f"{url}\n{share.to_json()}\n".encode())
    process.stdin.close()
    last = ""
    async for line in process.stdout:
        last = line.decode().strip()
        if last.isdigit():
            progress.advance(bar, int(last))
    if await process.wait():
        raise PrefillError(f"a writer ended with {process.returncode}")
    result: dict[str, Any] = json.loads(last)
    return result


async def _fill_stage(payments: int, console: Console, *, audits: bool, keep: Path | None) -> int:
    async with open_stage(PARTNERS, ACCOUNTS, Staging(home_folder=keep)) as stage:
        filled = await fill(stage.postgres, payments, console)
        if keep is not None:
            filled.write_mark(keep)
        filled.show(console)
        if not audits:
            return 0
        started = time.monotonic()
        verdict = await stage.audit()
        console.print(f"audit: {verdict}, {time.monotonic() - started:.0f} s", highlight=False)
        return 0 if verdict == "clean" else 1


def main() -> int:
    """Fill a database of its own, audit it, and remove it unless it is kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paying.prefill", description=__doc__)
    parser.add_argument("--payments", type=int, default=PAYMENTS)
    parser.add_argument("--no-audit", action="store_true", help="only fill, and say how large it is")
    parser.add_argument("--keep", type=Path, help="a new folder in which the stage is left")
    arguments, console = parser.parse_args(), Console()
    if arguments.keep is not None:
        try:
            arguments.keep.mkdir(mode=0o700)
        except OSError as problem:
            parser.error(f"--keep: {problem}")
    try:
        return asyncio.run(
            _fill_stage(arguments.payments, console, audits=not arguments.no_audit, keep=arguments.keep)
        )
    except (BenchError, TimeoutError) as problem:
        console.print(f"existing: {problem}", style="red", markup=False)
        return 1


if __name__ == "__main__":
    sys.exit(main())
