"""Settling a value date: its sheet, its instructions with entries and files, written in one transaction.

A value date is settled once. A repeat returns the same sheet, ids and bytes, and posts nothing.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, withdrawals_subject
from reconciliation.errors import SettlementError
from reconciliation.results.table_values import Connection
from reconciliation.settlement.current_state import SettlementWork, batches, settlement_lock, take_in
from reconciliation.settlement.instructions.creditor_instructions import (
    Instruction,
    OutgoingInstructions,
    RemainderReason,
    carry_whole_sheet,
)
from reconciliation.settlement.instructions.instruction_steps import ids_owed_again
from reconciliation.settlement.instructions.value_date_record import (
    BankFile,
    SettledPosition,
    files_of,
    passed_value_dates,
    settle_positions,
    sheet_digest,
)
from reconciliation.settlement.journal_entries import (
    id_of_instruction,
    of_instruction,
    of_tax,
    tax_movement,
)
from reconciliation.settlement.plan_order import (
    Balances,
    PlannedOrder,
    plan_order,
    refuse_uncovered,
)
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.ledger_lines import account_paid_from, debt_of
from reconciliation.settlement.positions.lines import SettlementLine
from reconciliation.settlement.positions.net_positions import (
    SettlementSheet,
    sheet_of,
    unexplained_rest,
    value_dates,
)
from reconciliation.settlement.positions.payout_credits import PayoutBatch
from reconciliation.settlement.positions.withholding import TaxedPayout
from reconciliation.settlement.store.bank_outcomes import carried_ids, read_steps, write_carries
from reconciliation.settlement.store.contradictions import undecided_ids
from reconciliation.settlement.store.payout_records import (
    OrderCover,
    PayeeHoldback,
    read_cover,
    read_holdbacks,
    write_cover,
    write_holdbacks,
)
from reconciliation.settlement.store.settlement_lines import read_lines
from reconciliation.settlement.store.settlement_sheets import (
    IssuedInstruction,
    SheetHead,
    carried_from,
    head_of,
    load_bank_files,
    newest_sheet,
    read_instructions,
    read_sheet,
    store_bank_files,
    write_instructions,
    write_sheet,
)
from reconciliation.settlement.store.withheld_taxes import taxed_payouts, write_tax_movements

# What stops a withdrawal until a person does something.
_WITHDRAWING: Final = frozenset({PartyRole.PARTNER, PartyRole.SWEEP, PartyRole.DEPOSIT})
_UNPAYABLE: Final = frozenset({RemainderReason.NO_ACCOUNT, RemainderReason.ABOVE_MAXIMUM})


@dataclass(frozen=True, slots=True)
class SettlementOrder:
    """The order of two persons of finance, already verified, to settle a value date.

    `override` is why they pay though the cover is below the reserve or earlier nights are open.
    """

    value_date: date
    by: str
    approved_by: str
    override: str = ""


@dataclass(frozen=True, slots=True)
class SettledValueDate:
    """A value date as it stands in the tables; `is_new` if it was written just now.

    `holdbacks` and `cover` are what its instructions rest on; one that was settled before there were rules
    has none. `taxes` were withheld of what it instructs.
    """

    head: SheetHead
    rows: tuple[SettledPosition, ...]
    files: tuple[BankFile, ...]
    is_new: bool
    holdbacks: tuple[PayeeHoldback, ...] = ()
    cover: OrderCover | None = None
    taxes: tuple[TaxedPayout, ...] = ()


async def settle(work: SettlementWork, order: SettlementOrder) -> SettledValueDate:
    """Settle a value date, or return how it was settled.

    Raises:
        SettlementError: it cannot be settled (see `refuse_unless_due` and `plan_order.refuse_uncovered`), or
            its figures are no longer those written.
        asyncpg.CheckViolationError: the database finds that a sheet does not sum to zero.
    """
    connection = work.connection
    bank_batches = batches(work)
    async with settlement_lock(work):
        standing = await head_of(connection, order.value_date)
        if standing is None:
            refuse_unless_due(work, order.value_date, await newest_sheet(connection))
            await _write(work, order, bank_batches)
    head = standing or await head_of(connection, order.value_date)
    assert head is not None, "it was written just now"
    rows = await read_sheet(connection, order.value_date)
    if sheet_digest(rows) != head.digest:
        raise SettlementError(f"the sheet of {order.value_date} is not what was written")
    files = await load_bank_files(connection, order.value_date)
    holdbacks = await read_holdbacks(connection, order.value_date)
    cover = await read_cover(connection, order.value_date)
    taxes = await taxed_payouts(connection, order.value_date)
    return SettledValueDate(head, rows, files, standing is None, holdbacks, cover, taxes)


def refuse_unless_due(work: SettlementWork, value_date: date, newest: date | None) -> None:
    """Refuse a value date that may not be settled now.

    Raises:
        SettlementError: it is no business day, a later one was settled, it is later than the one behind the
            newest night, or the last run does not hold.
    """
    calendar = work.setting.cycles.calendar
    if not calendar.is_business_day(value_date):
        raise SettlementError(f"{value_date} is no business day")
    if newest is not None and value_date < newest:
        raise SettlementError(f"{newest} was settled, what is left of {value_date} was carried there")
    if value_date > calendar.business_day_after(work.run.night):
        reached = calendar.business_day_after(work.run.night)
        raise SettlementError(
            f"the newest night is {work.run.night}: {reached} is the last to be settled by it"
        )
    if not work.run.holds:
        raise SettlementError(f"an invariant of run {work.run.seq} does not hold: nothing is paid by it")


async def _write(work: SettlementWork, order: SettlementOrder, bank_batches: Sequence[PayoutBatch]) -> None:
    """Write the sheets of value dates that passed without one, and then the ordered one."""
    connection = work.connection
    await take_in(work)
    made_at = await connection.fetchval("SELECT date_trunc('second', now())")
    newest = await newest_sheet(connection)
    lines = await lines_from(work, order.value_date, newest)
    for day, rows in _passed_sheets(
        work, lines, await carried_from(connection, newest), newest=newest, value_date=order.value_date
    ):
        head = SheetHead(day, work.run.id, sheet_digest(rows), order.by, order.approved_by, made_at)
        await write_sheet(connection, head, rows)
    carried = await carried_into(work, lines, order.value_date)
    planned = await plan_order(work, _sheet(order.value_date, lines, work), carried, bank_batches, newest)
    head = SheetHead(
        order.value_date, work.run.id, sheet_digest(planned.rows), order.by, order.approved_by, made_at
    )
    await write_sheet(connection, head, planned.rows)
    await write_carries(connection, await _rejected_ids(connection), order.value_date)
    await _write_basis(connection, order, planned)
    await _issue_instructions(work, planned.outgoing, planned.balances)
    await _say_unpayable_withdrawals(work, planned.outgoing)
    await store_bank_files(
        connection, order.value_date, files_of(planned.outgoing, work.setting.registry.debtor, made_at)
    )


async def _say_unpayable_withdrawals(work: SettlementWork, outgoing: OutgoingInstructions) -> None:
    """Raise an alarm for whose withdrawals, sweeps or top-ups cannot be paid, and end that of who is paid."""
    stuck = {
        remainder.party.name: remainder
        for remainder in outgoing.remainders
        if remainder.party.role in _WITHDRAWING and remainder.reason in _UNPAYABLE
    }
    raised = [
        RaisedAlarm(
            Alarm.PAYOUT_WAITS,
            withdrawals_subject(name),
            amount=remainder.amount,
            facts={"partner": name, "why": remainder.reason.value},
        )
        for name, remainder in sorted(stuck.items())
    ]
    paid = {instruction.creditor.creditor for instruction in outgoing.instructions}
    subjects = [withdrawals_subject(party.name) for party in sorted(paid) if party.role in _WITHDRAWING]
    alarms = work.setting.finance.alarms
    await alarms.raise_alarms(work.connection, raised)
    await alarms.end_alarms(work.connection, subjects, "its withdrawals are instructed")


async def _write_basis(connection: Connection, order: SettlementOrder, planned: PlannedOrder) -> None:
    """Write what the instructions rest on; nothing needs a cover where nobody is paid."""
    cover = planned.cover
    if planned.outgoing.instructions and cover.against:
        cover = replace(cover, override=order.override)
        refuse_uncovered(cover, order.value_date)
    await write_cover(connection, order.value_date, cover, (order.by, order.approved_by))
    await write_holdbacks(connection, order.value_date, planned.holdbacks)


async def lines_from(
    work: SettlementWork, value_date: date, newest: date | None
) -> tuple[SettlementLine, ...]:
    """The lines of every value date without a sheet up to this one; all where there is no sheet yet."""
    return await read_lines(work.connection, None if newest is None else min(newest, value_date))


def _passed_sheets(
    work: SettlementWork,
    lines: Sequence[SettlementLine],
    carried: Mapping[Party, int],
    *,
    newest: date | None,
    value_date: date,
) -> Iterator[tuple[date, tuple[SettledPosition, ...]]]:
    """The sheets of value dates that have passed without one: everything that is owed is carried on."""
    for day in passed_value_dates(value_dates(lines, work.setting.cycles), value_date, newest):
        sheet = _sheet(day, lines, work)
        outgoing = carry_whole_sheet(sheet, carried)
        yield day, settle_positions(sheet, outgoing, carried)
        carried = outgoing.carried_amounts


async def carried_into(
    work: SettlementWork, lines: Sequence[SettlementLine], value_date: date
) -> dict[Party, int]:
    """What parties are owed from earlier dates, in paisa: carried, without a sheet, or rejected by a bank."""
    newest = await newest_sheet(work.connection)
    carried = await carried_from(work.connection, newest)
    for _, rows in _passed_sheets(work, lines, carried, newest=newest, value_date=value_date):
        carried = {row.position.party: row.carried_out for row in rows if row.carried_out}
    return await _with_rejected(work.connection, carried, value_date)


def _sheet(value_date: date, lines: Sequence[SettlementLine], work: SettlementWork) -> SettlementSheet:
    sheet = sheet_of(value_date, lines, work.setting.cycles)
    if unexplained_rest(sheet):
        raise SettlementError(f"the sheet of {value_date} leaves {unexplained_rest(sheet)} paisa unexplained")
    return sheet


async def _issue_instructions(
    work: SettlementWork, outgoing: OutgoingInstructions, balances: Balances
) -> None:
    statement = work.setting.registry.debtor.statement
    issued = [_issued_instruction(instruction, statement, balances) for instruction in outgoing.instructions]
    await write_instructions(work.connection, issued)
    taxed = [(item, tax) for item in issued if (tax := tax_movement(item, 0, is_restored=False))]
    await write_tax_movements(work.connection, [movement for _, movement in taxed])
    entries = [of_instruction(instruction) for instruction in issued]
    entries += [of_tax(item, movement) for item, movement in taxed]
    await work.setting.finance.books.post(work.connection, entries)


def _issued_instruction(instruction: Instruction, statement: str, balances: Balances) -> IssuedInstruction:
    party = instruction.creditor.creditor
    account = account_paid_from(party, balances)
    debt = balances.get(debt_of(party), 0)
    return IssuedInstruction(
        instruction, statement, account, max(0, debt), id_of_instruction(instruction.end_to_end_id)
    )


async def _rejected_ids(connection: Connection) -> tuple[str, ...]:
    steps, undecided = await read_steps(connection), await undecided_ids(connection)
    return tuple(sorted(ids_owed_again(steps, await carried_ids(connection), undecided)))


async def _with_rejected(
    connection: Connection, carried: Mapping[Party, int], value_date: date
) -> dict[Party, int]:
    """What the last sheet carried and what banks have rejected since, in paisa."""
    amounts = dict(carried)
    names = set(await _rejected_ids(connection))
    for issued in await read_instructions(connection):
        instruction = issued.instruction
        if instruction.end_to_end_id in names and instruction.value_date < value_date:
            party = instruction.creditor.creditor
            amounts[party] = amounts.get(party, 0) + instruction.gross
    return amounts


def write_bank_files(files: Sequence[BankFile], folder: Path) -> tuple[Path, ...]:
    """Write the files for banks into a folder; an existing one with the same bytes stays.

    Raises:
        SettlementError: a file of this name has other content.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for bank_file in files:
        place = folder / bank_file.name
        if place.exists() and place.read_bytes() != bank_file.content:
            raise SettlementError(f"{place} is there and says something else")
        # Written under another name and renamed, so that nobody fetches half a file.
        unfinished = folder / f".{bank_file.name}"
        with unfinished.open("wb") as file:
            file.write(bank_file.content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(place)
        written.append(place)
    return tuple(written)
