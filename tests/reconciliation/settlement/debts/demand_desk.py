"""A biller that was paid twice, in tests: what persons of finance do about its debt."""

from collections.abc import Sequence

from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.debts.demands import (
    DemandDecision,
    approve_demand,
    demand_debt,
    withdraw_demand,
    write_off_demand,
)
from reconciliation.settlement.debts.payee_debts import (
    FollowedDemand,
    PayeeDebt,
    list_debts,
    list_demands,
)
from reconciliation.settlement.payout_audit import first_broken
from tests.reconciliation.settlement.sample_lines import SUN
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage

MERCHANT = """
INSERT INTO merchants (partner_id, mer_reg_id, name_bn, pass_key_hash, fee_plan, charges_on_refund,
  return_hosts, networks, refund_limit, debt_limit)
VALUES ('shop', 'shp_mer', 'দোকান', '', 'default', 'kept', '[]', '[]', 0, 1000000)
"""
DESCO = "payable:desco_postpaid"
OWED = 500_000


async def merchant(stage: Stage) -> None:
    """A shop that may owe us."""
    await stage.books.partner("shop")
    await stage.books.tell(MERCHANT)


async def owing(stage: Stage, paisa: int = OWED, account: str = DESCO) -> Stage:
    """A payee owes us so many paisa by a closed window."""
    shop = "payable:merchant:"
    owed = [(account.removeprefix(shop), -paisa)] if account.startswith(shop) else []
    await stage.hold({account: -paisa, "settlement_bank": paisa}, owed=owed)
    await stage.run(SUN)
    return stage


async def demanded(stage: Stage, party: str = "biller:desco_postpaid") -> int:
    """Demand a debt, and approve it."""
    async with open_work(stage.desk) as work:
        number, _ = await demand_debt(work, party, MAKER)
        await approve_demand(work, number, CHECKER)
    return number


async def withdrawn(stage: Stage, number: int = 1) -> FollowedDemand:
    async with open_work(stage.desk) as work:
        return await withdraw_demand(work, DemandDecision(number, "their letter", MAKER, CHECKER))


async def written_off(stage: Stage, number: int = 1) -> FollowedDemand:
    async with open_work(stage.desk) as work:
        return await write_off_demand(work, DemandDecision(number, "they are gone", MAKER, CHECKER))


async def debts(stage: Stage) -> Sequence[PayeeDebt]:
    async with open_work(stage.desk) as work:
        return await list_debts(work)


async def figures(stage: Stage, number: int = 1) -> tuple[str, int, int, int, int]:
    """State, paid, set off, written off and rest of a demand."""
    async with open_work(stage.desk) as work:
        (one,) = [item for item in await list_demands(work) if item.demand.number == number]
    known = one.figures
    assert known.amount == known.paid + known.set_off + known.written_off + known.rest
    assert min(known.paid, known.set_off, known.written_off, known.rest) >= 0
    return one.state.value, known.paid, known.set_off, known.written_off, known.rest


async def audited(stage: Stage) -> object:
    connection = await stage.office.connect("audit")
    try:
        return await first_broken(connection) or await stage.books.audit()
    finally:
        await connection.close()
