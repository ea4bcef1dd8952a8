"""A bill whose biller cannot be reached is paid later where that is pardoned, and once; else it goes back."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.carts.bill_cart import BillEnd, StoredCart
from ekpay_switch.domain.outcome import Declined, Unreached
from ekpay_switch.domain.scrolls.layouts import content_of
from ekpay_switch.domain.scrolls.scroll import ScrollTerms
from ekpay_switch.flows.carts.pay_cart import pay_cart
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.scrolls.store import ScrollOrder, Scrolls
from ekpay_switch.persistence.short_transactions import ShortTransactions
from tests.fakes.billers import LOSES_ORDER, Deed
from tests.persistence.carts.cart_setup import BILL, Portal

AWAY = Deed(Unreached("connection refused"))
REFUSES = Deed(Declined("refused", "328"))
DAY = timedelta(hours=24)
FURTHER = """
INSERT INTO stand_in_tries (cart_id, seq, nth, reference, until)
SELECT cart_id, seq, $2::smallint, coalesce($3::text, reference || ':' || $2::smallint), now()
FROM cart_bills WHERE cart_id = $1
"""
TRIES = "SELECT nth, reference FROM stand_in_tries ORDER BY nth"
PAYMENTS = "SELECT reference, state FROM payments WHERE reference LIKE 'cart:%' ORDER BY id"
EXPIRED = "UPDATE stand_in_tries SET until = now() - interval '1 second'"
STUCK = "SELECT subject FROM alarms WHERE kind = 'cart_stuck'"
LONG_AGO = "UPDATE bill_carts SET ordered_at = now() - interval '27 hours' WHERE ordered_at IS NOT NULL"
TERMS = "INSERT INTO alarm_terms (kind, owner, due_business_days, after_hours) VALUES ($1, 'finance', 1, 26)"


async def waiting(portal: Portal, *deeds: Deed) -> StoredCart:
    """A paid bill that its biller, who pardons later delivery, was not reached for."""
    portal.pardons("titas", DAY)
    portal.billers["titas"].deeds += [AWAY, *deeds]
    cart, _ = await portal.paid("titas")
    return await portal.worked(cart)


async def test_a_bill_is_paid_once_its_biller_is_back(portal: Portal) -> None:
    cart = await waiting(portal, AWAY)
    (bill,) = cart.bills
    assert (bill.end, bill.payment_id, bill.reference) == (None, None, f"cart:{cart.cart_id.hex}:1:2")
    funded_at = await portal.books.value("SELECT at FROM cart_fundings")
    assert bill.stand_in_until == funded_at + DAY
    assert await portal.books.audit() is None
    await portal.worker_round()
    await portal.worker_round()
    (bill,) = (await portal.seen(cart)).bills
    assert (bill.end, bill.reference) == (BillEnd.PAID, f"cart:{cart.cart_id.hex}:1:3")
    states = [state for _, state in await portal.books.rows(PAYMENTS)]
    assert states == ["refunded", "refunded", "completed"]
    await portal.adds_up(sold=BILL, paid=BILL)


async def test_its_biller_reads_in_the_scroll_that_it_was_paid_in_stand_in(portal: Portal) -> None:
    await waiting(portal)
    await portal.worker_round()
    transactions = ShortTransactions(portal.books.database.connect)
    order = ScrollOrder("titas", business_date(datetime.now(UTC)), 1, ScrollTerms(cycles=4))
    file = await Scrolls(transactions).make(order)
    await transactions.close()
    assert [(row.row_type, row.is_stand_in) for row in file.rows] == [("PAY", True)]
    assert content_of(file).decode().splitlines()[2].endswith(",PSI")


async def test_what_never_arrives_goes_back_when_the_promise_is_over(portal: Portal) -> None:
    cart = await waiting(portal, AWAY)
    await portal.books.tell(EXPIRED)
    await portal.worker_round()
    (bill,) = (await portal.seen(cart)).bills
    assert bill.end is BillEnd.GIVEN_BACK
    await portal.worker_round()
    total = await portal.books.value("SELECT sum(amount)::bigint FROM refunds")
    await portal.adds_up(sold=BILL, paid=0, refunded=total)


@pytest.mark.parametrize("deed", [REFUSES, LOSES_ORDER], ids=["refused", "lost"])
async def test_what_may_have_been_sent_is_not_sent_again(portal: Portal, deed: Deed) -> None:
    """Only a biller that was never reached is tried again: a refusal and a proven loss end the bill."""
    portal.pardons("titas", DAY)
    portal.billers["titas"].deeds += [deed] * 3
    cart, _ = await portal.paid("titas")
    await portal.worked(cart)
    for _ in range(3):
        await portal.worker_round()
    (bill,) = (await portal.seen(cart)).bills
    assert (bill.end, bill.stand_in_until) == (BillEnd.GIVEN_BACK, None)
    assert await portal.books.rows(TRIES) == []


async def test_without_a_pardon_it_goes_back_at_once(portal: Portal) -> None:
    portal.billers["titas"].deeds.append(AWAY)
    cart, _ = await portal.paid("titas")
    (bill,) = (await portal.worked(cart)).bills
    assert (bill.end, bill.stand_in_until) == (BillEnd.GIVEN_BACK, None)


async def test_workers_beside_each_other_begin_one_further_payment(portal: Portal) -> None:
    portal.pardons("titas", DAY)
    portal.billers["titas"].deeds.append(AWAY)
    cart, _ = await portal.paid("titas")
    seen = await portal.seen(cart)
    await asyncio.gather(*(pay_cart(seen, portal.office) for _ in range(4)))
    for _ in range(2):
        await portal.worker_round()
    assert [nth for nth, _ in await portal.books.rows(TRIES)] == [2]
    await portal.adds_up(sold=BILL, paid=BILL)


async def test_a_waiting_bill_is_no_stuck_cart_before_its_promise_is_over(portal: Portal) -> None:
    await waiting(portal)
    upkeep = AlarmUpkeep(portal.engine)
    await portal.books.tell(TERMS, "cart_stuck")
    await portal.books.tell(LONG_AGO)
    await upkeep.sweep()
    assert await portal.books.rows(STUCK) == []
    await portal.books.tell("UPDATE stand_in_tries SET until = now() - interval '27 hours'")
    await upkeep.sweep()
    assert len(await portal.books.rows(STUCK)) == 1


@pytest.mark.parametrize("deeds", [[], [REFUSES], [AWAY]], ids=["paid", "refused", "given back"])
async def test_the_database_refuses_a_further_payment_beside_one_that_counts(
    portal: Portal, deeds: list[Deed]
) -> None:
    """Nothing may follow a payment that was sent, or the end of its bill."""
    portal.billers["titas"].deeds += deeds
    cart, _ = await portal.paid("titas")
    await portal.worked(cart)
    with pytest.raises(asyncpg.CheckViolationError, match="follows one that was never sent"):
        await portal.books.tell(FURTHER, cart.cart_id, 2, None)


async def test_the_database_refuses_a_gap_between_payments(portal: Portal) -> None:
    cart = await waiting(portal)
    with pytest.raises(asyncpg.CheckViolationError, match="follows one that was never sent"):
        await portal.books.tell(FURTHER, cart.cart_id, 4, None)
