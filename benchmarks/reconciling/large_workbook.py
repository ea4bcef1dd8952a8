"""A workbook (XLSX) of a million rows read by the isolated reader, as a night reads it.

It prints rows a second, and the peak memory of the reading process and of the one that asks it. A run that
does not read exactly the generated rows, to the sum of their amounts, is refused.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from rich.console import Console

from benchmarks.kit import summary
from benchmarks.kit.errors import BenchError
from benchmarks.kit.process_memory import ChildMemory, memory_mb
from benchmarks.reconciling import day_of_rows as books
from reconciliation.errors import UnreadableFileError
from reconciliation.nightly.night_configuration import NIGHT, read_night_settings
from reconciliation.statement.isolated_reader import IsolatedReader
from reconciliation.statement.layout import read_layouts
from sandbox.rehearsals.month.files import nagad_workbook

ROWS: Final = 1_000_000
INSTITUTION: Final = "nagad"
_CONFIG: Final = Path(__file__).resolve().parents[2] / "config"
_CLEAR_PEAK: Final = Path("/proc/self/clear_refs")
_PIECE_ROWS: Final = 100_000
_SERIAL_DAY: Final = 46_113  # 2026-04-01
_SECONDS_A_DAY: Final = 86_400


class WorkbookBenchError(BenchError):
    """The workbook was refused, or other rows were read than were generated."""


@dataclass(frozen=True, slots=True)
class WorkbookRun:
    """One reading: seconds by the clock and of the reader's processor, its start included; peaks in MB."""

    rows: int
    file_mb: float
    seconds: float
    cpu_seconds: float
    reader_rss_mb: float
    parent_rss_mb: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def write_workbook(path: Path, rows: int) -> None:
    """Write the payments of the day as the institution writes them: ten columns, references as text."""
    with nagad_workbook.workbook(path) as sheet:
        sheet.write(_beginning().encode())
        for piece in _pieces(rows):
            sheet.write(piece.encode())
        sheet.write(b"</sheetData></worksheet>")


def _beginning() -> str:
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    headings = read_layouts(_CONFIG / "statements")[INSTITUTION].row
    assert headings is not None
    cells = "".join(_text_cell(name) for name in headings.names)
    heading = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{heading}\n<worksheet xmlns="{namespace}"><sheetData><row>{cells}</row>'


def _pieces(rows: int) -> Iterator[str]:
    for first in range(1, rows + 1, _PIECE_ROWS):
        yield _rows_text(books.payments(first, min(first + _PIECE_ROWS - 1, rows)))


def _rows_text(payments: pl.DataFrame) -> str:
    number = pl.col("number")
    at = (number % _SECONDS_A_DAY / _SECONDS_A_DAY + _SERIAL_DAY).round(8)
    amounts = [pl.format("<c><v>{}</v></c>", pl.col(name) / 100) for name in ("gross", "fee", "net")]
    cells = (
        _text_cells(number.cast(pl.String).str.zfill(24)),
        _text_cells(pl.col("reference")),
        _text_cells(pl.col("theirs")),
        pl.format('<c s="1"><v>{}</v></c>', at),
        _text_cells(pl.lit("01*******11")),
        *amounts,
        _text_cells(pl.lit("Success")),
        pl.lit("<c/>"),
    )
    lines = payments.select(pl.concat_str(pl.lit("<row>"), *cells, pl.lit("</row>\n")).str.join(""))
    return str(lines.item())


def _text_cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


def _text_cells(texts: pl.Expr) -> pl.Expr:
    return pl.format(_text_cell("{}"), texts)


def read_workbook(path: Path, rows: int) -> WorkbookRun:
    """Read a workbook as a night does, under the limits of the configuration.

    Raises:
        WorkbookBenchError: it was refused, or other rows were read than were generated.
    """
    limits = read_night_settings(_CONFIG / NIGHT).reading
    layout = read_layouts(_CONFIG / "statements")[INSTITUTION]
    # What writing the workbook took does not count: the kernel forgets this process's peak.
    _CLEAR_PEAK.write_text("5", encoding="ascii")
    started = time.perf_counter()
    with IsolatedReader(limits, path.parent) as reader, ChildMemory(os.getpid()) as memory:
        try:
            reading = reader.read(path, layout, path.name, books.DAY)
        except UnreadableFileError as problem:
            raise WorkbookBenchError(str(problem)) from problem
        seconds = time.perf_counter() - started
        _, parent_mb = memory_mb(os.getpid())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    totals = reading.rows.select(pl.len(), pl.col("gross").sum(), pl.col("net").sum()).row(0)
    expected = books.payments(1, rows).select(pl.len(), pl.col("gross").sum(), pl.col("net").sum()).row(0)
    if totals != expected or reading.rows["rejected"].count():
        raise WorkbookBenchError(f"{totals} were read, {expected} were written: rows, gross and net in paisa")
    cpu_seconds = used.ru_utime + used.ru_stime
    return WorkbookRun(rows, path.stat().st_size / 1e6, seconds, cpu_seconds, memory.peak_mb, parent_mb)


def figures(run: WorkbookRun) -> dict[str, Any]:
    """What goes into results.json."""
    return {
        "xlsx_seconds": round(run.seconds, 1),
        "xlsx_cpu_seconds": round(run.cpu_seconds, 1),
        "xlsx_rows_per_second": round(run.rate),
        "xlsx_reader_rss_mb": round(run.reader_rss_mb, 1),
        "xlsx_parent_rss_mb": round(run.parent_rss_mb, 1),
        "xlsx_run": asdict(run),
    }


def main() -> int:
    """Run alone."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reconciling.large_workbook", description=__doc__
    )
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the workbook")
    parser.add_argument("--write", action="store_true", help="write the figures into results.json")
    arguments, console = parser.parse_args(), Console(soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="ekpay-workbook-") as folder:
        path = Path(folder) / f"{INSTITUTION}_{books.DAY:%Y%m%d}_01.xlsx"
        console.print(f"writing a workbook of {arguments.rows:,} rows …", highlight=False)
        write_workbook(path, arguments.rows)
        try:
            run = read_workbook(path, arguments.rows)
        except WorkbookBenchError as problem:
            console.print(f"bench: {problem}", style="red", markup=False)
            return 1
    console.print(
        f"{run.rows:,} rows, {run.file_mb:.0f} MB: {run.seconds:.1f} s, processor {run.cpu_seconds:.1f} s, "
        f"{run.rate:,.0f} rows a second; "
        f"reader {run.reader_rss_mb:.0f} MB, the process that asks it {run.parent_rss_mb:.0f} MB",
        highlight=False,
    )
    if arguments.write:
        summary.write(figures(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
