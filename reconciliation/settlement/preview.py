"""Looking at a value date and at the cover without settling anything; only lines are taken in."""

from datetime import date

from reconciliation.settlement.current_state import Work, alone, batches, take_in
from reconciliation.settlement.instructions.creditor_instructions import instruct
from reconciliation.settlement.instructions.value_date_record import Settled, settled
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.net_positions import sheet_of
from reconciliation.settlement.positions.trust_cover import Cover, cover, overdue_of
from reconciliation.settlement.screen_rows import Drilled, drilled
from reconciliation.settlement.settle_value_date import brought_in, lines_from, owed_by
from reconciliation.settlement.store.bank_outcomes import read_closings
from reconciliation.settlement.store.settlement_lines import closed_balances, read_held, read_lines
from reconciliation.settlement.store.settlement_sheets import head_of, newest_sheet, read_sheet


async def sheet_rows(work: Work, value_date: date) -> tuple[Settled, ...]:
    """The sheet of a value date as it was settled, or as it would be settled now."""
    async with alone(work):
        if await head_of(work.connection, value_date):
            return await read_sheet(work.connection, value_date)
        await take_in(work)
        newest = await newest_sheet(work.connection)
        lines = await lines_from(work, value_date, newest)
        carried = {} if newest and value_date < newest else await brought_in(work, lines, value_date)
        sheet = sheet_of(value_date, lines, work.desk.cycles)
        balances = await work.desk.finance.books.balances(work.connection)
        owed_to = owed_by(balances, await closed_balances(work.connection))
        return settled(sheet, instruct(sheet, work.desk.registry, carried, owed_to), carried)


async def drill(work: Work, party: str, value_date: date) -> tuple[Party, list[Drilled]]:
    """The lines behind the position of a party.

    Raises:
        SettlementError: no such party has a line.
    """
    async with alone(work):
        await take_in(work)
        lines = await read_lines(work.connection, value_date)
        return await drilled(work, lines, (party, value_date))


async def cover_now(work: Work) -> Cover:
    """The cover at this moment: our books as they stand, and the banks' newest statements."""
    async with work.connection.transaction():
        balances = await work.desk.finance.books.balances(work.connection)
        closings = [closing.balance for closing in await read_closings(work.connection)]
        lines = await read_held(work.connection)
    late = overdue_of(batches(work), lines, work.desk.cycles, work.run.night)
    return cover(balances, closings, late)
