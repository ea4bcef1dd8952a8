"""Read one file of any container: bytes and layout to canonical rows and the file's own totals.

A load is a pure function of bytes, layout and the file's date. It gives all rows or none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from reconciliation.canonical_row import FAILED, FILE, SUCCESS, complete
from reconciliation.statement.canonical_rows import rows_of
from reconciliation.statement.cell_tables import CellTable, read_table
from reconciliation.statement.control_totals import check_controls
from reconciliation.statement.layout import TABLES, Layout
from reconciliation.statement.piecewise_reader import read_in_pieces


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


def read_file(content: bytes, layout: Layout, name: str, file_date: date, *, hashed: bool = True) -> Reading:
    """All rows of a file; without `hashed`, rows of a table lack their hash (`line_hashes.hashes_at`).

    Raises:
        UnreadableFileError: the file is refused as a whole; `code` is the code of its break.
    """
    if layout.container in TABLES:
        return _of_table(content, layout, name, file_date, hashed=hashed)
    return _of_statement(content, layout, name, file_date)


def _of_table(content: bytes, layout: Layout, name: str, file_date: date, *, hashed: bool) -> Reading:
    table_and_rows = read_in_pieces(content, layout, file_date, hashed=hashed)
    if table_and_rows is None:
        table = table_of(content, layout)
        table_and_rows = table, rows_of(table, layout, file_date, hashed=hashed)
    table, rows = table_and_rows
    controls = check_controls(table, rows, layout)
    is_settled = (pl.col("status") == SUCCESS) & (pl.col("currency") == "BDT")
    settled = rows.select(pl.col("net").filter(is_settled).sum()).item()
    finished = _finished(rows, layout, name, file_date)
    return Reading(finished, dict(table.header), int(settled), controls=controls)


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
