"""From the night to the bank and back: real files and runs, real accounts, a statement that names us."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

import pytest

from ekpay_switch.domain.ledger.posting_rules import Sums, delivered_entry, prefund_accepted_entry
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.ledger.adjustments import Adjustments
from ekpay_switch.ports.finance import AdjustmentBooks, Finance
from ekpay_switch.security.identifiers import uuid7
from reconciliation.results.committed_rows import all_rows
from reconciliation.results.runs import read_runs
from reconciliation.settlement.current_state import (
    SettlementSetting,
    open_work,
    read_setting,
    settlement_lock,
    standing_breaks,
    take_in,
)
from reconciliation.settlement.instructions.instruction_outcomes import Ending
from reconciliation.settlement.positions.cycles import PartyRole
from reconciliation.settlement.positions.institution_lines import JudgedRows, institution_lines
from reconciliation.settlement.positions.lines import SettlementLine, carry_forward, unique_lines
from reconciliation.settlement.positions.payout_credits import FundsComparison
from reconciliation.settlement.post_outcomes import PostedOutcomes, post_outcomes
from reconciliation.settlement.preview import current_cover
from reconciliation.settlement.settle_value_date import SettledValueDate, SettlementOrder, settle
from reconciliation.settlement.store.settlement_lines import read_lines
from tests.persistence.books import Books
from tests.reconciliation.institution_files import Credit, Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, NPSB, SUN, TUE, NightStage
from tests.reconciliation.settlement.stage import CHECKER, CLOSE, MAKER, Stage

CHARGE, CAPITAL, DUE = 1_150, 50_000_000, 12_000_000
PAID = Movement("000000000001", at("2026-04-05 10:00:00"), 100_000, 1_150, theirs="F1")
BILL = Movement("EKP1", at("2026-04-05 10:00:00"), DUE, theirs="T1")
BATCH = "NPSB20260406"


@dataclass
class Days(NightStage):
    """Nights over an installation whose books are real."""

    told: Books | None = field(default=None)

    @cached_property
    def money(self) -> Stage:
        assert self.told is not None
        return Stage(self.told, self.home_folder)

    @property
    def books(self) -> AdjustmentBooks:
        assert self.told is not None
        return Adjustments(self.told.database.connect)

    async def settle(self) -> SettledValueDate:
        async with open_work(self.desk) as work:
            return await settle(work, SettlementOrder(MON, MAKER, CHECKER))

    async def follow(self) -> PostedOutcomes:
        async with open_work(self.desk) as work:
            return await post_outcomes(work)

    async def is_covered(self) -> bool:
        async with open_work(self.desk) as work:
            return not (await current_cover(work)).is_short

    @property
    def desk(self) -> SettlementSetting:
        return read_setting(cast("Finance", self))


# What the capital's line was has been decided.
BOOKED = """
INSERT INTO break_bank_lines (reference, entry_id, amount) VALUES ('TOP-UP', gen_random_uuid(), $1)
"""


async def pay_from_a_prefund(days: Days) -> None:
    """The bill was paid by a partner, which has paid its prefund in before."""
    assert days.told is not None
    (payment,) = [line.ids[0] for line in days.lines if line.party == BREB]
    prefund = f"prefund:{await days.told.partner(prefund=DUE)}:postpaid"
    parts = Sums(Money(DUE), ZERO, ZERO, ZERO)
    await days.books.open_accounts([f"payable:{BREB}", "in_flight"])
    for entry in (prefund_accepted_entry(prefund, parts), delivered_entry(BREB, parts)):
        await days.told.submit(PostEntry(uuid7(), 0, entry, payment))


@pytest.fixture
async def days(books: Books, stage: Stage, tmp_path: Path) -> Days:
    """Sunday: one payment collected, one bill due, both told by their files; the night is run."""
    assert stage.runs == 0
    days = Days(books.endpoint, tmp_path / "home", (NPSB, BREB), told=books)
    days.book(NPSB, PAID).book(BREB, BILL).send(NPSB, [PAID], SUN).send(BREB, [BILL], SUN)
    days.credit([Credit(CAPITAL, "TOP-UP")], SUN)
    await pay_from_a_prefund(days)
    await days.money.hold({"settlement_bank": CAPITAL - DUE, "receivable:npsb": PAID.net})
    await books.tell(BOOKED, CAPITAL)
    await books.tell(CLOSE)
    await days.full_night(SUN)
    return days


async def test_a_day_goes_to_the_bank_and_comes_back(days: Days) -> None:
    issued = await days.settle()
    assert {row.position.party.name: row.position.net for row in issued.rows} == {
        "breb_postpaid": -DUE,
        "npsb": PAID.net,
        "ours": DUE - PAID.net,
    }
    (file,) = issued.files
    name = file.content.partition(b"<EndToEndId>")[2].partition(b"<")[0].decode()
    assert await days.is_covered()
    days.credit([Credit(PAID.net - CHARGE, BATCH), Credit(-DUE, name)], MON)
    ran = await days.full_night(MON)
    assert ran.run.holds, ran.run.invariants
    found = await days.follow()
    assert [one.funds for one in found.credits] == [FundsComparison.AS_EXPECTED]
    assert [one.ending for one in found.outcomes] == [Ending.SETTLED]
    assert await days.money.balances() == {
        "settlement_bank": CAPITAL + PAID.net - CHARGE - DUE,
        "bank_charges": CHARGE,
    }
    # The night knew both entries: what it cannot name is the money that was there before.
    assert {code for code, *_ in await days.breaks()} == {"FILE_ONLY"}
    assert {reference for _, reference, *_ in await days.breaks()} == {"TOP-UP"}
    assert await days.is_covered()


async def test_a_credit_that_is_a_paisa_short_is_a_break_and_stays_owed(days: Days) -> None:
    days.credit([Credit(PAID.net - CHARGE - 1, BATCH)], MON)
    await days.full_night(MON)
    (credit,) = (await days.follow()).credits
    assert (credit.funds, credit.difference) == (FundsComparison.SHORT, -1)
    assert (await days.money.balances())["receivable:npsb"] == 1
    assert ("AMOUNT", BATCH, str(MON), "open") in await days.breaks()


async def test_lines_are_the_same_whenever_they_are_taken_in(days: Days) -> None:
    await days.full_night(MON)
    await days.full_night(TUE)
    issued = await days.settle()
    assert {row.position.party.role for row in issued.rows} == {
        PartyRole.CONNECTOR,
        PartyRole.BILLER,
        PartyRole.OURS,
    }
    (bill,) = [row for row in issued.rows if row.position.party.name == BREB]
    assert (bill.position.net, bill.instructed) == (-DUE, DUE)


async def test_lines_that_runs_changed_are_those_of_all_rows(
    books: Books, stage: Stage, tmp_path: Path
) -> None:
    """Taken in by what each run wrote, the lines are those that all rows of every run come to."""
    days = Days(books.endpoint, tmp_path / "home", (NPSB, BREB), told=stage.books)
    bills = [
        BILL.but(ours=f"EKP{number}", theirs=f"T{number}", gross=1_000 + number) for number in range(1, 6)
    ]
    wrong = [bills[0].but(gross=5), *bills[2:]]
    days.book(NPSB, PAID).book(BREB, *bills).send(NPSB, [PAID, PAID.but(theirs="F2")], SUN)
    await days.send(BREB, wrong, SUN).full_night(SUN)
    await days.send(BREB, bills, SUN, correction=1).full_night(MON)
    await days.send(BREB, wrong, SUN, correction=2).full_night(TUE)
    expected: tuple[SettlementLine, ...] = ()
    async with open_work(days.desk) as work, settlement_lock(work):
        for run in await read_runs(work.connection):
            judged = JudgedRows(
                all_rows(days.home_folder, run), run.night, work.kinds, await standing_breaks(work.connection)
            )
            expected = carry_forward(expected, institution_lines(judged, work.setting.cycles), run.night)
        await take_in(work)
        taken = await read_lines(work.connection)
    assert unique_lines(taken) == unique_lines(expected)
    assert len({line.seen_on for line in taken}) == 3
