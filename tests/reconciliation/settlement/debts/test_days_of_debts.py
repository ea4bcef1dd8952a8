"""Days of chance over real tables: a debt is set off, paid, written off or still owed, and collected once."""

from random import Random

import pytest

from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.debts.payee_debts import FollowedDemand, list_demands
from reconciliation.settlement.positions.cycles import Party, PartyRole
from tests.reconciliation.settlement.debts.demand_desk import (
    DESCO,
    audited,
    debts,
    demanded,
    withdrawn,
    written_off,
)
from tests.reconciliation.settlement.payout_desk import date_books, undate_books
from tests.reconciliation.settlement.sample_lines import SUN
from tests.reconciliation.settlement.stage import Stage, pair
from tests.reconciliation.settlement.test_unidentified_lines import items, linked, stranger

BILLER = Party(PartyRole.BILLER, "desco_postpaid")
LARGE = 50_000_000
# A demand of a test is approved on the day on which it runs; its books stand on their nights.
_DATED = """
ALTER TABLE reconciliation.demands DISABLE TRIGGER USER;
UPDATE reconciliation.demands SET approved_at = DATE '{night}' + interval '3 hours'
WHERE approved_at > DATE '2026-09-30';
ALTER TABLE reconciliation.demands ENABLE TRIGGER USER
"""


class Days:
    """What happens to one biller, day by day; amounts in paisa."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.chance = Random(seed)  # noqa: S311 - days of a test
        self.night = SUN
        self.claimed = self.instructed = 0

    async def close(self, claim: int) -> None:
        """Close a night in which the biller is owed `claim` more, or less, and settle the day behind it."""
        stage, place = self.stage, len(self.stage.rows) + 1
        self.claimed += claim
        file = f"desco_postpaid_{self.night:%Y%m%d}_01.txt"
        stage.rows += pair(
            "desco_postpaid", f"D{place}", claim, business_date=self.night, ordinal=place, file=file
        )
        await stage.hold({DESCO: claim, "settlement_bank": claim})
        await stage.run(self.night)
        await date_books(stage, self.night)
        following = stage.desk.cycles.calendar.business_day_after(self.night)
        sheet = await stage.settle(following)
        self.instructed += sum(row.instructed for row in sheet.rows if row.position.party == BILLER)
        await stage.follow()
        self.night = following

    async def act(self) -> None:
        """Demand what is owed, or have a part paid, written off or withdrawn."""
        demands = [one for one in await self.demands() if one.demand.is_open]
        if not demands:
            if await debts(self.stage):
                await demanded(self.stage)
                await self.stage.books.tell(_DATED.format(night=self.night))
            return
        (followed,) = demands
        number, step = followed.demand.number, self.chance.random()
        if step < 0.5:
            await self.pay(number, self.chance.randint(1, followed.figures.rest))
        elif step < 0.6:
            await written_off(self.stage, number)
        elif step < 0.7:
            await withdrawn(self.stage, number)

    async def pay(self, number: int, paisa: int) -> None:
        place = len(self.stage.rows) + 1
        self.stage.rows.append(stranger(paisa, "", f"SB{place}", ordinal=place))
        await self.stage.run(self.night)
        await date_books(self.stage, self.night)
        await self.stage.follow()
        await linked(self.stage, f"demand:{number}", max(item.number for item in await items(self.stage)))

    async def demands(self) -> list[FollowedDemand]:
        async with open_work(self.stage.desk) as work:
            return list(await list_demands(work))


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_owed_is_collected_once(stage: Stage, seed: int) -> None:
    days = Days(stage, seed)
    await stage.hold({"own_funds": 10 * LARGE, "settlement_bank": 10 * LARGE})
    rests: dict[int, int] = {}
    await days.close(-days.chance.randint(1, 900_000))
    for _ in range(7):
        await days.act()
        await days.close(days.chance.randint(-900_000, 700_000) or 1)
        for one in await days.demands():
            figures = one.figures
            assert figures.amount == figures.paid + figures.set_off + figures.written_off + figures.rest
            assert min(figures.paid, figures.set_off, figures.written_off, figures.rest) >= 0
            assert figures.rest <= rests.get(one.demand.number, figures.amount), "a demand grows no more"
            rests[one.demand.number] = figures.rest
    await days.close(LARGE)
    found = await days.demands()
    collected = sum(one.figures.paid + one.figures.written_off for one in found)
    assert found, "something was demanded"
    assert not any(one.demand.is_open for one in found), "the sale has set all of it off"
    assert days.instructed == days.claimed + collected, (
        "it is paid what it is owed, and nothing was taken twice"
    )
    assert DESCO not in await stage.balances()
    await undate_books(stage)
    assert await audited(stage) is None
