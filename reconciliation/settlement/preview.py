"""Previews of a value date and of the trust cover; nothing is settled, only lines are taken in."""

from dataclasses import dataclass
from datetime import date

from reconciliation.settlement.current_state import SettlementWork, batches, settlement_lock, take_in
from reconciliation.settlement.instructions.creditor_instructions import OutgoingInstructions
from reconciliation.settlement.instructions.value_date_record import SettledPosition
from reconciliation.settlement.plan_order import later_cycles, plan_order, received_money, undecided_batches
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.net_positions import sheet_of
from reconciliation.settlement.positions.trust_cover import TrustCover, cover_of, overdue_of
from reconciliation.settlement.positions.withholding import TaxedPayout
from reconciliation.settlement.screen_rows import LineDetails, position_details
from reconciliation.settlement.settle_value_date import carried_into, lines_from
from reconciliation.settlement.store.bank_outcomes import read_closings
from reconciliation.settlement.store.payment_facts import UnreceivedPayment, unreceived_payments
from reconciliation.settlement.store.payout_records import (
    OrderCover,
    PayeeHoldback,
    read_cover,
    read_holdbacks,
)
from reconciliation.settlement.store.settlement_lines import read_held, read_lines
from reconciliation.settlement.store.settlement_sheets import head_of, newest_sheet, read_sheet
from reconciliation.settlement.store.withheld_taxes import taxed_payouts
from reconciliation.unidentified.item_store import standing_debits


@dataclass(frozen=True, slots=True)
class PreviewedSheet:
    """The lines of a sheet with what its instructions rest on, as it was settled or would be now."""

    rows: tuple[SettledPosition, ...]
    holdbacks: tuple[PayeeHoldback, ...]
    cover: OrderCover | None
    taxes: tuple[TaxedPayout, ...] = ()


async def preview_sheet(work: SettlementWork, value_date: date) -> PreviewedSheet:
    """The sheet of a value date as it was settled, or as it would be settled now."""
    connection = work.connection
    bank_batches = batches(work)
    async with settlement_lock(work):
        if await head_of(connection, value_date):
            return PreviewedSheet(
                await read_sheet(connection, value_date),
                await read_holdbacks(connection, value_date),
                await read_cover(connection, value_date),
                await taxed_payouts(connection, value_date),
            )
        await take_in(work)
        newest = await newest_sheet(connection)
        lines = await lines_from(work, value_date, newest)
        carried = {} if newest and value_date < newest else await carried_into(work, lines, value_date)
        sheet = sheet_of(value_date, lines, work.setting.cycles)
        planned = await plan_order(work, sheet, carried, bank_batches, newest)
        return PreviewedSheet(planned.rows, planned.holdbacks, planned.cover, _taxes_of(planned.outgoing))


def _taxes_of(outgoing: OutgoingInstructions) -> tuple[TaxedPayout, ...]:
    return tuple(
        sorted(
            (
                TaxedPayout(item.creditor.creditor, item.withheld)
                for item in outgoing.instructions
                if item.withheld
            ),
            key=lambda taxed: taxed.payee,
        )
    )


@dataclass(frozen=True, slots=True)
class ExplainedParty:
    """The lines behind a party's position, and its payments whose money is not here, of any value date.

    `taxes` is what is withheld of its payout of the value date, if anything is.
    """

    party: Party
    lines: list[LineDetails]
    unreceived: list[UnreceivedPayment]
    taxes: list[TaxedPayout]


async def explain_party(work: SettlementWork, party: str, value_date: date) -> ExplainedParty:
    """The lines behind the position of a party, and what of it the rules of payouts may hold back.

    Raises:
        SettlementError: no such party has a line.
    """
    bank_batches = batches(work)
    async with settlement_lock(work):
        await take_in(work)
        lines = await read_lines(work.connection, value_date)
        found, details = await position_details(work, lines, party, value_date)
        received, later = await received_money(work, bank_batches), await later_cycles(work, value_date)
        unreceived = await unreceived_payments(work.connection, found, received, later)
    sheet = await preview_sheet(work, value_date)
    return ExplainedParty(found, details, unreceived, [item for item in sheet.taxes if item.payee == found])


async def current_cover(work: SettlementWork) -> TrustCover:
    """The cover at this moment: our books as they stand, and the banks' newest statements."""
    async with work.connection.transaction():
        balances = await work.setting.finance.books.balances(work.connection)
        closings = [closing.balance for closing in await read_closings(work.connection)]
        lines = await read_held(work.connection)
        left = await standing_debits(work.connection)
    undecided = await undecided_batches(work.connection, batches(work))
    late = overdue_of(undecided, lines, work.setting.cycles, work.run.night)
    return cover_of(balances, closings, late, left)
