"""Breaks of chargeback rows: their money is booked by a dispute or by a decision, and never by both.

While a dispute has a row, its own steps book the money, and the break allows only what moves none. A row that
persons have decided about is kept under its name, so that no dispute and no chargeback books it as well
(docs/adr/0101).
"""

import polars as pl

from ekpay_switch.ports.disputes import ChargebackRow
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.breaks.codes import BreakCode
from reconciliation.canonical_row import CHARGEBACK, FILE
from reconciliation.engine.chargeback_rows import chargeback_row_of
from reconciliation.resolutions.booked_transfers import BookedTransferError, newest_rows
from reconciliation.resolutions.decision_records import Resolution
from reconciliation.resolutions.decision_store import resolutions_of
from reconciliation.results.records import BreakRecord
from reconciliation.statement.layout import Layout, read_layouts


class DisputedRowError(BookedTransferError):
    """The money of the chargeback row is booked by a dispute, or by a chargeback of its own."""


async def refuse_disputed(connection: Connection, finance: Finance, broken: BreakRecord) -> None:
    """Refuse a decision that moves money on the break of a chargeback row which a dispute books.

    What stands approved already goes on: no dispute books the row beside it.

    Raises:
        DisputedRowError: the message names the dispute and its command.
    """
    booked_by = await booked_by_dispute(connection, finance, broken)
    if booked_by:
        raise DisputedRowError(
            f"action: the connector took this money for a dispute, and {booked_by}; here "
            "only what moves no money fits"
        )


async def booked_by_dispute(connection: Connection, finance: Finance, broken: BreakRecord) -> str:
    """What books the money of the row that a break is about, in words; empty where decisions about it do."""
    row = await _row_of(connection, finance, broken)
    if row is None:
        return ""
    decisions = await resolutions_of(connection, broken.id)
    if any(decision.stands and decision.postings for decision in decisions):
        return ""
    return await finance.chargeback_rows.booked_by(connection, row)


async def keep_decided_row(
    connection: Connection, finance: Finance, resolution: Resolution, broken: BreakRecord
) -> None:
    """Keep that an approved decision, or the reversal of one, is about the row of its break."""
    if not resolution.postings or _layout_of(finance, broken) is None:
        return
    if resolution.reverses is not None:
        reversed_entry = next(
            decision.entry_id
            for decision in await resolutions_of(connection, broken.id)
            if decision.id == resolution.reverses
        )
        await finance.chargeback_rows.release(connection, reversed_entry, resolution.entry_id)
        return
    row = await _row_of(connection, finance, broken)
    if row is not None:
        await finance.chargeback_rows.decide(connection, resolution.entry_id, row)


def _layout_of(finance: Finance, broken: BreakRecord) -> Layout | None:
    """The layout of the institution of a break that a chargeback row can have; None for any other break."""
    layout = read_layouts(finance.config / "statements").get(broken.institution)
    is_fitting = broken.code == BreakCode.FILE_ONLY and layout is not None and layout.kind == "funds"
    return layout if is_fitting else None


async def _row_of(connection: Connection, finance: Finance, broken: BreakRecord) -> ChargebackRow | None:
    """The chargeback row that a break is about; None for any other."""
    layout = _layout_of(finance, broken)
    if layout is None:
        return None
    store, hashes = await newest_rows(connection, finance), broken.details.get("rows")
    assert store is not None, "a run has found the break"
    rows = store.of_names(broken.institution, [broken.reference]).filter(
        (pl.col("source") == FILE)
        & (pl.col("direction") == CHARGEBACK)
        & pl.col("raw_hash").is_in(hashes if isinstance(hashes, list) else [])
    )
    return None if rows.is_empty() else chargeback_row_of(rows.row(0, named=True), layout)
