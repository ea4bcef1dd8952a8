"""Entries on business dates of our choice, written through the ports and moved to their dates afterwards."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import (
    Sums,
    delivered_entry,
    deposited_entry,
    prefund_accepted_entry,
    topped_up_entry,
)
from ekpay_switch.domain.ledger.settlement_postings import (
    settlement_instructed_entry,
    settlement_paid_entry,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.finance import Finance
from tests.reconciliation.settlement.stage import Stage

PREFUND = "prefund:bank1:postpaid"
BILL = Sums(Money(100_000), Money(0), Money(500), Money(75))
MARCH_31, APRIL_1, APRIL_30, MAY_1 = date(2026, 3, 31), date(2026, 4, 1), date(2026, 4, 30), date(2026, 5, 1)
TO_ITS_DATE = """
UPDATE journal_entries SET business_date = $1, at = $2 WHERE id = (
  SELECT id FROM journal_entries ORDER BY seq DESC LIMIT 1)
"""


@dataclass
class MonthOfBooks:
    """The stage of settlement with entries in March, April and May 2026."""

    stage: Stage

    @property
    def finance(self) -> Finance:
        return cast("Finance", self.stage.office)

    async def post(self, day: date, entry: Entry) -> None:
        await self.stage.post(entry)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=DHAKA)
        await self.stage.books.tell(TO_ITS_DATE, day, noon)

    async def fill(self) -> "MonthOfBooks":
        await self.post(MARCH_31, topped_up_entry(PREFUND, Money(1_000_000)))
        await self.post(APRIL_1, prefund_accepted_entry(PREFUND, BILL))
        await self.post(APRIL_1, delivered_entry("desco_postpaid", BILL))
        await self.post(date(2026, 4, 2), deposited_entry("nesco_prepaid", Money(200_000)))
        await self.post(APRIL_30, settlement_instructed_entry("payable:desco_postpaid", "beftn", 100_000))
        await self.post(MAY_1, settlement_paid_entry("beftn", 100_000))
        return self
