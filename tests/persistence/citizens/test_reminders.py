"""Reminders in the database: a citizen's own, leased once, told once, gone with the bill or the account."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ekpay_switch.domain.carts.bill_cart import StoredCart
from ekpay_switch.domain.citizens.reminders import StandingOrder
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.citizens.accounts import PostgresCitizenAccounts
from ekpay_switch.persistence.citizens.reminders import PostgresReminders, drop_old_sent_reminders
from ekpay_switch.persistence.citizens.saved_bills import PostgresSavedBills
from ekpay_switch.ports.reminders import CheckedBill, DueMessage, LeasedReminder
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import SEALER
from tests.persistence.carts.cart_setup import Portal
from tests.persistence.citizens.conftest import DIGESTS, Desk
from tests.persistence.citizens.test_saved_bills import a_bill, entered

DUE_ON = date(2026, 12, 14)
LATER, SOON = datetime(2036, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
MESSAGE = DueMessage(
    "092512345678",
    DUE_ON,
    is_last=False,
    text="ekPay: DESCO (Home): bill of Tk 1,234.50, due 14 December.",
)
BILLERS = ["desco_postpaid", "titas"]
LEASE = 600.0
HOURS_AGO = "UPDATE bill_carts SET ordered_at = ordered_at - interval '2 hours'"
OUTBOX = "SELECT count(*) FROM text_messages WHERE kind = 'reminder'"


def checked(message: DueMessage | None = MESSAGE) -> CheckedBill:
    """The answer of a biller that brings this message."""
    owed = None if message is None else Money(123_450)
    due_on = None if message is None else message.due_on
    messages = () if message is None else (message,)
    bill_key = "" if message is None else message.bill_key
    return CheckedBill(owed, due_on, LATER, SOON, bill_key, messages)


@dataclass
class Household:
    """A citizen with one saved bill of which they want to be reminded."""

    desk: Desk
    reminders: PostgresReminders
    saved: PostgresSavedBills
    accounts: PostgresCitizenAccounts

    async def citizen(self, number: str = "01712345678", bill: SavedBill | None = None) -> LeasedReminder:
        """Somebody whose reminder is on, as it will be leased."""
        who, kept = await entered(self.accounts, number), bill or a_bill()
        await self.saved.save(who.citizen_id, kept)
        await self.reminders.switch_on(who.citizen_id, kept.saved_id)
        return LeasedReminder(who.citizen_id, kept, 1, PayerLanguage.BANGLA)

    async def leased(self, limit: int = 16) -> list[LeasedReminder]:
        return list(await self.reminders.lease_due(limit, LEASE, BILLERS))

    async def is_due_again(self) -> None:
        await self.desk.books.tell("UPDATE bill_reminders SET next_check_at = now()")

    async def outbox(self) -> int:
        return int(await self.desk.books.value(OUTBOX))


@pytest.fixture
def household(desk: Desk) -> Household:
    return Household(
        desk,
        PostgresReminders(desk.transactions, DIGESTS, SEALER),
        PostgresSavedBills(desk.transactions, DIGESTS, SEALER),
        PostgresCitizenAccounts(desk.transactions, DIGESTS, SEALER),
    )


async def test_a_reminder_that_is_on_is_leased_at_once_with_what_it_asks_for(household: Household) -> None:
    wanted = await household.citizen()
    assert await household.leased() == [wanted]
    assert await household.leased() == []
    await household.is_due_again()
    assert await household.leased() == [replace(wanted, epoch=2)]


async def test_side_by_side_each_is_leased_by_one_and_each_biller_once_a_round(household: Household) -> None:
    for nth in range(8):
        biller_id = BILLERS[nth % 2]
        bill = SavedBill(uuid7(), biller_id, {"account_no": f"1000000{nth}"}, "")
        await household.citizen(f"0171234567{nth}", bill)
    rounds = await asyncio.gather(*(household.leased() for _ in range(8)))
    seen = [leased.saved.saved_id for leased_in_round in rounds for leased in leased_in_round]
    assert len(seen) == len(set(seen)) == 8
    for leased_in_round in rounds:
        billers = [leased.saved.biller_id for leased in leased_in_round]
        assert len(billers) == len(set(billers))


async def test_no_more_are_leased_than_wanted_and_none_of_a_biller_that_is_busy(household: Household) -> None:
    await household.citizen()
    await household.citizen("01712345679", SavedBill(uuid7(), "titas", {"customer_code": "1"}, ""))
    assert await household.reminders.lease_due(0, LEASE, BILLERS) == []
    assert await household.reminders.lease_due(16, LEASE, []) == []
    assert await household.reminders.lease_due(16, LEASE, ["dhaka_wasa"]) == []
    assert len(await household.reminders.lease_due(1, LEASE, BILLERS)) == 1


async def test_a_bill_is_told_once_whatever_comes_twice(household: Household) -> None:
    leased = await household.citizen()
    (leased,) = await household.leased()
    settled = await asyncio.gather(*(household.reminders.settle(leased, checked()) for _ in range(5)))
    assert (sum(settled), await household.outbox()) == (1, 1)
    row = await household.desk.books.value("SELECT string_agg(t::text, ' ') FROM sent_reminders AS t")
    assert MESSAGE.bill_key not in str(row)
    state = await household.reminders.of_citizen(leased.citizen_id)
    assert state[leased.saved.saved_id].due_on == DUE_ON
    assert state[leased.saved.saved_id].checked_at is not None


@pytest.mark.parametrize(
    ("again", "count"),
    [
        (MESSAGE, 1),
        (replace(MESSAGE, bill_key="102612345678"), 2),
        (replace(MESSAGE, due_on=DUE_ON + timedelta(days=10)), 2),
        (replace(MESSAGE, due_on=None), 2),
        (None, 1),
    ],
)
async def test_the_next_bill_and_a_new_date_are_told_again(
    household: Household, again: DueMessage | None, count: int
) -> None:
    await household.citizen()
    (leased,) = await household.leased()
    await household.reminders.settle(leased, checked())
    await household.is_due_again()
    (leased,) = await household.leased()
    await household.reminders.settle(leased, checked(again))
    assert await household.outbox() == count


async def test_a_bill_that_is_saved_again_is_not_told_again(household: Household) -> None:
    await household.citizen()
    (leased,) = await household.leased()
    await household.reminders.settle(leased, checked())
    await household.saved.remove(leased.citizen_id, leased.saved.saved_id)
    assert await household.reminders.of_citizen(leased.citizen_id) == {}
    await household.citizen()
    (leased,) = await household.leased()
    assert not await household.reminders.settle(leased, checked())
    assert await household.outbox() == 1


async def test_under_an_old_lease_nothing_changes(household: Household) -> None:
    await household.citizen()
    (old,) = await household.leased()
    await household.is_due_again()
    (leased,) = await household.leased()
    await household.reminders.put_off(old, LATER)
    assert not await household.reminders.settle(old, checked())
    assert await household.outbox() == 0
    assert (await household.reminders.of_citizen(leased.citizen_id))[leased.saved.saved_id].due_on is None
    await household.reminders.put_off(leased, LATER)
    at = await household.desk.books.value("SELECT next_check_at FROM bill_reminders")
    assert at == LATER


async def test_nobody_switches_the_reminder_of_another(household: Household) -> None:
    leased = await household.citizen()
    other = await entered(household.accounts, "01812345678")
    await household.reminders.switch_off(other.citizen_id, leased.saved.saved_id)
    assert leased.saved.saved_id in await household.reminders.of_citizen(leased.citizen_id)
    await household.reminders.switch_off(leased.citizen_id, leased.saved.saved_id)
    await household.reminders.switch_on(other.citizen_id, leased.saved.saved_id)
    assert await household.reminders.of_citizen(leased.citizen_id) == {}
    assert await household.leased() == []


async def test_a_reminder_that_was_switched_off_or_whose_bill_was_removed_meanwhile_sends_nothing(
    household: Household,
) -> None:
    await household.citizen()
    (leased,) = await household.leased()
    await household.reminders.switch_off(leased.citizen_id, leased.saved.saved_id)
    assert not await household.reminders.settle(leased, checked())
    assert await household.outbox() == 0


async def test_a_closed_account_leaves_nothing_and_is_told_nothing(household: Household) -> None:
    await household.citizen()
    (leased,) = await household.leased()
    await household.reminders.settle(leased, checked())
    await household.desk.books.tell("DELETE FROM text_messages")
    await household.is_due_again()
    (leased,) = await household.leased()
    await household.accounts.close(leased.citizen_id)
    assert not await household.reminders.settle(leased, checked(replace(MESSAGE, due_on=None)))
    left = await household.desk.books.value(
        "SELECT (SELECT count(*) FROM bill_reminders) + (SELECT count(*) FROM sent_reminders)"
        " + (SELECT count(*) FROM saved_bills) + (SELECT count(*) FROM text_messages)"
    )
    assert left == 0


async def test_a_row_that_something_else_changed_holds_up_no_other(household: Household) -> None:
    wrong = await household.citizen()
    right = await household.citizen(
        "01712345679", SavedBill(uuid7(), "titas", {"customer_code": "1"}, "Shop")
    )
    await household.desk.books.tell(
        f"UPDATE saved_bills SET sealed = 'x' WHERE id = '{wrong.saved.saved_id}'"  # noqa: S608 - an id
    )
    assert await household.leased() == [right]
    await household.desk.books.tell("UPDATE citizens SET number_sealed = 'x'")
    assert not await household.reminders.settle(right, checked())
    assert await household.outbox() == 0
    told = await household.desk.books.value("SELECT count(*) FROM sent_reminders")
    assert told == 0, "no message was made of it"


async def test_after_a_year_it_is_forgotten_which_bills_were_told(household: Household) -> None:
    await household.citizen()
    (leased,) = await household.leased()
    await household.reminders.settle(leased, checked())
    await drop_old_sent_reminders(household.desk.transactions)
    assert await household.desk.books.value("SELECT count(*) FROM sent_reminders") == 1
    await household.desk.books.tell("UPDATE sent_reminders SET at = now() - interval '401 days'")
    await drop_old_sent_reminders(household.desk.transactions)
    assert await household.desk.books.value("SELECT count(*) FROM sent_reminders") == 0


async def test_the_last_message_of_a_bill_is_another_and_comes_once_too(household: Household) -> None:
    await household.citizen()
    messages = (MESSAGE, replace(MESSAGE, is_last=True))
    for count in (1, 2, 2):
        await household.is_due_again()
        (leased,) = await household.leased()
        await household.reminders.settle(leased, replace(checked(), messages=messages))
        assert await household.outbox() == count


async def test_a_standing_order_is_leased_with_its_reminder_and_asks_at_once(household: Household) -> None:
    leased = await household.citizen()
    (leased,) = await household.leased()
    citizen_id, saved_id = leased.citizen_id, leased.saved.saved_id
    await household.reminders.set_order(citizen_id, saved_id, Money(300_000))
    (leased,) = await household.leased()
    assert leased.order == StandingOrder(Money(300_000))
    await household.reminders.settle(leased, checked())
    state = (await household.reminders.of_citizen(citizen_id))[saved_id]
    assert (state.owed, state.prepared_sum, state.order) == (Money(123_450), Money(123_450), leased.order)
    await household.reminders.pause_order(citizen_id, saved_id, is_paused=True)
    state = (await household.reminders.of_citizen(citizen_id))[saved_id]
    assert (state.prepared_sum, state.order) == (None, StandingOrder(Money(300_000), is_paused=True))
    await household.reminders.set_order(citizen_id, saved_id, Money(100_000))
    state = (await household.reminders.of_citizen(citizen_id))[saved_id]
    assert (state.prepared_sum, state.order) == (None, StandingOrder(Money(100_000)))
    await household.reminders.end_order(citizen_id, saved_id)
    assert (await household.reminders.of_citizen(citizen_id))[saved_id].order is None


async def test_what_is_being_paid_is_offered_again_only_after_a_later_answer(household: Household) -> None:
    await household.citizen()
    (leased,) = await household.leased()
    citizen_id, saved_id = leased.citizen_id, leased.saved.saved_id
    await household.reminders.set_order(citizen_id, saved_id, Money(300_000))
    (leased,) = await household.leased()
    await household.reminders.begin_payment(citizen_id, saved_id)
    assert not await household.reminders.settle(leased, checked()), "asked before the payment began"
    assert (await household.reminders.of_citizen(citizen_id))[saved_id].prepared_sum is None
    assert await household.leased() == []
    await household.is_due_again()
    (leased,) = await household.leased()
    await household.reminders.settle(leased, checked())
    assert (await household.reminders.of_citizen(citizen_id))[saved_id].prepared_sum == Money(123_450)


async def test_nobody_changes_the_standing_order_of_another(household: Household) -> None:
    leased = await household.citizen()
    citizen_id, saved_id = leased.citizen_id, leased.saved.saved_id
    other = (await entered(household.accounts, "01812345678")).citizen_id
    await household.reminders.set_order(other, saved_id, Money(1))
    assert (await household.reminders.of_citizen(citizen_id))[saved_id].order is None
    await household.reminders.pause_order(citizen_id, saved_id, is_paused=True)
    assert (await household.reminders.of_citizen(citizen_id))[saved_id].order is None, "nothing to pause"
    await household.reminders.set_order(citizen_id, saved_id, Money(300_000))
    (leased,) = await household.leased()
    await household.reminders.settle(leased, checked())
    before = await household.reminders.of_citizen(citizen_id)
    await household.reminders.pause_order(other, saved_id, is_paused=True)
    await household.reminders.begin_payment(other, saved_id)
    await household.reminders.end_order(other, saved_id)
    assert await household.reminders.of_citizen(citizen_id) == before


async def paying(household: Household, portal: Portal) -> tuple[LeasedReminder, StoredCart, CheckedBill]:
    """A reminder of a bill that is in an ordered cart of its citizen, and what the biller says of it."""
    await household.citizen(bill=SavedBill(uuid7(), "titas", {"customer_code": "1"}, "Shop"))
    (leased,) = await household.leased()
    cart, _ = await portal.ordered("titas")
    await household.accounts.claim_cart(leased.citizen_id, cart.cart_id)
    return leased, cart, checked(replace(MESSAGE, bill_key=cart.bills[0].bill.bill_key))


async def test_a_bill_at_the_checkout_is_not_told_or_offered_for_an_hour(
    household: Household, portal: Portal
) -> None:
    leased, _, answer = await paying(household, portal)
    assert not await household.reminders.settle(leased, answer)
    state = (await household.reminders.of_citizen(leased.citizen_id))[leased.saved.saved_id]
    assert (state.owed, state.due_on) == (None, None)
    assert await household.desk.books.value("SELECT next_check_at FROM bill_reminders") == SOON
    await portal.books.tell(HOURS_AGO)
    assert await household.reminders.settle(leased, answer), "nobody has paid it"


async def test_a_paid_bill_is_not_told_before_it_has_an_end_and_others_are(
    household: Household, portal: Portal
) -> None:
    leased, cart, answer = await paying(household, portal)
    payment = await portal.world.merchant_payments.by_id(cart.payment.payment_id) if cart.payment else None
    assert payment is not None
    await portal.stall.paid(await portal.stall.on_page(payment))
    await portal.books.tell(HOURS_AGO)
    assert not await household.reminders.settle(leased, answer)
    assert await household.reminders.settle(leased, checked(MESSAGE)), "another bill"
    await portal.worked(cart)
    assert await household.reminders.settle(leased, answer), "its biller wants it still"
