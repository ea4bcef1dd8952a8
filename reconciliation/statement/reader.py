"""One file, whatever its container: bytes and layout to canonical rows and what the file says of itself.

A load is a pure function of bytes, layout and the file's date. It gives all rows or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.rows import BRINGS, FAILED, FILE, SUCCESS, complete
from reconciliation.statement import camt, mt940
from reconciliation.statement.canonical import rows_of
from reconciliation.statement.controls import check_controls
from reconciliation.statement.entries import AccountStatement, check_balances
from reconciliation.statement.layout import Layout
from reconciliation.statement.tables import read_table


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says: its rows, its own place in a sequence, and the balances of a statement.

    `settled` is the net of all rows that succeeded in taka, which is what the institution owes for the file.
    """

    rows: pl.DataFrame
    header: dict[str, str]
    settled: int
    opening: int | None = None
    closing: int | None = None


def read(content: bytes, layout: Layout, name: str, file_date: date) -> Reading:
    """All rows of a file.

    Raises:
        UnreadableFileError: the file is refused as a whole; `code` says as what.
    """
    if layout.container in {"text", "workbook"}:
        return _of_table(content, layout, name, file_date)
    if layout.container == "camt053":
        statements = camt.read(content)
    else:
        try:
            statements = mt940.read(content.decode("ascii").replace("\r\n", "\n"))
        except UnicodeDecodeError as problem:
            raise UnreadableFileError(f"byte {problem.start} is not ascii") from problem
    return _of_statement(statements, layout, name, file_date)


def _of_table(content: bytes, layout: Layout, name: str, file_date: date) -> Reading:
    table = read_table(content, layout)
    rows = rows_of(table, layout, file_date)
    check_controls(table, rows, layout)
    settled = rows.filter((pl.col("status") == SUCCESS) & (pl.col("currency") == "BDT"))["net"].sum()
    return Reading(_finished(rows, layout, name, file_date), dict(table.header), int(settled))


def _finished(rows: pl.DataFrame, layout: Layout, name: str, file_date: date) -> pl.DataFrame:
    return complete(
        rows.with_columns(
            source=pl.lit(FILE, pl.Int8),
            origin=pl.lit(name),
            institution=pl.lit(layout.institution),
            business_date=pl.lit(file_date),
            # A failed row's amount is what was asked for: nothing of it moved.
            fee=pl.when(pl.col("status") == FAILED).then(pl.lit(0, pl.Int64)).otherwise("fee"),
        ).drop("verdict", "payment_id", strict=False)
    )


def _of_statement(
    statements: Sequence[AccountStatement], layout: Layout, name: str, file_date: date
) -> Reading:
    if len(statements) != 1:
        raise ControlTotalError(f"{len(statements)} account statements where one must be")
    check_balances(statements)
    (statement,) = statements
    amounts = [entry.amount for entry in statement.entries]
    rows = pl.DataFrame(
        {
            "ordinal": [entry.ordinal for entry in statement.entries],
            "ours": [entry.reference for entry in statement.entries],
            "theirs": [entry.bank_reference for entry in statement.entries],
            "currency": [entry.currency for entry in statement.entries],
            "gross": amounts,
            "net": amounts,
            "raw_hash": [entry.fingerprint for entry in statement.entries],
        },
        schema_overrides={"gross": pl.Int64, "net": pl.Int64, "ordinal": pl.Int32}
        | dict.fromkeys(("ours", "theirs", "currency", "raw_hash"), pl.String),
    ).with_columns(
        direction=pl.lit(BRINGS, pl.Int8),
        status=pl.lit(SUCCESS, pl.Int8),
        fee=pl.lit(0, pl.Int64),
        vat=pl.lit(0, pl.Int64),
    )
    finished = _finished(rows, layout, name, file_date)
    return Reading(finished, {}, sum(amounts), statement.opening, statement.closing)
