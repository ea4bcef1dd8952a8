"""What is measured, each time in an interpreter of its own.

`product`, the same inside a memory limit (`limited`), many files (`partners`), and one DuckDB statement over
the same inputs (`bare`, and `bare-parquet` with our lines out of Parquet).
Answers one JSON object on the last line of its output. The database's address comes by the environment.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

URL = "EKPAY_BENCH_DATABASE"
EVERY_LINE = 2**62
_CONFIG = Path(__file__).resolve().parent.parent / "config"
# The same comparison as one statement: what is not told once on each side with equal amounts.
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


def product(folder: Path, file: Path, memory_limit: str = "") -> dict[str, Any]:
    """Our lines out of PostgreSQL, the file by its layout, matched, judged, breaks written."""
    from benchmarks.reconcile_books import DAY, INSTITUTION  # noqa: PLC0415 - each run imports what it needs
    from reconciliation.matching.engines import DuckDbEngine, Engine, PolarsEngine  # noqa: PLC0415
    from reconciliation.matching.lines import FrozenLines  # noqa: PLC0415

    engine: Engine = DuckDbEngine(folder, memory_limit) if memory_limit else PolarsEngine()
    lines = FrozenLines(os.environ[URL], INSTITUTION, 0, EVERY_LINE)
    return _judged(INSTITUTION, file, DAY, lines, engine, folder / "breaks.csv")


def partners(folder: Path, first: int, step: int) -> dict[str, Any]:
    """Every so many of the partners' files, one after the other, our lines out of Parquet."""
    from benchmarks.reconcile_books import DAY  # noqa: PLC0415
    from benchmarks.reconcile_parquet import ParquetLines  # noqa: PLC0415
    from reconciliation.matching.engines import PolarsEngine  # noqa: PLC0415

    found = 0
    for file in sorted(folder.glob("*.csv"))[first::step]:
        lines = ParquetLines(file.with_suffix(".parquet"), file.stem)
        told = _judged(file.stem, file, DAY, lines, PolarsEngine(), file.with_suffix(".breaks"))
        found += told["found"]
    return {"found": found}


def _judged(institution: str, file: Path, day: Any, lines: Any, engine: Any, breaks: Path) -> dict[str, Any]:  # noqa: ANN401
    from benchmarks.reconcile_books import INSTITUTION  # noqa: PLC0415
    from reconciliation.calendar import read_calendar  # noqa: PLC0415
    from reconciliation.matching.engines import digest  # noqa: PLC0415
    from reconciliation.matching.institution import InstitutionDay, judge_day  # noqa: PLC0415
    from reconciliation.statement.layout import read_layout  # noqa: PLC0415

    layout = read_layout(_CONFIG / "statements" / f"{INSTITUTION}.toml")
    layout = layout.model_copy(update={"institution": institution})
    calendar = read_calendar(_CONFIG / "calendar.toml")
    times = dict(calendar.institutions) | {institution: calendar.institutions[INSTITUTION]}
    calendar = calendar.model_copy(update={"institutions": times})
    judged = judge_day(InstitutionDay(layout, file, day), lines, calendar, engine)
    with breaks.open("w", encoding="utf-8") as written:
        for one in judged.findings:
            told = (one.key.code.value, one.key.reference, one.amount, one.difference, *one.rows, *one.passes)
            written.write(",".join(map(str, told)) + "\n")
    return {"found": len(judged.findings), "digest": digest(judged.groups), "engine": engine.name}


def bare(folder: Path, file: Path, ledger: Path | None = None) -> dict[str, Any]:
    """The same inputs read the same way, and one DuckDB statement; or our lines out of Parquet."""
    import duckdb  # noqa: PLC0415

    connection = duckdb.connect()
    table = f"read_parquet('{ledger}')"
    if ledger is None:
        from reconciliation.adbc import Database  # noqa: PLC0415

        with Database(os.environ[URL]) as books:
            lines = books.query("SELECT our_reference, gross, net, status, currency FROM ledger_lines")
        connection.register("lines", lines.to_arrow())
        table = "lines"
    breaks = folder / "bare.parquet"
    connection.execute(_BARE.format(ledger=table, file=file, breaks=breaks))
    counted = connection.execute(f"SELECT count(*) FROM '{breaks}'").fetchone()  # noqa: S608 - our own path
    return {"found": counted[0] if counted else 0}


def main(arguments: list[str]) -> None:
    """Run what the first argument names, and say how it went."""
    started = time.perf_counter()
    what, folder, *more = arguments
    match what:
        case "product":
            told = product(Path(folder), Path(more[0]))
        case "limited":
            told = product(Path(folder), Path(more[0]), more[1])
        case "partners":
            told = partners(Path(folder), int(more[0]), int(more[1]))
        case "bare":
            told = bare(Path(folder), Path(more[0]))
        case _:
            told = bare(Path(folder), Path(more[0]), Path(more[1]))
    print(json.dumps(told | {"inside_seconds": round(time.perf_counter() - started, 3)}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
