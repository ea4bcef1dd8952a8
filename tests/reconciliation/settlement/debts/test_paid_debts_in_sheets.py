"""A debt that was paid or written off is not set off by the next sheets as well."""

import pytest

from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.settle_value_date import SettledValueDate
from tests.reconciliation.settlement.debts.demand_desk import (
    DESCO,
    OWED,
    audited,
    debts,
    demanded,
    figures,
    written_off,
)
from tests.reconciliation.settlement.payout_desk import date_books, undate_books
from tests.reconciliation.settlement.sample_lines import MON, SUN, TUE
from tests.reconciliation.settlement.stage import Stage, pair
from tests.reconciliation.settlement.test_unidentified_lines import linked, stranger

BILLER = Party(PartyRole.BILLER, "desco_postpaid")
SALES = 12_000_000


@pytest.fixture
async def owed(stage: Stage) -> Stage:
    """DESCO takes a bill back that it was paid for; no sheet of it since."""
    stage.rows = pair("desco_postpaid", "R1", -OWED)
    await stage.hold({DESCO: -OWED, "settlement_bank": 20_000_000})
    await stage.run(SUN)
    await date_books(stage, SUN)
    await stage.settle(MON)
    await demanded(stage)
    return stage


async def sold(stage: Stage) -> SettledValueDate:
    """DESCO is owed for bills of Monday, and Tuesday is settled."""
    stage.rows += pair(
        "desco_postpaid", "D2", SALES, business_date=MON, ordinal=2, file="desco_postpaid_20260406_01.txt"
    )
    await stage.hold({DESCO: SALES})
    await stage.run(MON)
    await date_books(stage, MON)
    return await stage.settle(TUE)


def instructed(sheet: SettledValueDate) -> list[int]:
    return [row.instructed for row in sheet.rows if row.position.party == BILLER]


async def test_a_debt_that_nobody_pays_is_set_off(owed: Stage) -> None:
    assert instructed(await sold(owed)) == [SALES - OWED]
    await owed.follow()
    assert await figures(owed) == ("set_off", 0, OWED, 0, 0)
    await undate_books(owed)
    assert await audited(owed) is None


async def test_a_debt_that_was_paid_is_not_set_off(owed: Stage) -> None:
    owed.rows.append(stranger(OWED, "", "SB7"))
    await owed.run(SUN)
    await owed.follow()
    await linked(owed, "demand:1")
    assert await figures(owed) == ("paid", OWED, 0, 0, 0)
    assert instructed(await sold(owed)) == [SALES]
    assert await debts(owed) == []


async def test_a_debt_that_was_written_off_is_not_set_off(owed: Stage) -> None:
    await written_off(owed)
    assert instructed(await sold(owed)) == [SALES]
    assert await debts(owed) == []


async def test_what_the_newest_sheet_has_set_off_is_listed(owed: Stage) -> None:
    owed.rows += pair(
        "desco_postpaid", "D2", 100_000, business_date=MON, ordinal=2, file="desco_postpaid_20260406_01.txt"
    )
    await owed.hold({DESCO: 100_000})
    await owed.run(MON)
    await date_books(owed, MON)
    await owed.settle(TUE)
    (debt,) = await debts(owed)
    assert (debt.amount, debt.set_off, debt.since) == (OWED - 100_000, 100_000, SUN)
    assert await figures(owed) == ("open", 0, 100_000, 0, OWED - 100_000)
