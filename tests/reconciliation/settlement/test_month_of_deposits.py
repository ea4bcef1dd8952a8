"""A month of vends from deposits, and of banks that reject, return, split, pay late and contradict.

For each deposit, after every night and to the paisa: what two persons have let leave is there or in transit,
what is in transit is due or with the bank, and what is there is what came less what was vended. Nothing is
proposed while anything is on its way. Vends, persons and what the bank does are drawn from a seed.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import pytest

from ekpay_switch.domain.ledger.posting_rules import deposit_account
from ekpay_switch.domain.ledger.settlement_postings import deposit_due_account, in_transit_account
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.store.contradictions import Verdict
from reconciliation.settlement.store.withdrawals import Cancellation
from reconciliation.settlement.top_ups import NewTopUp, approve_top_up, ask_for_top_up, list_deposits
from reconciliation.settlement.withdrawals import cancel_withdrawal, list_withdrawals, reject_withdrawal
from tests.examples import examples
from tests.reconciliation.settlement.payout_desk import date_books, finance_of, undate_books
from tests.reconciliation.settlement.sample_lines import CALENDAR, SUN
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage, booked, report

DAYS = examples(15)
BILLERS = ("breb_prepaid", "nesco_prepaid")
FUNDS = 50_000_000_000
INSTRUCTIONS = """
SELECT end_to_end_id, party, amount FROM reconciliation.settlement_instructions WHERE value_date = $1
ORDER BY end_to_end_id
"""
OPEN_STATES = {"waits", "due", "instructed"}


@dataclass
class Month:
    """What has happened so far, in paisa by biller; `due` are the movements that the bank still makes."""

    stage: Stage
    chance: random.Random
    vended: Counter[str] = field(default_factory=Counter)
    approved: Counter[str] = field(default_factory=Counter)
    arrived: Counter[str] = field(default_factory=Counter)
    due: dict[date, list[tuple[str, str, int]]] = field(default_factory=dict)
    fates: Counter[str] = field(default_factory=Counter)
    ordinal: int = 0

    async def vend(self) -> None:
        """A day's vends; whom they were vended to has paid us."""
        for biller in BILLERS:
            paisa = self.chance.choice((0, 4_000_001, 30_000_000, 77_777_777))
            if paisa:
                await self.stage.hold({deposit_account(biller): -paisa, "settlement_bank": paisa})
                self.vended[biller] += paisa

    async def top_up(self, night: date) -> None:
        """Persons of finance take what is proposed, or do not, or think better of it."""
        async with open_work(self.stage.desk) as work:
            for deposit in await list_deposits(work):
                if not deposit.proposed_amount:
                    continue
                assert (deposit.in_transit, deposit.waiting_number) == (0, None)
                new = NewTopUp(deposit.biller, None, f"proposal of {night}")
                number, paisa = await ask_for_top_up(work, new, MAKER)
                fate = self.chance.choice(("approve", "approve", "approve", "reject", "cancel"))
                self.fates[fate] += 1
                if fate == "reject":
                    await reject_withdrawal(finance_of(self.stage), number, "later", CHECKER)
                    continue
                await approve_top_up(work, number, CHECKER)
                if fate == "approve":
                    self.approved[deposit.biller] += paisa
                    continue
                cancellation = Cancellation(number, "later", MAKER, CHECKER)
                await cancel_withdrawal(finance_of(self.stage), cancellation)

    async def settle(self, night: date, value_date: date) -> None:
        """Close the night and instruct; the bank decides what it does with each instruction."""
        await self.stage.run(night)
        await date_books(self.stage, night)
        await self.stage.settle(value_date)
        for name, biller, paisa in await self.stage.books.rows(INSTRUCTIONS, value_date):
            await self.take(name, biller, paisa, value_date)

    async def take(self, name: str, biller: str, paisa: int, day: date) -> None:
        """The bank takes an instruction in; `day` is its value date."""
        fate = self.chance.choice(("pay", "pay", "reject", "return", "split", "late", "contradict"))
        self.fates[fate] += 1
        moves: dict[str, tuple[tuple[int, int], ...]] = {
            "reject": (),
            "return": ((0, -paisa), (1, paisa)),
            "split": ((0, -(paisa // 3)), (1, paisa // 3 - paisa)),
            "late": ((2, -paisa),),
        }
        for days, moved in moves.get(fate, ((0, -paisa),)):
            later = day
            for _ in range(days):
                later = CALENDAR.business_day_after(later)
            self.due.setdefault(later, []).append((name, biller, moved))
        if fate in {"reject", "contradict"}:
            await self.stage.follow(report(name, "RJCT"))

    async def follow(self, night: date) -> None:
        """The night that reads the bank's statement; two persons decide what it says against itself."""
        for name, biller, moved in self.due.pop(night, []):
            self.ordinal += 1
            self.stage.rows.append(booked("stmt_sonali", name, moved, night, ordinal=self.ordinal))
            self.arrived[biller] -= moved
        await self.stage.run(night)
        await date_books(self.stage, night)
        for contradiction in (await self.stage.follow()).contradictions:
            verdict = Verdict.EXECUTED if contradiction.moved_amount else Verdict.REJECTED
            await self.stage.decide(contradiction.end_to_end_id, verdict)

    async def check(self) -> None:
        """What came in is what is left and what is held, and at most one top-up is open."""
        balances = await self.stage.balances()
        connection = await self.stage.office.connect()
        try:
            items = await list_withdrawals(connection)
        finally:
            await connection.close()
        in_transit = 0
        for biller in BILLERS:
            on_its_way = balances.get(in_transit_account(biller), 0)
            there = balances.get(deposit_account(biller), 0)
            assert self.approved[biller] == self.arrived[biller] + on_its_way, biller
            assert there == self.arrived[biller] - self.vended[biller], biller
            open_items = [
                item for item, step in items if item.partner == biller and step.state in OPEN_STATES
            ]
            assert len(open_items) == (on_its_way > 0), biller
            in_transit += on_its_way
        due = sum(balances.get(deposit_due_account(biller), 0) for biller in BILLERS)
        clearing = sum(paisa for name, paisa in balances.items() if name.startswith("clearing:"))
        assert in_transit == due + clearing


@pytest.mark.parametrize("seed", [3])
async def test_what_left_for_a_deposit_is_there_or_in_transit_every_night(stage: Stage, seed: int) -> None:
    await stage.hold({"own_funds": FUNDS, "settlement_bank": FUNDS})
    month = Month(stage, random.Random(seed))  # noqa: S311 - a rehearsal
    night = SUN
    for _ in range(DAYS):
        value_date = CALENDAR.business_day_after(night)
        await month.vend()
        await stage.run(night)
        await date_books(stage, night)
        await month.top_up(night)
        await month.check()
        await month.settle(night, value_date)
        await month.check()
        await month.follow(value_date)
        await month.check()
        night = value_date
    assert sum(month.arrived.values()) > 0
    assert {"approve", "reject", "cancel"} <= set(month.fates)
    await undate_books(stage)
    assert await stage.books.audit() is None
