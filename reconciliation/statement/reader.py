"""Read one file of any container: bytes and layout to canonical rows and the file's own totals.

A load is a pure function of bytes, layout and the file's date. It gives all rows or none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from reconciliation.canonical_row import FAILED, FILE, SUCCESS, complete
from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.canonical_rows import WRITTEN, rows_of
from reconciliation.statement.cell_tables import CellTable, read_table, workbook_tables
from reconciliation.statement.control_totals import check_controls
from reconciliation.statement.formats.file_limits import USUAL_LIMITS, FileLimits
from reconciliation.statement.layout import TABLES, Layout, LineLayout
from reconciliation.statement.piecewise_reader import read_in_pieces
from reconciliation.statement.plain_rows import COLUMNS

# Twice what the country produces in a year; far inside 64 bits, also where many files are summed.
_PAISA_MAX: Final = 10**16
# A reference is a key of tables, and stands in reports.
_LETTERS_MAX: Final = 200
_CONTROL: Final = r"\p{Cc}"
_TEXTS: Final = ("ours", "theirs", "currency")


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of a file: its rows, the cells of its header, and the balances of a statement.

    `settled` is the net of all rows that succeeded in taka, which is what the institution owes for the file.
    `controls` are the totals that it stated and those that were counted, see `control_totals.check_controls`.
    """

    rows: pl.DataFrame
    header: dict[str, str]
    settled: int
    opening: int | None = None
    closing: int | None = None
    controls: Mapping[str, str] = field(default_factory=dict)


class FileReader(Protocol):
    """Reads files of far sides."""

    def read(self, path: Path, layout: Layout, name: str, file_date: date) -> Reading:
        """All rows of a file, which is called `name` wherever its bytes lie.

        Raises:
            UnreadableFileError: the file is refused as a whole.
        """
        ...


class ReaderInHere:
    """Reads files in this process, without limits of memory and time: for those that we made ourselves."""

    def read(self, path: Path, layout: Layout, name: str, file_date: date) -> Reading:
        """All rows of a file; as `read_file`."""
        return read_file(path.read_bytes(), layout, name, file_date)


def read_file(
    content: bytes,
    layout: Layout,
    name: str,
    file_date: date,
    *,
    hashed: bool = True,
    limits: FileLimits = USUAL_LIMITS,
) -> Reading:
    """All rows of a file; without `hashed`, rows of a table lack their hash (`line_hashes.hashes_at`).

    Raises:
        UnreadableFileError: the file is refused as a whole; `code` is the code of its break.
    """
    if layout.container in TABLES:
        reading = _of_table(content, layout, name, file_date, hashed=hashed, limits=limits)
    else:
        reading = _of_statement(content, layout, name, file_date)
    _refuse_strange_texts(reading)
    return reading


def _of_table(
    content: bytes, layout: Layout, name: str, file_date: date, *, hashed: bool, limits: FileLimits
) -> Reading:
    table_and_rows = (
        _rows_of_workbook(content, layout, file_date, limits, hashed=hashed)
        if layout.container == "workbook"
        else read_in_pieces(content, layout, file_date, hashed=hashed)
    )
    if table_and_rows is None:
        table = table_of(content, layout)
        table_and_rows = table, rows_of(table, layout, file_date, hashed=hashed)
    table, rows = table_and_rows
    _refuse_large_sums(rows)
    controls = check_controls(table, rows, layout)
    is_settled = (pl.col("status") == SUCCESS) & (pl.col("currency") == "BDT")
    settled = rows.select(pl.col("net").filter(is_settled).sum()).item()
    finished = _finished(rows, layout, name, file_date)
    return Reading(finished, dict(table.header), int(settled), controls=controls)


def _rows_of_workbook(
    content: bytes, layout: Layout, file_date: date, limits: FileLimits, *, hashed: bool
) -> tuple[CellTable, pl.DataFrame]:
    """The rows of a workbook, without its cells, which are never in memory together."""
    parts: list[pl.DataFrame] = []
    done, table = 0, None
    for table in workbook_tables(content, layout.row or LineLayout(columns=("",)), limits):
        rows = rows_of(table, layout, file_date, hashed=hashed)
        written = [column for column in WRITTEN.values() if column in rows]
        parts.append(rows.select(*COLUMNS, *written, pl.col("ordinal") + done))
        done += rows.height
    if table is None:
        raise UnreadableFileError("the sheet has no heading row")
    return table, pl.concat(parts)


def _refuse_large_sums(rows: pl.DataFrame) -> None:
    """Refuse amounts that are more together than the books can hold; their sum would be another number."""
    for name in ("gross", "net", *(column for column in WRITTEN.values() if column in rows)):
        total = rows.select(pl.col(name).cast(pl.Float64).abs().sum()).item()
        if total > _PAISA_MAX:
            raise UnreadableFileError(f"the amounts together are more than {_PAISA_MAX} paisa")


def _refuse_strange_texts(reading: Reading) -> None:
    """Refuse texts that no table or report holds: control characters, or references without an end."""
    for name in _TEXTS:
        cells = reading.rows[name]
        is_strange = (cells.str.contains(_CONTROL) | (cells.str.len_chars() > _LETTERS_MAX)).fill_null(
            value=False
        )
        if is_strange.any():
            row = is_strange.arg_max() or 0
            raise UnreadableFileError(
                f"row {row + 1} names {cells[row][:40]!r}, with a control character or of more than"
                f" {_LETTERS_MAX} letters"
            )
    for texts in (reading.header, reading.controls):
        for name, text in texts.items():
            if len(text) > _LETTERS_MAX or not text.isprintable():
                raise ControlTotalError(f"{name} is {text[:40]!r}")


def table_of(content: bytes, layout: Layout) -> CellTable:
    """The cells of a file whose layout is a table."""
    if layout.container not in ("ach", "beftn", "iso8583"):
        return read_table(content, layout)
    from reconciliation.statement import clearing_tables as clearing  # noqa: PLC0415 - XML and ISO 8583, for the few

    match layout.container:
        case "ach" | "beftn":
            return clearing.read_ach(content, layout)
        case _:
            return clearing.read_messages(content, layout)


def _finished(rows: pl.DataFrame, layout: Layout, name: str, file_date: date) -> pl.DataFrame:
    return complete(
        rows.with_columns(
            source=pl.lit(FILE, pl.Int8),
            origin=pl.lit(name),
            institution=pl.lit(layout.institution),
            business_date=pl.lit(file_date),
            # The amount of a failed row is the requested one: nothing of it moved.
            fee=pl.when(pl.col("status") == FAILED).then(pl.lit(0, pl.Int64)).otherwise("fee"),
        ).drop("verdict", "payment_id", strict=False)
    )


def _of_statement(content: bytes, layout: Layout, name: str, file_date: date) -> Reading:
    from reconciliation.statement.account_rows import read_statements  # noqa: PLC0415 - XML and MT940, for banks

    statement = read_statements(content, layout)
    finished = _finished(statement.rows, layout, name, file_date)
    return Reading(
        finished, {}, statement.entry_total, statement.opening, statement.closing, statement.controls
    )
