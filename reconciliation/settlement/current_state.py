"""The state of settlement: configuration, the newest run, and the lines that follow from it.

Lines are taken in whenever a command needs them, run by run, from judged rows and from closed windows; a
repeat writes nothing twice. Once a value date has a sheet, whatever becomes known belongs to a later one, so
a sheet never changes.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import polars as pl

from ekpay_switch.domain.ledger.settlement_postings import WITHHELD_TAX, clearing_account
from ekpay_switch.ports.finance import Finance
from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.calendar import read_calendar
from reconciliation.canonical_row import KEY
from reconciliation.errors import SettlementError
from reconciliation.matching.row_family import InstitutionKind
from reconciliation.results.committed_rows import CommittedRows, RunRows, row_names
from reconciliation.results.records import RunRecord
from reconciliation.results.runs import latest_run, run_of
from reconciliation.results.table_values import Connection
from reconciliation.settlement.instructions.account_registry import AccountRegistry, read_registry
from reconciliation.settlement.positions.cycles import Cycles
from reconciliation.settlement.positions.institution_lines import (
    ClaimFate,
    JudgedRows,
    institution_lines,
    payments_of_rows,
)
from reconciliation.settlement.positions.ledger_lines import lines_of_books
from reconciliation.settlement.positions.lines import carry_forward
from reconciliation.settlement.positions.payout_credits import PayoutBatch, batches_of
from reconciliation.settlement.store.payment_facts import (
    is_linked,
    link_collections,
    link_payees,
    payments_of_own_lines,
)
from reconciliation.settlement.store.settlement_lines import (
    billers_with_deposit,
    decided_fates,
    lines_about,
    new_booked,
    new_moved,
    runs_about,
    runs_not_taken,
    waiting_sources,
    write_lines,
)
from reconciliation.settlement.store.settlement_sheets import LOCK, newest_sheet
from reconciliation.statement.layout import Layout, read_layouts

_ACCOUNTS: Final = (
    "settlement_bank", "bank_charges", "rounding", "write_off", WITHHELD_TAX,
    *(clearing_account(rail) for rail in ("rtgs", "beftn")),
)  # fmt: skip
# Settling reads whole days; the guards of payments would cut it short.
_PATIENCE: Final = "SET statement_timeout = '10min'; SET idle_in_transaction_session_timeout = '10min'"
_STANDING: Final = """
SELECT b.code, b.institution, b.reference FROM reconciliation.breaks AS b
WHERE (SELECT e.state FROM reconciliation.break_events AS e WHERE e.break_id = b.id
  ORDER BY e.seq DESC LIMIT 1) <> 'closed'
"""


@dataclass(frozen=True, slots=True)
class SettlementSetting:
    """The configuration and sources of every settlement command."""

    finance: Finance
    registry: AccountRegistry
    cycles: Cycles
    layouts: Mapping[str, Layout]
    rows: CommittedRows


@dataclass(frozen=True, slots=True)
class SettlementWork:
    """The setting with a connection, and the newest run."""

    setting: SettlementSetting
    connection: Connection
    run: RunRecord

    @property
    def kinds(self) -> Mapping[str, InstitutionKind]:
        """The kind of each institution: funds, delivery or statement."""
        return {name: layout.kind for name, layout in self.setting.layouts.items()}


def read_setting(finance: Finance, rows: CommittedRows | None = None) -> SettlementSetting:
    """The setting by the configuration of an installation.

    Raises:
        ConfigurationError: a file of it is not valid.
    """
    registry = read_registry(finance.config / "settlement.toml")
    calendar = read_calendar(finance.config / "calendar.toml")
    layouts = read_layouts(finance.config / "statements")
    return SettlementSetting(
        finance, registry, Cycles(calendar, registry.own), layouts, rows or RunRows(finance.home_folder)
    )


@asynccontextmanager
async def open_work(setting: SettlementSetting, role: str = "app") -> AsyncIterator[SettlementWork]:
    """Open a connection with the newest run; the accounts that instructions post to exist.

    Raises:
        SettlementError: no night was run yet.
    """
    connection = await setting.finance.connect(role)
    try:
        await connection.execute(_PATIENCE)
        run = await latest_run(connection)
        if run is None:
            raise SettlementError("no night was reconciled yet: ekpay reconcile run")
        if role == "app":
            await setting.finance.books.open_accounts(_ACCOUNTS)
        yield SettlementWork(setting, connection, run)
    finally:
        await connection.close()


@asynccontextmanager
async def settlement_lock(work: SettlementWork) -> AsyncIterator[None]:
    """One transaction under the lock of settlement, over the run that the work has read.

    Raises:
        SettlementError: a newer run was committed since.
    """
    async with work.connection.transaction():
        await work.connection.execute(LOCK)
        newest = await latest_run(work.connection)
        if newest is None or newest.id != work.run.id:
            raise SettlementError("a night was reconciled meanwhile: ask again")
        yield


async def take_in(work: SettlementWork) -> None:
    """Write the lines of runs that were not taken in yet, in the caller's transaction.

    Each run is taken in as it was committed, in its own night, whenever that happens. For the newest run,
    later decisions of people are read every time. Of each run only the rows that it changed are read, and for
    the newest those whose lines are not agreed.

    Raises:
        ConflictingLineError: a row has another amount than before.
    """
    if not await is_linked(work.connection):
        await _link_earlier_collections(work)
    for seq in await runs_not_taken(work.connection):
        run = await run_of(work.connection, seq)
        if run is not None and run.id != work.run.id:
            await _take_in_run(work, run, {}, frozenset())
    decided = {key: ClaimFate(fate) for key, fate in (await decided_fates(work.connection)).items()}
    await _take_in_run(work, work.run, decided, await waiting_sources(work.connection))


async def _link_earlier_collections(work: SettlementWork) -> None:
    """Link what connectors collected before lines had payments, once: a bill of it may come in only now."""
    rows = work.setting.rows.all_rows(work.run, (*KEY, "payment_id"))
    await link_collections(work.connection, payments_of_rows(rows, _of_kind(work, "funds")))


async def _take_in_run(
    work: SettlementWork, run: RunRecord, decided: Mapping[tuple[str, str], ClaimFate], waits: frozenset[str]
) -> None:
    """Write the lines that a run changes, and those that wait for a decision and may have it now."""
    connection, rows = work.connection, work.setting.rows
    newest = await newest_sheet(connection)
    # What becomes known after a sheet is too late for it.
    night = run.night if newest is None else max(run.night, newest)
    changed = rows.changed_rows(run)
    touched = {*row_names(changed.rows), *changed.withdrawn}
    waiting = waits - touched
    before = await lines_about(connection, touched | waiting)
    stand = rows.settled_rows(run, await runs_about(connection, waiting), waiting)
    judged = JudgedRows(
        pl.concat([changed.rows, stand]),
        night,
        work.kinds,
        await standing_breaks(connection),
        await billers_with_deposit(connection),
        decided,
    )
    booked, movements = await new_booked(connection, run.last_line), await new_moved(connection, run.night)
    after = (
        *carry_forward(before, institution_lines(judged, work.setting.cycles), night),
        *lines_of_books(booked, movements, night),
    )
    await write_lines(connection, run.id, before, after)
    await link_collections(connection, payments_of_rows(judged.rows, _of_kind(work, "funds")))
    own = await payments_of_own_lines(connection, [line.source for line in booked if line.account])
    await link_payees(connection, payments_of_rows(judged.rows, _of_kind(work, "delivery")) | own)


def _of_kind(work: SettlementWork, kind: InstitutionKind) -> list[str]:
    return [name for name, of_layout in work.kinds.items() if of_layout == kind]


def batches(work: SettlementWork) -> tuple[PayoutBatch, ...]:
    """Every payout that a bank statement must contain, as of the newest run."""
    return batches_of(statement_rows(work), work.setting.layouts)


def statement_rows(work: SettlementWork) -> pl.DataFrame:
    """The rows of all bank statements, and our rows that wait for them."""
    banks = [name for name, layout in work.setting.layouts.items() if layout.kind == "statement"]
    return work.setting.rows.of_institutions(work.run, banks)


async def open_accounts(work: SettlementWork, batches_to_post: Sequence[PayoutBatch]) -> None:
    """Open the accounts that lines of banks post to, batches or not; not inside a transaction."""
    connectors = {batch.connector for batch in batches_to_post if batch.credited is not None}
    accounts = [f"{kind}:{name}" for name in sorted(connectors) for kind in ("receivable", "suspense")]
    accounts += [f"suspense:{name}" for name, kind in work.kinds.items() if kind == "statement"]
    await work.setting.finance.books.open_accounts(accounts)


async def standing_breaks(connection: Connection) -> tuple[BreakFinding, ...]:
    """The breaks that are not closed, with what a held line needs of them."""
    rows = await connection.fetch(_STANDING)
    return tuple(
        BreakFinding(FindingKey(BreakCode(row["code"]), row["institution"], row["reference"])) for row in rows
    )
