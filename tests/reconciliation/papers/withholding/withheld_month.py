"""Payouts of April 2026 that were taxed: a biller, and an agent of a shop whose TIN is known."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import cast

from ekpay_switch.ports.finance import Finance
from reconciliation.papers.period import Period
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.papers.trial_balance import read_trial_balance
from reconciliation.papers.withholding.month_certificates import (
    MonthCertificates,
    issue_certificates,
    read_month_certificates,
)
from reconciliation.papers.withholding.monthly_return import WithholdingReturn, read_withholding_return
from tests.reconciliation.papers.tax.earnings import MERCHANT
from tests.reconciliation.settlement.payout_desk import date_books
from tests.reconciliation.settlement.sample_lines import CALENDAR, CONFIG, MON, SUN, TUE
from tests.reconciliation.settlement.stage import Stage, booked, pair, report

APRIL, MAY = Period.of_month("2026-04"), Period.of_month("2026-05")
APRIL_30, MAY_31 = date(2026, 4, 30), date(2026, 5, 31)
TIN = "123456789012"
AGENT = (
    "INSERT INTO merchant_payees (partner_id, code, kind, name) VALUES ('shop', 'udc', 'agent', 'Centre <1>')"
)
ROWS = f"""
[[payouts.withholding]]
role = "biller"
section = "89"
basis_points = 200
valid_from = 2026-01-01

[[payouts.withholding]]
role = "payee"
base = "commission"
section = "94"
basis_points = 1000
valid_from = 2026-01-01

[[payouts.taxpayers]]
role = "payee"
party = "shop:udc"
tin = "{TIN}"

[[accounts]]
role = "payee"
party = "shop:udc"
name = "Centre one"
bic = "BBBBBDDHXXX"
routing_number = "992261131"
account = "9920000000999"
holds = "savings"
rail = "beftn"

[[accounts]]
role = "sweep"
party = "income-tax"
name = "Income tax"
bic = "BBBBBDDHXXX"
routing_number = "992261131"
account = "9920000000998"
holds = "current"
rail = "beftn"
"""
NAMES = """
SELECT end_to_end_id FROM reconciliation.settlement_instructions WHERE role = $1 ORDER BY value_date DESC
"""


@dataclass
class WithheldMonth:
    """The stage of settlement with a configuration that withholds tax."""

    stage: Stage
    folder: Path
    ordinal: int = field(default=0)

    @property
    def finance(self) -> Finance:
        return cast("Finance", self.stage.office)

    async def fill(self) -> "WithheldMonth":
        """Two payouts with value date 6 April, whose entries stand on the 30th."""
        for source in CONFIG.rglob("*"):
            if source.is_file():
                place = self.folder / source.relative_to(CONFIG)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(source.read_bytes())
        path = self.folder / "settlement.toml"
        path.write_text(path.read_text(encoding="utf-8") + ROWS, encoding="utf-8")
        self.stage.office.config = self.folder
        await self.stage.books.partner("shop")
        await self.stage.books.tell(MERCHANT)
        await self.stage.books.tell(AGENT)
        await self.sell(100_025)
        await self.stage.hold(
            {"commission_payable:merchant:shop:udc": 50_005, "settlement_bank": 50_005},
            owed=[("shop", 50_005)],
        )
        await self.pay(SUN, MON)
        await self.close(MON, APRIL_30)
        return self

    async def sell(self, paisa: int) -> None:
        """A bill that the biller's file agrees on."""
        self.ordinal += 1
        self.stage.rows += pair("desco_postpaid", f"D{self.ordinal}", paisa, ordinal=self.ordinal)
        await self.stage.hold({"payable:desco_postpaid": paisa, "settlement_bank": paisa})

    async def pay(self, night: date, value_date: date) -> None:
        await self.close(night, night)
        await self.stage.settle(value_date)

    async def close(self, night: date, day: date) -> None:
        """Run a night; what is closed by it stands on a day."""
        await self.stage.run(night)
        await date_books(self.stage, day)

    async def reject(self, role: str) -> None:
        """The bank rejects the newest payout to a role, in May."""
        (name, *_) = [line[0] for line in await self.stage.books.rows(NAMES, role)]
        await self.stage.follow(report(name, "RJCT"))
        await self.close(TUE, MAY_31)

    async def pay_sweep(self, paisa: int) -> None:
        """The sweep that is due is instructed, and the bank's statement books it."""
        await self.pay(TUE, CALENDAR.business_day_after(TUE))
        (name, *_) = [line[0] for line in await self.stage.books.rows(NAMES, "sweep")]
        self.stage.rows.append(booked("stmt_sonali", name, -paisa, TUE, ordinal=99))
        await self.stage.run(TUE)
        await self.stage.follow()

    async def monthly_return(self, period: Period = APRIL) -> WithholdingReturn:
        async with read_snapshot(self.finance) as connection:
            return await read_withholding_return(connection, await read_trial_balance(connection, period))

    async def certificates(self, period: Period = APRIL) -> MonthCertificates:
        async with read_snapshot(self.finance) as connection:
            return await read_month_certificates(connection, self.folder, period, is_rehearsal=True)

    async def issue(self, period: Period = APRIL, by: str = "Rahima") -> MonthCertificates:
        return await issue_certificates(self.finance, period, issued_by=by)
