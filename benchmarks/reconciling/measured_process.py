"""The measured commands, each run in an interpreter of its own.

`check` is what `ekpay reconcile check` does once the command line is read, with one file or many. `bare` is
one DuckDB statement over the same inputs, and `bare-parquet` with our lines out of Parquet.
The last line of output is one JSON object. The database's address comes from the environment.
"""

import json
import os
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

URL = "EKPAY_BENCH_DATABASE"
OUTPUT_SUFFIX = ".said"
# The same comparison as one statement: references that are not once on each side with equal amounts.
_BARE = """
COPY (
  SELECT reference, ours.rows AS ours, theirs.rows AS theirs, ours.net AS our_net, theirs.net AS their_net
  FROM (SELECT our_reference AS reference, count(*) AS rows, sum(gross) AS gross, sum(net) AS net
        FROM {ledger} WHERE status = 'success' AND currency = 'BDT' GROUP BY ALL) AS ours
  FULL JOIN (SELECT invoice_id AS reference, count(*) AS rows,
        sum(replace(amount, ',', '')::DECIMAL(18, 2) * 100)::BIGINT AS gross,
        sum(replace(net, ',', '')::DECIMAL(18, 2) * 100)::BIGINT AS net
        FROM read_csv('{file}', header = true, all_varchar = true, null_padding = true)
        WHERE txn_id <> 'TOTAL' AND status = 'success' GROUP BY ALL) AS theirs USING (reference)
  WHERE ours.rows IS DISTINCT FROM 1 OR theirs.rows IS DISTINCT FROM 1 OR ours.net <> theirs.net
    OR ours.gross <> theirs.gross
) TO '{breaks}' (FORMAT parquet)
"""


@dataclass(frozen=True, slots=True)
class _Installation:
    """Where the command finds its configuration, the database and mirrors."""

    config: Path
    home_folder: Path

    def url(self, role: str = "app") -> str:  # noqa: ARG002 - the bench has one
        return os.environ[URL]


def check(config: Path, memory_limit: str, files: list[Path]) -> dict[str, Any]:
    """`ekpay reconcile check FILE… --json` of all the files; its output is written next to the first one."""
    from reconciliation.cli.check_commands import check_and_print  # noqa: PLC0415 - each run imports what it needs
    from reconciliation.matching.engines import DuckDbEngine  # noqa: PLC0415

    engine = DuckDbEngine(files[0].parent, memory_limit) if memory_limit else None
    with files[0].with_suffix(OUTPUT_SUFFIX).open("w", encoding="utf-8") as output, redirect_stdout(output):
        code = check_and_print(_Installation(config, files[0].parent), files, as_json=True, engine=engine)
    return {"exit_code": code}


def bare(file: Path, ledger: Path | None = None) -> dict[str, Any]:
    """The same inputs and one DuckDB statement; with `ledger`, our lines are read from Parquet."""
    import duckdb  # noqa: PLC0415

    connection = duckdb.connect()
    table = f"read_parquet('{ledger}')"
    if ledger is None:
        from reconciliation.postgres_arrow import Database  # noqa: PLC0415

        with Database(os.environ[URL]) as books:
            lines = books.query("SELECT our_reference, gross, net, status, currency FROM ledger_lines")
        connection.register("lines", lines.to_arrow())
        table = "lines"
    breaks = file.with_name("bare.parquet")
    connection.execute(_BARE.format(ledger=table, file=file, breaks=breaks))
    counted = connection.execute(f"SELECT count(*) FROM '{breaks}'").fetchone()  # noqa: S608 - our own path
    return {"found": counted[0] if counted else 0}


def main(arguments: list[str]) -> None:
    """Run the command of the first argument, and print its result."""
    started = time.perf_counter()
    kind, *more = arguments
    match kind:
        case "check":
            config, memory_limit, *files = more
            result = check(Path(config), memory_limit, [Path(file) for file in files])
        case "bare":
            result = bare(Path(more[0]))
        case _:
            result = bare(Path(more[0]), Path(more[1]))
    inside = {"inside_seconds": round(time.perf_counter() - started, 3), "peak_mb": _peak_mb()}
    print(json.dumps(result | inside))  # noqa: T201


def _peak_mb() -> float:
    """The peak memory of this process, in MB.

    `wait4` would not do: its peak includes the parent's memory at the fork.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak) * 1024 / 1e6


if __name__ == "__main__":
    main(sys.argv[1:])
