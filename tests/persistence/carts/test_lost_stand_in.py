"""A further payment of a bill that a restore has lost is the newest of its bill again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from ekpay_switch.domain.carts.bill_cart import BillEnd, BillInCart, StoredCart
from ekpay_switch.domain.outcome import Unreached
from ekpay_switch.domain.payments.lost_sends import CartBillState, LostFinding, LostState
from ekpay_switch.flows.payments.ask_lost_sends import ask_lost_sends
from ekpay_switch.flows.payments.book_lost_sends import book_lost_sends
from ekpay_switch.persistence.sends.lost import PostgresLostSends
from ekpay_switch.persistence.sends.lost_payments import PostgresLostPayments
from ekpay_switch.persistence.short_transactions import ShortTransactions
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.fakes.sends import FakeSends
from tests.persistence.carts.cart_setup import BILL, Portal
from tests.persistence.carts.test_stand_in import FURTHER
from tests.persistence.sends.a_send import SEALER
from tests.persistence.sends.test_lost import a_line

AWAY = Deed(Unreached("connection refused"))
DAY = timedelta(hours=24)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PROMISE_OVER = "UPDATE stand_in_tries SET until = now() - interval '1 second'"
TRIES = "SELECT nth FROM stand_in_tries ORDER BY nth"
RENAME = "UPDATE payments SET reference = $2 WHERE id = $1"
STATES = "SELECT state FROM payments WHERE reference LIKE 'cart:%' ORDER BY id"


@pytest.fixture
async def lost_sends(portal: Portal) -> AsyncIterator[PostgresLostSends]:
    transactions = ShortTransactions(portal.books.database.connect_hot)
    yield PostgresLostSends(transactions, SEALER)
    await transactions.close()


async def restored(portal: Portal) -> StoredCart:
    """A bill as the backup has it: its biller was not reached, and its second payment was about to begin.

    When the database is restored, the promised time is over.
    """
    portal.pardons("titas", DAY)
    portal.billers["titas"].deeds.append(AWAY)
    cart, _ = await portal.paid("titas")
    await portal.worked(cart)
    await portal.books.tell(PROMISE_OVER)
    return await portal.seen(cart)


async def lose(
    portal: Portal, lost_sends: PostgresLostSends, reference: str, *, is_posted: bool = True
) -> UUID:
    """A payment of a bill that was sent after the backup, as the journal has it; the worker starts anew."""
    journal = portal.world.sends
    assert isinstance(journal, FakeSends)
    first = next(line for line in journal.lines if line.claim is not None)
    assert first.claim is not None
    assert first.order is not None
    payment_id, ours = uuid4(), f"L{uuid4().hex[:12]}"
    send = replace(
        first,
        payment_id=payment_id,
        reference=ours,
        sent_at=LONG_AGO,
        send_until=LONG_AGO,
        order=replace(first.order, payment_id=payment_id, reference=ours),
        claim=replace(
            first.claim,
            attempt_id=uuid4(),
            reference=reference,
            quote_id=uuid4().hex[:24].upper(),
            quote_expires_at=LONG_AGO,
        ),
    )
    if is_posted:
        portal.billers["titas"].book[ours] = BILL
    assert await lost_sends.keep_unknown([a_line(send)]) == 1
    lost_payments = PostgresLostPayments(portal.engine, portal.world.clock)
    portal.world = replace(portal.world, lost_payments=lost_payments)
    return next(lost.lost_id for lost in await lost_sends.all() if lost.send.reference == ours)


async def bill_of(portal: Portal, cart: StoredCart) -> BillInCart:
    (bill,) = (await portal.seen(cart)).bills
    return bill


@pytest.mark.parametrize("nth", [2, 3], ids=["begun before the backup", "begun after it"])
async def test_a_lost_further_payment_is_the_newest_of_its_bill_again(
    portal: Portal, lost_sends: PostgresLostSends, nth: int
) -> None:
    cart = await restored(portal)
    reference = f"cart:{cart.cart_id.hex}:1:{nth}"
    await lose(portal, lost_sends, reference)
    await portal.worker_round()
    assert (await bill_of(portal, cart)).end is None, "nothing goes back while it may be paid"
    await ask_lost_sends(lost_sends, portal.world)
    for _ in range(2):
        await book_lost_sends(lost_sends, portal.world)
    assert await portal.books.audit() is None
    assert (await bill_of(portal, cart)).reference == reference
    await portal.worker_round()
    assert (await bill_of(portal, cart)).end is BillEnd.PAID
    await portal.adds_up(sold=BILL, paid=BILL)


async def test_a_lost_payment_in_doubt_goes_back_once_its_biller_has_proven_that_it_has_nothing(
    portal: Portal, lost_sends: PostgresLostSends
) -> None:
    cart = await restored(portal)
    await lose(portal, lost_sends, f"cart:{cart.cart_id.hex}:1:3", is_posted=False)
    await book_lost_sends(lost_sends, portal.world)
    assert (await bill_of(portal, cart)).end is None
    for _ in range(3):
        await portal.worker_round()
    assert (await bill_of(portal, cart)).end is BillEnd.GIVEN_BACK
    back = await portal.books.value("SELECT sum(amount)::bigint FROM refunds")
    await portal.adds_up(sold=BILL, paid=0, refunded=back)


async def test_what_is_proven_not_posted_holds_nothing_back(
    portal: Portal, lost_sends: PostgresLostSends
) -> None:
    cart = await restored(portal)
    lost_id = await lose(portal, lost_sends, f"cart:{cart.cart_id.hex}:1:3", is_posted=False)
    await lost_sends.record(lost_id, LostFinding(LostState.NOT_POSTED, "not found"))
    await book_lost_sends(lost_sends, portal.world)
    portal.billers["titas"].deeds.append(AWAY)
    await portal.worker_round()
    assert (await bill_of(portal, cart)).end is BillEnd.GIVEN_BACK


async def test_a_bill_that_is_paid_ends_so_whatever_is_lost_of_it(
    portal: Portal, lost_sends: PostgresLostSends
) -> None:
    cart, _ = await portal.paid("titas")
    portal.billers["titas"].deeds.append(LOSES_ANSWER)
    await portal.worked(cart)
    await lose(portal, lost_sends, f"cart:{cart.cart_id.hex}:1:2")
    for _ in range(2):
        await portal.worker_round()
    assert (await bill_of(portal, cart)).end is BillEnd.PAID
    portal.billers["titas"].book.popitem()


async def test_the_database_refuses_a_lost_payment_beside_one_that_counts(portal: Portal) -> None:
    """Twin of the states in which a bill waits: whoever writes the row, one of the two counts already."""
    portal.billers["titas"].deeds.append(LOSES_ANSWER)
    cart, _ = await portal.paid("titas")
    other, _ = await portal.paid("wasa")
    await portal.worked(cart)
    paid = (await portal.worked(other)).bills[0]
    further = f"cart:{cart.cart_id.hex}:1:2"
    await portal.books.tell(RENAME, paid.payment_id, further)
    with pytest.raises(asyncpg.CheckViolationError, match="follows one that was never sent"):
        await portal.books.tell(FURTHER, cart.cart_id, 2, further)
    await portal.books.tell(RENAME, paid.payment_id, paid.reference)


async def test_of_two_lost_payments_the_one_that_is_posted_is_booked(
    portal: Portal, lost_sends: PostgresLostSends
) -> None:
    cart = await restored(portal)
    earlier, later = (f"cart:{cart.cart_id.hex}:1:{nth}" for nth in (3, 4))
    doubtful = await lose(portal, lost_sends, earlier, is_posted=False)
    posted = await lose(portal, lost_sends, later)
    await lost_sends.record(posted, LostFinding(LostState.POSTED, "it is there"))
    await book_lost_sends(lost_sends, portal.world)
    by_id = {lost.lost_id: lost for lost in await lost_sends.all()}
    assert by_id[posted].booked_at is not None
    assert by_id[doubtful].booking_refusal.startswith("another payment of its bill may count")
    assert await lost_sends.cart_bill_state(earlier) is CartBillState.TAKEN


async def test_what_other_carts_wait_with_is_not_taken_for_a_cart_that_is_lost(
    portal: Portal, lost_sends: PostgresLostSends
) -> None:
    portal.billers["titas"].deeds.append(LOSES_ANSWER)
    cart, _ = await portal.paid("titas", "wasa")
    await portal.worked(cart)
    for reference in (f"cart:{uuid4().hex}:1", f"cart:{uuid4().hex}:1:2"):
        lost_id = await lose(portal, lost_sends, reference)
        await lost_sends.record(lost_id, LostFinding(LostState.POSTED, "it is there"))
    await book_lost_sends(lost_sends, portal.world)
    refusals = {lost.booking_refusal for lost in await lost_sends.all()}
    assert refusals == {"its cart is lost too: see docs/operations/lost-sends.md"}
    assert len(await portal.books.rows(STATES)) == 2


async def test_a_payment_of_a_bill_that_has_ended_or_is_not_funded_is_not_booked(
    portal: Portal, lost_sends: PostgresLostSends
) -> None:
    cart, _ = await portal.ordered("titas")
    reference = f"cart:{cart.cart_id.hex}:1"
    assert await lost_sends.cart_bill_state(reference) is CartBillState.NOT_FUNDED
    paid, _ = await portal.paid("wasa")
    reference = f"cart:{paid.cart_id.hex}:1"
    await portal.carts.fund(await portal.seen(paid))
    assert await lost_sends.cart_bill_state(reference) is CartBillState.OPEN
    await portal.worked(paid)
    assert await lost_sends.cart_bill_state(f"{reference}:2") is CartBillState.ENDED
