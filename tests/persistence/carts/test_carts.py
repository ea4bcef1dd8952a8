"""Carts over real books: bills that come and go, an order that stays, money that is moved once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from ekpay_switch.domain.carts.bill_cart import PORTAL, BillEnd, PaidUp
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.flows.carts.pay_cart import pay_cart
from ekpay_switch.persistence.carts.portal import PortalNames, ensure_portal
from ekpay_switch.persistence.carts.store import drop_old_carts
from ekpay_switch.persistence.merchants.staff_actions import MerchantExistsError
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.security.identifiers import unguessable, uuid7
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.persistence.books import Books
from tests.persistence.carts.cart_setup import BILL, NAMES, Portal

REFUSES = Deed(Declined("refused", "328"))
PAID, BACK = BillEnd.PAID, BillEnd.GIVEN_BACK
MORE_OF_IT = """
INSERT INTO cart_bills SELECT cart_id, 9, 'r', biller_id, bucket, fields, bill, 'k', amount, quote_id,
  quote_expires_at, fetched_at FROM cart_bills LIMIT 1
"""
READ_PORTAL = """
SELECT r.name, m.name_bn, m.order_minutes FROM merchants AS m JOIN partners AS r ON r.id = m.partner_id
"""


async def test_a_cart_is_read_back_as_it_was_written(portal: Portal) -> None:
    cart = await portal.filled()
    assert [one.bill.biller_id for one in cart.bills] == ["desco_postpaid", "titas", "wasa"]
    assert [one.bill.bucket for one in cart.bills] == ["postpaid", "postpaid", "prepaid"]
    assert cart.bills[0].bill.fields == {"bill_no": "092512345678"}
    assert cart.bills[0].bill.bill["lines"] == []
    assert (cart.amount, cart.is_ordered, cart.payment, cart.refunds) == (Money(3 * BILL), False, None, ())
    assert replace(await portal.seen(cart), read_at=cart.read_at) == cart


@pytest.mark.parametrize("reference", ["", "NOBODYS", "\x00", "\ud800", "' OR 1=1"])
async def test_a_reference_that_is_no_carts_finds_nothing(portal: Portal, reference: str) -> None:
    await portal.filled("titas")
    assert await portal.carts.by_reference(reference) is None


async def test_a_bill_is_replaced_taken_out_and_limited(portal: Portal) -> None:
    cart = await portal.filled()
    bill = replace(cart.bills[0].bill, amount=Money(7))
    again = await portal.carts.put_bill(cart.cart_id, bill, 3)
    assert again is not None
    assert [one.bill.amount.minor for one in again.bills] == [7, BILL, BILL]
    assert await portal.carts.put_bill(cart.cart_id, replace(bill, bill_key="other"), 3) is None
    renewed = await portal.carts.replace_bill(cart.cart_id, 2, replace(cart.bills[1].bill, quote_id="Q"))
    assert renewed is not None
    assert renewed.bills[1].bill.quote_id == "Q"
    assert await portal.carts.replace_bill(cart.cart_id, 9, replace(bill, bill_key="other")) is None
    assert await portal.carts.replace_bill(cart.cart_id, 2, bill) is None, "it is in the cart already"
    left = await portal.carts.remove_bill(cart.cart_id, 1)
    assert left is not None
    assert [one.seq for one in left.bills] == [2, 3]
    assert await portal.carts.put_bill(uuid7(), bill, 3) is None


async def test_two_at_once_put_the_same_bill_in_once(portal: Portal) -> None:
    cart = await portal.carts.open(uuid7(), unguessable())
    bill = (await portal.filled("titas")).bills[0].bill
    await asyncio.gather(*(portal.carts.put_bill(cart.cart_id, bill, 3) for _ in range(8)))
    assert len((await portal.seen(cart)).bills) == 1


async def test_an_ordered_cart_stays_as_it_is(portal: Portal) -> None:
    cart, payment = await portal.ordered()
    bill = cart.bills[0].bill
    assert await portal.carts.put_bill(cart.cart_id, replace(bill, bill_key="other"), 9) is None
    assert await portal.carts.replace_bill(cart.cart_id, 1, bill) is None
    assert await portal.carts.remove_bill(cart.cart_id, 1) is None
    again = await portal.carts.order(cart.cart_id)
    assert replace(again, read_at=cart.read_at) == cart
    for statement in (
        "UPDATE cart_bills SET amount = 1",
        "DELETE FROM cart_bills",
        MORE_OF_IT,
    ):
        with pytest.raises(asyncpg.CheckViolationError, match="an ordered cart stay"):
            await portal.books.tell(statement)
    assert cart.payment is not None
    assert (cart.payment.payment_id, cart.payment.state) == (payment.payment_id, State.CREATED)


async def test_each_bill_of_a_paid_cart_is_paid_from_its_own_bucket(portal: Portal) -> None:
    cart, _ = await portal.paid()
    done = await portal.worked(cart)
    assert ([one.end for one in done.bills], done.paid_up) == ([PAID] * 3, PaidUp.FUNDED)
    assert [one.state for one in done.bills] == [State.COMPLETED] * 3
    await portal.adds_up(3 * BILL, 3 * BILL)


async def test_what_a_biller_refuses_is_refunded_with_its_part_of_the_charges(portal: Portal) -> None:
    portal.billers["titas"].deeds.append(REFUSES)
    cart, held = await portal.paid()
    done = await portal.worked(cart)
    assert [one.end for one in done.bills] == [PAID, BACK, PAID]
    (refund,) = done.refunds
    assert (refund.seqs, refund.state) == ((2,), RefundState.APPROVED)
    await portal.worker_round()
    await portal.adds_up(3 * BILL, 2 * BILL, refund.amount.minor)
    assert await portal.stall.refunded(held) == [BILL]


SENT_AND_PAID = """
INSERT INTO refund_history (refund_id, seq, from_state, event, to_state, actor, facts, at)
SELECT id, s.seq, s.before, s.event, s.after, 'test', '{}', now() + s.seq * interval '1 hour'
FROM refunds, (VALUES (2, 'sent', 'given', 'done'), (1, 'approved', 'sending', 'sent'))
  AS s (seq, before, event, after)
"""


async def test_the_steps_of_a_refund_come_with_its_cart(portal: Portal) -> None:
    portal.billers["titas"].deeds.append(REFUSES)
    cart, _ = await portal.paid()
    (refund,) = (await portal.worked(cart)).refunds
    assert [step.kind for step in refund.steps] == ["requested"]
    await portal.books.tell(SENT_AND_PAID)
    await portal.books.tell("UPDATE refunds SET provider_refund = 'BKR1'")
    (refund,) = (await portal.seen(cart)).refunds
    assert [step.kind for step in refund.steps] == ["requested", "sent", "paid_back"]
    assert refund.provider_reference == "BKR1"
    assert all(step.at.tzinfo is not None for step in refund.steps)
    await portal.books.tell("DELETE FROM refund_history")
    await portal.worker_round()


async def test_a_cart_of_which_nothing_was_paid_comes_back_whole(portal: Portal) -> None:
    for biller in portal.billers.values():
        biller.deeds.append(REFUSES)
    cart, _ = await portal.paid()
    done = await portal.worked(cart)
    assert done.payment is not None
    await portal.worker_round()
    await portal.adds_up(3 * BILL, 0, done.payment.sums.total.minor)


async def test_the_worker_is_woken_by_the_payment_and_leaves_a_cart_that_is_done(portal: Portal) -> None:
    await portal.ordered("titas")
    assert await portal.carts.lease_due(8, 45.0) == []
    cart, _ = await portal.paid("desco_postpaid")
    (leased,) = await portal.carts.lease_due(8, 45.0)
    assert leased.cart_id == cart.cart_id
    assert await portal.carts.lease_due(8, 45.0) == []
    assert await portal.carts.lease_due(0, 45.0) == []
    await pay_cart(leased, portal.office)
    await portal.adds_up(BILL, BILL)


async def test_a_bill_in_doubt_is_open_until_its_biller_has_spoken(portal: Portal) -> None:
    portal.billers["titas"].deeds.append(LOSES_ANSWER)
    cart, _ = await portal.paid()
    assert [one.end for one in (await portal.worked(cart)).bills] == [PAID, None, PAID]
    await portal.worker_round()
    await portal.adds_up(3 * BILL, 3 * BILL)


async def test_many_at_once_move_the_money_once(portal: Portal) -> None:
    portal.billers["titas"].deeds.append(REFUSES)
    cart, _ = await portal.paid()
    await asyncio.gather(*(pay_cart(cart, portal.office) for _ in range(6)))
    for _ in range(2):
        await portal.worker_round()
    done = await portal.seen(cart)
    assert [one.end for one in done.bills] == [PAID, BACK, PAID]
    await portal.adds_up(3 * BILL, 2 * BILL, done.refunds[0].amount.minor)


async def test_a_cart_that_is_not_paid_yet_moves_nothing(portal: Portal) -> None:
    cart, payment = await portal.ordered()
    assert await portal.carts.fund(cart) is PaidUp.WAITS
    await portal.books.tell("UPDATE payments SET state = 'expired' WHERE id = $1", payment.payment_id)
    assert await portal.carts.fund(cart) is PaidUp.NEVER_PAID
    assert await portal.books.count("cart_fundings") == 0
    await portal.books.tell("UPDATE payments SET state = 'created' WHERE id = $1", payment.payment_id)


async def test_a_payment_that_people_have_refunded_before_stays_with_them(portal: Portal) -> None:
    cart, held = await portal.paid("titas")
    await portal.books.tell("UPDATE merchant_shares SET refunded = 1")
    assert await portal.carts.fund(cart) is PaidUp.IN_REVIEW
    still_open = "next_action_at IS NOT NULL"
    assert await portal.books.count("cart_work", still_open) == 1
    await portal.books.tell("UPDATE merchant_shares SET refunded = amount")
    assert await portal.carts.fund(cart) is PaidUp.IN_REVIEW
    assert await portal.books.count("cart_work", still_open) == 0, "all of it is back: nothing is left to do"
    await portal.books.tell("UPDATE merchant_shares SET refunded = 0 WHERE payment_id = $1", held.payment_id)
    await portal.worked(cart)


async def test_carts_that_nobody_ordered_are_dropped_by_age(portal: Portal) -> None:
    old, (ordered, _), new = await portal.filled("titas"), await portal.ordered("wasa"), await portal.filled()
    ids = [old.cart_id, ordered.cart_id]
    await portal.books.tell(
        "UPDATE bill_carts SET created_at = now() - $1::interval WHERE id = ANY($2)", timedelta(hours=25), ids
    )
    transactions = ShortTransactions(portal.books.database.connect_hot)
    await drop_old_carts(transactions, 24)
    await transactions.close()
    assert await portal.carts.by_reference(old.reference) is None
    assert {await portal.books.value("SELECT count(*) FROM bill_carts")} == {2}
    assert len((await portal.seen(new)).bills) == 3


async def test_the_portal_is_added_once_and_called_as_the_file_says(books: Books) -> None:
    engine = books.database.engine()
    await asyncio.gather(*(ensure_portal(engine, NAMES) for _ in range(3)))
    await ensure_portal(engine, PortalNames("ePay", "ইপে", 30))
    rows = await books.rows(READ_PORTAL)
    assert [tuple(row) for row in rows] == [("ePay", "ইপে", 30)]
    codes = await books.rows("SELECT code, balance FROM accounts WHERE code LIKE 'prefund:%' ORDER BY code")
    assert [tuple(row) for row in codes] == [("prefund:portal:postpaid", 0), ("prefund:portal:prepaid", 0)]
    await engine.dispose()


async def test_a_bank_that_is_called_so_already_stops_the_start(books: Books) -> None:
    await books.partner(PORTAL)
    engine = books.database.engine()
    with pytest.raises(MerchantExistsError):
        await ensure_portal(engine, NAMES)
    await engine.dispose()
