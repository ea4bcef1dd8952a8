"""Where settlement stands: configuration, the newest run of the night, and the lines that follow from it.

Lines are taken in whenever somebody asks for them, run by run, from what was judged and from windows that are
closed; taking in twice writes nothing twice. Once a value date has a sheet, whatever becomes known belongs to
a later one, so a sheet never changes.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from ekpay_switch.domain.settling import clearing_account
from ekpay_switch.finance_ports import Finance
from reconciliation.breaks.codes import Code
from reconciliation.calendar import read_calendar
from reconciliation.errors import SettlementError
from reconciliation.findings import Finding, FindingKey
from reconciliation.results.records import RunRecord
from reconciliation.results.rows import everything
from reconciliation.results.runs import latest_run, run_of
from reconciliation.results.tables import Connection
from reconciliation.settlement.accounts import Registry, read_registry
from reconciliation.settlement.agreed import Fate, Judgement, lines_of
from reconciliation.settlement.credits import Batch, batches_of
from reconciliation.settlement.cycles import Cycles, Role
from reconciliation.settlement.lines import Line, remembered
from reconciliation.settlement.own import lines_of_books
from reconciliation.settlement.store_lines import (
    billers_with_deposit,
    decisions,
    new_booked,
    new_moved,
    read_lines,
    runs_not_taken,
    write_lines,
)
from reconciliation.settlement.store_sheets import LOCK, newest_sheet
from reconciliation.statement.layout import Layout, read_layouts

# Rows of a run as they were judged, from the folder of the installation.
RowsOf = Callable[[Path, RunRecord], pl.DataFrame]

_FILED: Final = (Role.CONNECTOR, Role.BILLER)
_RAILS: Final = ("rtgs", "beftn")
# Settling reads whole days; the guards of payments would cut it short.
_PATIENCE: Final = "SET statement_timeout = '10min'; SET idle_in_transaction_session_timeout = '10min'"
_STANDING: Final = """
SELECT b.code, b.institution, b.reference FROM reconciliation.breaks AS b
WHERE (SELECT e.state FROM reconciliation.break_events AS e WHERE e.break_id = b.id
  ORDER BY e.seq DESC LIMIT 1) <> 'closed'
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every command of settlement works with."""

    finance: Finance
    registry: Registry
    cycles: Cycles
    layouts: Mapping[str, Layout]
    rows_of: RowsOf


@dataclass(frozen=True, slots=True)
class Work:
    """A desk with a connection, and the newest run with its rows and batches."""

    desk: Desk
    connection: Connection
    run: RunRecord
    rows: pl.DataFrame
    batches: Sequence[Batch]


def open_desk(finance: Finance, rows_of: RowsOf | None = None) -> Desk:
    """A desk over the configuration of an installation.

    Raises:
        ConfigurationError: a file of it says something that cannot be meant.
    """
    registry = read_registry(finance.config / "settlement.toml")
    calendar = read_calendar(finance.config / "calendar.toml")
    layouts = read_layouts(finance.config / "statements")
    return Desk(finance, registry, Cycles(calendar, registry.own), layouts, rows_of or everything)


@asynccontextmanager
async def at_work(desk: Desk, role: str = "app") -> AsyncIterator[Work]:
    """A connection with the newest run; every account that settling may post to stands.

    Raises:
        SettlementError: no night was run yet.
    """
    connection = await desk.finance.connect(role)
    try:
        await connection.execute(_PATIENCE)
        run = await latest_run(connection)
        if run is None:
            raise SettlementError("no night was reconciled yet: ekpay reconcile run")
        rows = desk.rows_of(desk.finance.home, run)
        batches = batches_of(rows, desk.layouts)
        if role == "app":
            await desk.finance.books.open_accounts(_accounts(batches))
        yield Work(desk, connection, run, rows, batches)
    finally:
        await connection.close()


def _accounts(batches: Sequence[Batch]) -> frozenset[str]:
    connectors = {batch.connector for batch in batches if batch.credited is not None}
    of_connectors = {f"{kind}:{name}" for name in connectors for kind in ("receivable", "suspense")}
    common = {"settlement_bank", "bank_charges", "rounding", *map(clearing_account, _RAILS)}
    return frozenset(common | of_connectors)


@asynccontextmanager
async def alone(work: Work) -> AsyncIterator[None]:
    """One transaction in which nobody else settles, over the run that the work has read.

    Raises:
        SettlementError: a newer run was committed since.
    """
    async with work.connection.transaction():
        await work.connection.execute(LOCK)
        newest = await latest_run(work.connection)
        if newest is None or newest.id != work.run.id:
            raise SettlementError("a night was reconciled meanwhile: ask again")
        yield


async def take_in(work: Work) -> tuple[Line, ...]:
    """Write what runs decided that were not taken in yet, in the caller's transaction; every line as it is.

    Each run is taken in as it was committed, in its own night, so it does not matter when somebody asks. Of
    the newest one it is asked every time what people have decided since.

    Raises:
        ConflictingLineError: a row says another amount than it did.
    """
    lines = await read_lines(work.connection)
    for seq in await runs_not_taken(work.connection):
        run = await run_of(work.connection, seq)
        if run is not None and run.id != work.run.id:
            rows = work.desk.rows_of(work.desk.finance.home, run)
            lines = await _taken(work, run, rows, lines, decided={})
    decided = {key: Fate(fate) for key, fate in (await decisions(work.connection)).items()}
    return await _taken(work, work.run, work.rows, lines, decided=decided)


async def _taken(
    work: Work,
    run: RunRecord,
    rows: pl.DataFrame,
    before: Sequence[Line],
    *,
    decided: Mapping[tuple[str, str], Fate],
) -> tuple[Line, ...]:
    """The lines after a run, written."""
    connection = work.connection
    newest = await newest_sheet(connection)
    # What becomes known behind a sheet is known too late for it.
    night = run.night if newest is None else max(run.night, newest)
    kinds = {name: layout.kind for name, layout in work.desk.layouts.items()}
    deposits = await billers_with_deposit(connection)
    judged = Judgement(rows, night, kinds, await _standing(connection), deposits, decided)
    filed = [line for line in before if line.cycle.party.role in _FILED]
    own = [line for line in before if line.cycle.party.role not in _FILED]
    booked, moved = await new_booked(connection, run.last_line), await new_moved(connection, run.night)
    after = (
        *remembered(filed, lines_of(judged, work.desk.cycles), night),
        *own,
        *lines_of_books(booked, moved, night),
    )
    await write_lines(connection, run.id, before, after)
    return after


async def _standing(connection: Connection) -> tuple[Finding, ...]:
    """The breaks that are not closed, as far as they name what a line is held for."""
    rows = await connection.fetch(_STANDING)
    return tuple(Finding(FindingKey(Code(row["code"]), row["institution"], row["reference"])) for row in rows)
