"""What an agent has earned at its counter is paid into its bank account, less the tax on commission."""

from collections.abc import AsyncIterator
from datetime import date

import pytest

from ekpay_switch.domain.agents.commission import EVERY_AGENT, CommissionRate, CommissionTerms
from ekpay_switch.persistence.agents.commissions import book_commissions
from reconciliation.papers.period import Period
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.papers.withholding.month_certificates import read_month_certificates
from reconciliation.settlement.account_changes import NewAccount, approve_change, ask_for_change
from reconciliation.settlement.instructions.account_registry import CreditorAccount, PayoutSettings
from reconciliation.settlement.instructions.value_date_record import SettledPosition
from reconciliation.settlement.instructions.withholding_rows import WithholdingRow
from reconciliation.settlement.payout_audit import first_broken
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.settle_value_date import SettledValueDate
from tests.persistence.agents.counter_setup import AGENT, Centre, open_centre
from tests.persistence.books import Books
from tests.persistence.ledger.window_closing_setup import Closing
from tests.reconciliation.settlement.payout_desk import finance_of
from tests.reconciliation.settlement.sample_lines import CALENDAR, CONFIG, REGISTRY
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage

TERMS = CommissionTerms((CommissionRate(EVERY_AGENT, 4_000, date(2020, 1, 1)),))
# Two bills earn more than the smallest transfer.
FEE = 5_000
EARNED = 2 * FEE * 4_000 // 10_000
TAX = EARNED // 10
WHO = Party(PartyRole.AGENT, AGENT)
ACCOUNT = {
    "role": "agent", "party": AGENT, "name": "Union Centre", "bic": "DDDDBDDHXXX",
    "routing_number": "994260048", "account": "9940000000007", "holds": "current", "rail": "beftn",
}  # fmt: skip
OWED = f"commission_payable:agent:{AGENT}"
INSTRUCTED = """
SELECT party, ledger_account, amount, withheld FROM reconciliation.settlement_instructions ORDER BY value_date
"""


@pytest.fixture
async def centre(books: Books) -> AsyncIterator[Centre]:
    async with open_centre(books) as centre:
        yield centre


async def earn(centre: Centre) -> None:
    """Two bills are paid at a counter, and what they earn is booked."""
    centre.take_fee(FEE)
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    for name in ("desco_postpaid", "titas"):
        await centre.paid(operator, drawer, name)
    assert await book_commissions(centre.transactions, TERMS) == 2


def with_agent(stage: Stage, *accounts: CreditorAccount) -> Stage:
    row = WithholdingRow.model_validate(
        {"role": "agent", "base": "commission", "section": "94", "basis_points": 1_000}
        | {"valid_from": date(2026, 1, 1)}
    )
    payouts = PayoutSettings(withholding=(row,))
    return stage.with_registry(REGISTRY.model_copy(update={"accounts": accounts, "payouts": payouts}))


async def settle_today(stage: Stage, centre: Centre) -> SettledValueDate:
    """Close today, run its night and settle the value date behind it."""
    closing = Closing(centre.books)
    today = await closing.today()
    await closing.close()
    await stage.run(
        today, last_line=await centre.books.value("SELECT coalesce(max(id), 0) FROM ledger_lines")
    )
    return await stage.settle(CALENDAR.business_day_after(today))


def position_of(settled: SettledValueDate) -> SettledPosition:
    (found,) = [row for row in settled.rows if row.position.party == WHO]
    return found


async def audited(stage: Stage) -> object:
    connection = await stage.office.connect("audit")
    try:
        return await first_broken(connection) or await stage.books.audit()
    finally:
        await connection.close()


async def test_commission_is_paid_less_the_tax_on_it(stage: Stage, centre: Centre) -> None:
    await earn(centre)
    with_agent(stage, CreditorAccount.model_validate(ACCOUNT))
    settled = await settle_today(stage, centre)
    row = position_of(settled)
    assert (row.position.commissions, row.position.net, row.instructed) == (-EARNED, -EARNED, EARNED)
    rows = await centre.books.rows(INSTRUCTED)
    assert [tuple(line) for line in rows] == [(AGENT, OWED, EARNED - TAX, TAX)]
    balances = await stage.balances()
    assert OWED not in balances
    assert (balances["agent_commission"], balances["withheld_tax_payable"]) == (EARNED, TAX)
    assert await audited(stage) is None
    assert position_of(await stage.settle(settled.head.value_date)) == row


async def test_the_tax_on_commission_is_certified_to_the_agent(stage: Stage, centre: Centre) -> None:
    await earn(centre)
    with_agent(stage, CreditorAccount.model_validate(ACCOUNT))
    await settle_today(stage, centre)
    day = await centre.books.value("SELECT max(business_date) FROM journal_entries")
    async with read_snapshot(finance_of(stage)) as connection:
        month = await read_month_certificates(
            connection, CONFIG, Period.of_month(f"{day:%Y-%m}"), is_rehearsal=True
        )
    (certificate,) = month.certificates
    assert (certificate.payee, certificate.gross, certificate.tax) == (f"agent:{AGENT}", EARNED, TAX)
    name = await centre.books.value("SELECT name FROM partners WHERE id = $1", AGENT)
    assert certificate.content["payee"]["name"] == name


async def test_an_agent_without_a_bank_account_waits_and_gets_one_by_two_persons(
    stage: Stage, centre: Centre
) -> None:
    await earn(centre)
    with_agent(stage)
    row = position_of(await settle_today(stage, centre))
    assert (row.position.net, row.instructed, row.carried_out) == (-EARNED, 0, EARNED)
    new = NewAccount(**ACCOUNT)
    number = await ask_for_change(finance_of(stage), stage.desk.registry, new, "their letter", MAKER)
    await approve_change(finance_of(stage), number, CHECKER)
    assert (await stage.balances())[OWED] == EARNED
    assert await audited(stage) is None
