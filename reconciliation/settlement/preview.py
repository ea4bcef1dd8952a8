"""Previews of a value date and of the trust cover; nothing is settled, only lines are taken in."""

from datetime import date

from reconciliation.settlement.current_state import SettlementWork, batches, settlement_lock, take_in
from reconciliation.settlement.instructions.creditor_instructions import instructions_of
from reconciliation.settlement.instructions.value_date_record import SettledPosition, settle_positions
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.net_positions import sheet_of
from reconciliation.settlement.positions.trust_cover import TrustCover, cover_of, overdue_of
from reconciliation.settlement.screen_rows import LineDetails, position_details
from reconciliation.settlement.settle_value_date import (
    carried_into,
    lines_from,
    owed_to_parties,
    stopped_parties,
)
from reconciliation.settlement.store.account_changes import registry_in_force
from reconciliation.settlement.store.bank_outcomes import read_closings
from reconciliation.settlement.store.settlement_lines import closed_balances, read_held, read_lines
from reconciliation.settlement.store.settlement_sheets import head_of, newest_sheet, read_sheet
from reconciliation.unidentified.item_store import standing_debits


async def sheet_rows(work: SettlementWork, value_date: date) -> tuple[SettledPosition, ...]:
    """The sheet of a value date as it was settled, or as it would be settled now."""
    async with settlement_lock(work):
        if await head_of(work.connection, value_date):
            return await read_sheet(work.connection, value_date)
        await take_in(work)
        newest = await newest_sheet(work.connection)
        lines = await lines_from(work, value_date, newest)
        carried = {} if newest and value_date < newest else await carried_into(work, lines, value_date)
        sheet = sheet_of(value_date, lines, work.setting.cycles)
        balances = await work.setting.finance.books.balances(work.connection)
        owed_to = owed_to_parties(balances, await closed_balances(work.connection))
        stopped = await stopped_parties(work.connection)
        registry = await registry_in_force(work.connection, work.setting.registry)
        outgoing = instructions_of(sheet, registry, carried, owed_to, stopped)
        return settle_positions(sheet, outgoing, carried)


async def explain_party(
    work: SettlementWork, party: str, value_date: date
) -> tuple[Party, list[LineDetails]]:
    """The lines behind the position of a party.

    Raises:
        SettlementError: no such party has a line.
    """
    async with settlement_lock(work):
        await take_in(work)
        lines = await read_lines(work.connection, value_date)
        return await position_details(work, lines, party, value_date)


async def current_cover(work: SettlementWork) -> TrustCover:
    """The cover at this moment: our books as they stand, and the banks' newest statements."""
    async with work.connection.transaction():
        balances = await work.setting.finance.books.balances(work.connection)
        closings = [closing.balance for closing in await read_closings(work.connection)]
        lines = await read_held(work.connection)
        left = await standing_debits(work.connection)
    late = overdue_of(batches(work), lines, work.setting.cycles, work.run.night)
    return cover_of(balances, closings, late, left)
