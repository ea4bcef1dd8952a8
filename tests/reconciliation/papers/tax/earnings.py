"""Payments of a bank and a shop that earned us charges, fees and VAT, and what of it was given back."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from ekpay_switch.domain.ledger.entries import Entry, decrease, increase
from ekpay_switch.domain.ledger.posting_rules import Sums, delivered_entry, prefund_accepted_entry
from ekpay_switch.domain.money import Money
from reconciliation.papers.period import Period
from reconciliation.papers.tax.month_documents import MonthDocuments, issue_documents
from tests.reconciliation.papers.month_of_books import APRIL_1, APRIL_30, PREFUND, MonthOfBooks

APRIL, MAY = Period.of_month("2026-04"), Period.of_month("2026-05")
MAY_2 = date(2026, 5, 2)
MERCHANT = """
INSERT INTO merchants (partner_id, mer_reg_id, name_bn, pass_key_hash, fee_plan, charges_on_refund,
  return_hosts, networks, refund_limit, debt_limit)
VALUES ('shop', 'shp_mer', 'দোকান ২', '', 'default', 'kept', '[]', '[]', 0, 0)
"""
PAYMENT = """
INSERT INTO payments (id, partner_id, lane, reference, fingerprint, biller_id, bill_key, bucket, currency,
  amount, charge, fee, vat, state, biller_quote, business_date, epoch, steps)
VALUES ($1::uuid, $2, 0, $1::uuid::text, '', $3, $1::uuid::text, 'postpaid', 'BDT', 1, 0, $4, $5,
  'completed', '{}', '2026-04-01', 1, 2)
"""
OF_PAYMENT = """
UPDATE journal_entries SET payment_id = $1 WHERE id = (
  SELECT id FROM journal_entries ORDER BY seq DESC LIMIT 1)
"""
# In the fixture of a month one entry has earned something of no payment.
LINK = "UPDATE journal_entries SET payment_id = $1 WHERE moment = 'delivered' AND payment_id IS NULL"


@dataclass
class MonthOfEarnings:
    """Entries of payments in April and May 2026, written through the ports."""

    month: MonthOfBooks

    async def fill(self) -> "MonthOfEarnings":
        books = self.month.stage.books
        await books.partner("shop")
        await books.tell("UPDATE partners SET name = 'Bank One, 2nd branch' WHERE id = 'bank1'")
        await books.tell(MERCHANT)
        payment_id = await self.payment("bank1", "desco_postpaid", 500, 75)
        await books.tell(LINK, payment_id)
        await self.earn(APRIL_1, "bank1", "desco_postpaid", charge=0, fee=870, vat=130)
        order = await self.earn(APRIL_30, "shop", "merchant:shop", charge=750, fee=870, vat=130)
        await self.give_back(MAY_2, order, charge=375, fee=435, vat=65)
        return self

    async def payment(self, party: str, payee: str, fee: int, vat: int) -> UUID:
        payment_id = uuid4()
        await self.month.stage.books.tell(PAYMENT, payment_id, party, payee, fee, vat)
        return payment_id

    async def earn(self, day: date, party: str, payee: str, *, charge: int, fee: int, vat: int) -> UUID:
        payment_id = await self.payment(party, payee, fee, vat)
        sums = Sums(Money(1_000), Money(charge), Money(fee), Money(vat))
        await self.month.post(day, prefund_accepted_entry(PREFUND, sums))
        await self.month.post(day, delivered_entry("desco_postpaid", sums))
        await self.month.stage.books.tell(OF_PAYMENT, payment_id)
        return payment_id

    async def give_back(self, day: date, payment_id: UUID, *, charge: int, fee: int, vat: int) -> None:
        """A refund has taken a part of the charges; below zero it has failed."""
        taken = (decrease("charge_income", charge), decrease("fee_income", fee), decrease("vat_payable", vat))
        total = charge + fee + vat
        moment = "owed_back_by_shares" if total >= 0 else "owed_back_by_shares_reversed"
        await self.month.post(day, Entry.of(moment, (*taken, increase("refund_due:bkash", total))))
        await self.month.stage.books.tell(OF_PAYMENT, payment_id)

    async def journal(self, day: date, vat: int) -> None:
        """VAT that was paid to the state."""
        await self.month.post(
            day, Entry.of("journal", (decrease("vat_payable", vat), decrease("settlement_bank", vat)))
        )

    async def issue(self, period: Period = APRIL, by: str = "Rahima") -> MonthDocuments:
        return await issue_documents(self.month.finance, period, issued_by=by)
