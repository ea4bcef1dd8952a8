"""The chargeback rows of a committed run, passed to the desk of disputes (docs/adr/0101).

After the commit, a row a transaction: what a process that dies did not pass on, the next one passes on. A row
that our books have as a chargeback already has agreed with it and is passed on no more.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from ekpay_switch.ports.disputes import ChargebackRow, ChargebackRowAnswer
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.canonical_row import BROKEN, CHARGEBACK, FILE, SUCCESS
from reconciliation.engine.chargeback_rows import chargeback_row_of
from reconciliation.engine.row_store import RowStore
from reconciliation.results.records import RunRecord
from reconciliation.statement.layout import Layout

_IS_UNKNOWN_CHARGEBACK: Final = (
    (pl.col("source") == FILE)
    & (pl.col("direction") == CHARGEBACK)
    & (pl.col("status") == SUCCESS)
    & (pl.col("verdict") == BROKEN)
)


async def record_chargebacks(
    connection: Connection, finance: Finance, run: RunRecord, rows: Path, layouts: Mapping[str, Layout]
) -> tuple[ChargebackRowAnswer, ...]:
    """What became of each chargeback row that a run judged and our books do not have; `rows` has them."""
    return tuple(
        [await finance.chargeback_rows.record(connection, row) for row in _rows_of(run, rows, layouts)]
    )


def _rows_of(run: RunRecord, rows: Path, layouts: Mapping[str, Layout]) -> Sequence[ChargebackRow]:
    funds = [name for name, layout in layouts.items() if layout.kind == "funds"]
    judged = RowStore(rows, run.seq).settled_in(
        [run.seq], _IS_UNKNOWN_CHARGEBACK & pl.col("institution").is_in(funds)
    )
    return [
        chargeback_row_of(row, layouts[row["institution"]])
        for row in judged.sort("institution", "origin", "ordinal").iter_rows(named=True)
    ]
