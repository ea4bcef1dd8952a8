"""The chargeback rows of a committed run, passed to the desk of disputes (docs/adr/0101).

After the commit, a row a transaction: what a process that dies did not pass on, the next one passes on. A row
that our books have as a chargeback already has agreed with it and is passed on no more.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import polars as pl

from ekpay_switch.domain.money import Money
from ekpay_switch.ports.disputes import ChargebackRow, ChargebackRowAnswer
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.canonical_row import BROKEN, CHARGEBACK, FILE, SUCCESS
from reconciliation.engine.row_store import RowStore
from reconciliation.intake.file_names import parse_file_name
from reconciliation.matching.reference_keys import STRANGER
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
        _row_of(row, layouts[row["institution"]])
        for row in judged.sort("institution", "origin", "ordinal").iter_rows(named=True)
    ]


def _row_of(row: Mapping[str, object], layout: Layout) -> ChargebackRow:
    day = parse_file_name(str(row["origin"])).key.day
    collected = str(row["reference"]).removeprefix(STRANGER)
    amount = row["net"] if row["gross"] is None else row["gross"]
    return ChargebackRow(
        connector_id=layout.institution,
        # Without a name of theirs it is known by the payment and the day, also in a corrected file.
        name=str(row["theirs"]) or f"{collected} {day}",
        collected=collected,
        amount=Money(abs(int(str(amount))), str(row["currency"])),
        file=str(row["origin"]),
        answer_due_on=day + timedelta(days=layout.chargeback_answer_days),
    )
