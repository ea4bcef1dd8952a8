"""Our deposit at a utility in tests: most of it vended, and what persons and the bank do about it."""

from datetime import date

from ekpay_switch.ports.finance import Adjustment
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.journal_entries import entry_id
from reconciliation.settlement.payout_audit import first_broken
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.deposit_terms import DepositStanding
from reconciliation.settlement.settle_value_date import SettledValueDate
from reconciliation.settlement.top_ups import list_deposits
from tests.reconciliation.settlement.payout_desk import date_books, undate_books
from tests.reconciliation.settlement.sample_lines import SUN
from tests.reconciliation.settlement.stage import Stage, booked

NESCO = "nesco_prepaid"
PAYEE = Party(PartyRole.DEPOSIT, NESCO)
DEPOSIT, IN_TRANSIT, DUE = (
    f"biller_deposit:{NESCO}",
    f"biller_deposit:{NESCO}:in_transit",
    f"deposit_due:{NESCO}",
)
FUNDS, PUT_THERE, VENDED = 900_000_000, 50_000_000, 40_000_000
# A day of vends has left less than another one; three are the target.
PROPOSED = 3 * VENDED - (PUT_THERE - VENDED)
INSTRUCTIONS = "SELECT end_to_end_id FROM reconciliation.settlement_instructions ORDER BY value_date"
OPEN = "SELECT kind, subject, amount FROM alarms WHERE ended_at IS NULL"


async def vended(stage: Stage) -> Stage:
    """Our own money is at the bank and at NESCO, and Sunday has vended most of the latter."""
    await put_there(stage)
    # What was vended has come to us from whom it was vended to, so the bank has it.
    await stage.hold({DEPOSIT: -VENDED, "settlement_bank": VENDED})
    await stage.run(SUN)
    await date_books(stage, SUN)
    return stage


async def put_there(stage: Stage) -> None:
    await stage.hold({"own_funds": FUNDS + PUT_THERE, "settlement_bank": FUNDS + PUT_THERE})
    lines = (("settlement_bank", -PUT_THERE), (DEPOSIT, PUT_THERE))
    await stage.write(Adjustment(entry_id("put there"), "deposited", lines))


async def standing(stage: Stage) -> DepositStanding:
    async with open_work(stage.desk) as work:
        return {deposit.biller: deposit for deposit in await list_deposits(work)}[NESCO]


async def settled(stage: Stage, night: date, value_date: date) -> SettledValueDate:
    """Close the night and settle the value date."""
    await stage.run(night)
    await date_books(stage, night)
    return await stage.settle(value_date)


def figures(sheet: SettledValueDate) -> list[tuple[int, int, str]]:
    return [
        (row.instructed, row.carried_out, row.reason) for row in sheet.rows if row.position.party == PAYEE
    ]


async def last_id(stage: Stage) -> str:
    return str((await stage.books.rows(INSTRUCTIONS))[-1][0])


async def debited(stage: Stage, paisa: int, night: date) -> None:
    rows = stage.rows
    rows.append(booked("stmt_sonali", await last_id(stage), -paisa, night, ordinal=len(rows) + 1))
    await stage.run(night)
    await stage.follow()


async def audited(stage: Stage) -> object:
    connection = await stage.office.connect("audit")
    try:
        found = await first_broken(connection)
    finally:
        await connection.close()
    await undate_books(stage)
    return found or await stage.books.audit()


async def deposit_accounts(stage: Stage) -> tuple[int, int, int]:
    """What is there, in transit, and due."""
    balances = await stage.balances()
    there, in_transit, due = (balances.get(name, 0) for name in (DEPOSIT, IN_TRANSIT, DUE))
    return there, in_transit, due
