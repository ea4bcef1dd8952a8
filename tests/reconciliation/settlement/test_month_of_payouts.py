"""A month of payouts to banks that reject, return, split, pay late and contradict themselves.

For each payee, after every night and to the paisa:  what came in  =  what left  +  what is held.
One is paid weekly from a minimum on, and the money of another rests a day and is paid less tax, which the
state is owed; our own fees and VAT are swept.
Bills, withdrawals and what the bank does are drawn from a seed.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pytest

from reconciliation.settlement.instructions.account_registry import PayoutSettings, ScheduleRow
from reconciliation.settlement.instructions.withholding_rows import WithholdingRow
from reconciliation.settlement.payout_audit import first_broken
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.ledger_lines import accounts_of
from reconciliation.settlement.store.contradictions import Verdict
from tests.examples import examples
from tests.reconciliation.settlement import payout_desk
from tests.reconciliation.settlement.payout_desk import (
    OPERATOR,
    TREASURY,
    change,
    cool,
    date_books,
    states,
    sweep,
    undate_books,
    withdraw,
)
from tests.reconciliation.settlement.sample_lines import BREB, CALENDAR, DESCO, SUN
from tests.reconciliation.settlement.stage import Stage, booked, pair, report

DAYS = examples(20)
BANK1 = Party(PartyRole.PARTNER, "bank1")
WASA = Party(PartyRole.BILLER, "dhaka_wasa")
BILLERS = (DESCO, BREB, WASA)
# What we earn a day, by whom it is swept to.
EARNED = {
    Party(PartyRole.SWEEP, "operator"): ("fees", "fee_income", 1_234_567),
    Party(PartyRole.SWEEP, "treasury"): ("vat", "vat_payable", 185_185),
}
PAYEES = (*BILLERS, BANK1, *EARNED)
PREFUND = 9_000_000_000
WEEKLY = ScheduleRow.model_validate(
    {
        "role": "biller", "party": WASA.name, "schedule": "weekly", "weekdays": ["wednesday"],
        "minimum": "2500.00",
    }
)  # fmt: skip
RESTING = ScheduleRow.model_validate({"role": "biller", "party": BREB.name, "hold_days": 1})
TAXED = WithholdingRow.model_validate(
    {
        "role": "biller", "party": BREB.name, "section": "94", "basis_points": 1_000,
        "valid_from": date(2026, 1, 1),
    }
)  # fmt: skip
WITHHELD = "SELECT coalesce(sum(tax), 0)::bigint FROM reconciliation.withheld_taxes"
REASONS = "SELECT DISTINCT party, reason FROM reconciliation.settlement_positions WHERE carried_out > 0"
# Entries of a test stand on the day on which it runs; while a value date is settled they stand on its night.
TO_NIGHT = """
ALTER TABLE journal_entries DISABLE TRIGGER USER;
UPDATE journal_entries SET business_date = '{night}' WHERE business_date > DATE '2026-09-30'
"""
AND_BACK = """
UPDATE journal_entries AS e SET business_date = w.business_date FROM settlement_windows AS w
WHERE w.id = e.window_id AND e.business_date <> w.business_date;
ALTER TABLE journal_entries ENABLE TRIGGER USER
"""
INSTRUCTIONS = """
SELECT end_to_end_id, role, party, amount FROM reconciliation.settlement_instructions WHERE value_date = $1
ORDER BY end_to_end_id
"""
# What stands instructed and has not left yet.
UNDER_WAY = """
SELECT i.role, i.party, sum(i.amount - coalesce(e.moved, 0))::bigint AS paisa
FROM reconciliation.settlement_instructions AS i
LEFT JOIN LATERAL (SELECT * FROM reconciliation.settlement_endings AS s
  WHERE s.end_to_end_id = i.end_to_end_id ORDER BY s.revision DESC LIMIT 1) AS e ON true
WHERE NOT coalesce(e.is_owed_again, false) GROUP BY i.role, i.party
"""


@dataclass
class Month:
    """What has happened so far, in paisa by payee; `due` are the movements that the bank still makes."""

    stage: Stage
    chance: random.Random
    came: Counter[Party] = field(default_factory=Counter)
    left: Counter[Party] = field(default_factory=Counter)
    due: dict[date, list[tuple[str, Party, int]]] = field(default_factory=dict)
    fates: Counter[str] = field(default_factory=Counter)
    ordinal: int = 0

    async def sell(self, day: date) -> None:
        """Bills of a day, agreed by their billers, and now and then a withdrawal."""
        for biller in BILLERS:
            paisa = self.chance.choice((0, 1_000, 70_003, 9_999_999, 12_000_001, 250_000_000))
            if paisa:
                await self.sell_bill(biller, paisa, day)
        if self.chance.random() < 0.4:
            paisa = self.chance.choice((50_000, 12_345_678))
            await withdraw(self.stage, paisa, f"letter of {day}")
            self.came[BANK1] += paisa

    async def earn(self) -> None:
        """What a day earns us and the state."""
        for recipient, (_, account, paisa) in EARNED.items():
            await self.stage.hold({account: paisa, "settlement_bank": paisa})
            self.came[recipient] += paisa

    async def sweep(self, night: date) -> None:
        """Sweep everything that is earned and closed by a night."""
        await date_books(self.stage, night)
        for money, _, _ in EARNED.values():
            await sweep(self.stage, money, night, reference=f"{money} by {night}")

    async def sell_bill(self, biller: Party, paisa: int, day: date) -> None:
        """A bill that its biller's file of a day agrees on."""
        self.ordinal += 1
        file, reference = f"{biller.name}_{day:%Y%m%d}_01.txt", f"{biller.name}{self.ordinal}"
        self.stage.rows += pair(
            biller.name, reference, paisa, file=file, ordinal=self.ordinal, business_date=day
        )
        await self.stage.hold({f"payable:{biller.name}": paisa, "settlement_bank": paisa})
        self.came[biller] += paisa

    async def settle(self, night: date, value_date: date) -> None:
        """Close the night and instruct; the bank decides what it does with each instruction."""
        await self.stage.books.tell(TO_NIGHT.format(night=night))
        await self.stage.run(night)
        await self.stage.settle(value_date)
        await self.stage.books.tell(AND_BACK)
        for name, role, party, amount in await self.stage.books.rows(INSTRUCTIONS, value_date):
            await self.take(name, Party(PartyRole(role), party), amount, value_date)

    async def take(self, name: str, payee: Party, paisa: int, day: date) -> None:
        """The bank takes an instruction in; `day` is its value date."""
        fate = self.chance.choice(("pay", "pay", "pay", "reject", "return", "split", "late", "contradict"))
        self.fates[fate] += 1
        moves: dict[str, tuple[tuple[int, int], ...]] = {
            "reject": (),
            "return": ((0, -paisa), (1, paisa)),
            "split": ((0, -(paisa // 3)), (0, paisa // 3 - paisa)),
            "late": ((2, -paisa),),
        }
        for days, moved in moves.get(fate, ((0, -paisa),)):
            self.due.setdefault(_business(day, days), []).append((name, payee, moved))
        if fate in {"reject", "contradict"}:
            await self.stage.follow(report(name, "RJCT"))

    async def follow(self, night: date) -> None:
        """The night that reads the bank's statement; two persons decide what it says against itself."""
        for name, payee, moved in self.due.pop(night, []):
            self.ordinal += 1
            self.stage.rows.append(booked("stmt_sonali", name, moved, night, ordinal=self.ordinal))
            self.left[payee] -= moved
        await self.stage.run(night)
        for contradiction in (await self.stage.follow()).contradictions:
            verdict = Verdict.EXECUTED if contradiction.moved_amount else Verdict.REJECTED
            await self.stage.decide(contradiction.end_to_end_id, verdict)

    async def withheld(self) -> Counter[Party]:
        """The tax of the one payee that is taxed; what the state is owed is nothing else."""
        tax = await self.stage.books.value(WITHHELD)
        assert (await self.stage.balances()).get("withheld_tax_payable", 0) == tax
        return Counter({BREB: tax})

    async def held(self) -> Counter[Party]:
        """What our books owe each payee, and what is on its way to it."""
        balances = await self.stage.balances()
        held: Counter[Party] = Counter()
        for payee in PAYEES:
            own = (EARNED[payee][1],) if payee in EARNED else ()
            held[payee] = sum(balances.get(name, 0) for name in (*accounts_of(payee), *own))
        for role, party, paisa in await self.stage.books.rows(UNDER_WAY):
            held[Party(PartyRole(role), party)] += paisa
        return held


def _business(day: date, days: int) -> date:
    for _ in range(days):
        day = CALENDAR.business_day_after(day)
    return day


def _nights() -> Iterator[tuple[date, date]]:
    """Each night with the value date behind it."""
    night = SUN
    while True:
        yield night, CALENDAR.business_day_after(night)
        night = CALENDAR.business_day_after(night)


@pytest.mark.parametrize("seed", [4])
async def test_what_came_in_has_left_or_is_held_for_each_payee_every_night(stage: Stage, seed: int) -> None:
    await stage.books.partner("bank1", prefund=PREFUND)
    for account in (payout_desk.BANK1, OPERATOR, TREASURY):
        await change(stage, account)
    await cool(stage)
    payouts = PayoutSettings(schedules=(WEEKLY, RESTING), withholding=(TAXED,))
    stage.with_registry(stage.desk.registry.model_copy(update={"payouts": payouts}))
    month = Month(stage, random.Random(seed))  # noqa: S311 - a rehearsal
    for number, (night, value_date) in enumerate(_nights()):
        if number < DAYS:
            await month.sell(night)
            await month.earn()
        elif number == DAYS:
            # What is left below its minimum waits for more.
            await month.sell_bill(WASA, WEEKLY.minimum, night)
        elif not month.due and not any((await month.held()).values()):
            break
        assert number < DAYS + 40, (await month.held(), month.due)
        await month.settle(night, value_date)
        await month.follow(value_date)
        if number in {2, DAYS}:
            await month.sweep(value_date)
        held, withheld = await month.held(), await month.withheld()
        for payee in PAYEES:
            assert month.came[payee] == month.left[payee] + held[payee] + withheld[payee], (night, payee)
    assert (await month.withheld())[BREB] > 0
    assert month.came == month.left + await month.withheld()
    assert set(month.fates) == {"pay", "reject", "return", "split", "late", "contradict"}
    reasons = {tuple(row) for row in await stage.books.rows(REASONS)}
    assert {(WASA.name, "not_scheduled"), (BREB.name, "resting")} <= reasons
    assert set((await states(stage)).values()) <= {"paid"}
    assert (await stage.balances()).get("clearing:rtgs", 0) == 0
    connection = await stage.office.connect("audit")
    try:
        assert await first_broken(connection) is None
    finally:
        await connection.close()
    await undate_books(stage)
    assert await stage.books.audit() is None
