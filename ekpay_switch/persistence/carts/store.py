"""The port `Carts` over PostgreSQL: carts and their bills, the money set aside for them, and their refunds.

The order of locks is that of the group commit, with the merchant's row last (`share_postings`). Whoever moves
the money of carts locks the portal's lane first, so carts are funded and ended in turn.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from ekpay_switch.domain.carts.bill_cart import (
    PORTAL,
    BillEnd,
    BillInCart,
    CartBill,
    CartRefund,
    PaidUp,
    StoredCart,
    bill_end_of,
    bill_reference,
    paid_up,
    portal_payable,
    portal_prefunds,
    stand_in_deadline,
    without_refund,
)
from ekpay_switch.domain.carts.cart_refunds import plan_refund
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import cart_funded_entry, prefund_account
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.carts import rows
from ekpay_switch.persistence.collections.share_postings import move_owed, read_shares
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.lock_and_read import LOCK_ACCOUNTS
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.merchants.directory import can_be_stored
from ekpay_switch.persistence.payment_rows import lock_books, lock_payment
from ekpay_switch.persistence.sends.lost_cart_bills import IS_LOST
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.security.identifiers import uuid7

READ_LANE = "SELECT lane FROM partners WHERE id = $1"

EndedCart = Callable[[Connection, StoredCart], Awaitable[None]]
"""What is written when the last bill of a cart ends, in the same transaction."""


class PostgresCarts:
    """Carts in PostgreSQL. Every call is one transaction and none is open during a wire call."""

    def __init__(self, transactions: ShortTransactions, on_ended_cart: EndedCart | None = None) -> None:
        self._transactions = transactions
        self._on_ended_cart = on_ended_cart

    async def by_reference(self, reference: str) -> StoredCart | None:
        """See `ports.carts.Carts`."""
        if not can_be_stored(reference):
            return None
        return await self._transactions.run(
            partial(rows.read_cart, query=rows.READ_BY_REFERENCE, key=reference)
        )

    async def by_ids(self, cart_ids: Sequence[UUID]) -> Sequence[StoredCart]:
        """See `ports.carts.Carts`."""
        return await self._transactions.run(partial(rows.read_carts, cart_ids=list(cart_ids)))

    async def open_carts(self, count_max: int) -> Sequence[StoredCart]:
        """The paid carts that are not over, the oldest first, for the staff."""

        async def _read(connection: Connection) -> list[StoredCart]:
            open_rows = await connection.fetch(rows.READ_OPEN, count_max)
            return await rows.read_carts(connection, [row["cart_id"] for row in open_rows])

        return await self._transactions.run(_read)

    async def open(self, cart_id: UUID, reference: str) -> StoredCart:
        """See `ports.carts.Carts`."""

        async def _open(connection: Connection) -> StoredCart:
            await connection.execute(rows.NEW_CART, cart_id, reference)
            return await _cart(connection, cart_id)

        return await self._transactions.run(_open)

    async def put_bill(self, cart_id: UUID, bill: CartBill, bills_max: int) -> StoredCart | None:
        """See `ports.carts.Carts`."""
        return await self._transactions.run(
            partial(_put_bill, cart_id=cart_id, bill=bill, bills_max=bills_max)
        )

    async def replace_bill(self, cart_id: UUID, seq: int, bill: CartBill) -> StoredCart | None:
        """See `ports.carts.Carts`."""

        async def _replace(connection: Connection) -> StoredCart | None:
            is_ordered = await connection.fetchval(rows.LOCK_CART, cart_id)
            others = [stored for stored in (await _cart(connection, cart_id)).bills if stored.seq != seq]
            if is_ordered or any(_names(stored.bill) == _names(bill) for stored in others):
                return None
            done = await connection.execute(rows.REPLACE_BILL, cart_id, seq, *rows.bill_columns(bill))
            return await _cart(connection, cart_id) if done == "UPDATE 1" else None

        return await self._transactions.run(_replace)

    async def remove_bill(self, cart_id: UUID, seq: int) -> StoredCart | None:
        """See `ports.carts.Carts`."""

        async def _remove(connection: Connection) -> StoredCart | None:
            if await connection.fetchval(rows.LOCK_CART, cart_id):
                return None
            await connection.execute(rows.REMOVE_BILL, cart_id, seq)
            return await _cart(connection, cart_id)

        return await self._transactions.run(_remove)

    async def order(self, cart_id: UUID) -> StoredCart:
        """See `ports.carts.Carts`."""

        async def _order(connection: Connection) -> StoredCart:
            await connection.execute(rows.ORDER, cart_id)
            return await _cart(connection, cart_id)

        return await self._transactions.run(_order)

    async def fund(self, cart: StoredCart) -> PaidUp:
        """See `ports.carts.Carts`."""
        if cart.is_funded or cart.payment is None:
            return cart.paid_up
        return await self._transactions.run(partial(_fund, cart=cart), [portal_payable()])

    async def end_bill(
        self, cart: StoredCart, stored: BillInCart, stand_in: timedelta = timedelta()
    ) -> BillEnd | None:
        """See `ports.carts.Carts`."""
        entry_id = uuid7()

        async def _end(connection: Connection) -> BillEnd | None:
            end = await _end_bill(connection, cart, stored, entry_id, stand_in)
            if end is not None and self._on_ended_cart is not None:
                now = await _cart(connection, cart.cart_id)
                if not now.open_bills:
                    await self._on_ended_cart(connection, now)
            return end

        return await self._transactions.run(_end, [portal_payable()])

    async def plan_refund(self, cart_id: UUID, parts_max: int) -> Sequence[CartRefund]:
        """See `ports.carts.Carts`."""
        return await self._transactions.run(partial(_plan_refund, cart_id=cart_id, parts_max=parts_max))

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[StoredCart]:
        """See `ports.carts.Carts`. Rows that somebody holds are skipped, not waited for."""

        async def _lease(connection: Connection) -> list[StoredCart]:
            leased = await connection.fetch(rows.LEASE_DUE, limit, timedelta(seconds=lease_seconds))
            return await rows.read_carts(connection, [row["cart_id"] for row in leased])

        return await self._transactions.run(_lease) if limit > 0 else []


async def drop_old_carts(transactions: ShortTransactions, keep_hours: float) -> None:
    """Drop the carts that nobody ordered for so long, with their bills."""
    await transactions.run(partial(rows.drop_old_carts, keep=timedelta(hours=keep_hours)))


async def _cart(connection: Connection, cart_id: UUID) -> StoredCart:
    (cart,) = await rows.read_carts(connection, [cart_id])
    return cart


async def _put_bill(
    connection: Connection, cart_id: UUID, bill: CartBill, bills_max: int
) -> StoredCart | None:
    is_ordered = await connection.fetchval(rows.LOCK_CART, cart_id)
    if is_ordered is None or is_ordered:
        return None
    cart = await _cart(connection, cart_id)
    same = (stored for stored in cart.bills if _names(stored.bill) == _names(bill))
    standing = next(same, None)
    if standing is not None:
        await connection.execute(rows.REPLACE_BILL, cart_id, standing.seq, *rows.bill_columns(bill))
    elif len(cart.bills) >= bills_max:
        return None
    else:
        seq = max((stored.seq for stored in cart.bills), default=0) + 1
        await connection.execute(
            rows.NEW_BILL, cart_id, seq, bill_reference(cart_id, seq), *rows.bill_columns(bill)
        )
    return await _cart(connection, cart_id)


def _names(bill: CartBill) -> tuple[str, str]:
    return bill.biller_id, bill.bill_key


async def _fund(connection: Connection, cart: StoredCart) -> PaidUp:
    """Move the money of a completed payment to the prefunds; what people have refunded of stays with them."""
    lane = await _lock_money(connection)
    assert cart.payment is not None, "the caller looked"
    payment_id = cart.payment.payment_id
    payment = await lock_payment(connection, payment_id)
    assert payment is not None, "a cart's payment stands"
    if await connection.fetchval(rows.IS_FUNDED, cart.cart_id):
        return PaidUp.FUNDED
    if State(payment["state"]) is not State.COMPLETED:
        return paid_up((await _cart(connection, cart.cart_id)).payment)
    refunded = total(share.refunded for share in await read_shares(connection, payment_id))
    if refunded.minor:
        # People have begun to give it back: no bill is paid, and once all is back nothing is left to do.
        if refunded == cart.amount:
            await connection.execute(rows.END_WORK, cart.cart_id)
        return PaidUp.IN_REVIEW
    entry = cart_funded_entry(portal_payable(), _by_prefund(cart.bills))
    await connection.execute(rows.NEW_FUNDING, cart.cart_id, payment_id)
    await write_batch(connection, [PostEntry(cart.cart_id, lane, entry)])
    await move_owed(connection, PORTAL, -cart.amount.minor)
    return PaidUp.FUNDED


async def _end_bill(
    connection: Connection, cart: StoredCart, stored: BillInCart, entry_id: UUID, stand_in: timedelta
) -> BillEnd | None:
    """End a bill as its newest payment did, once; what its biller did not take moves back, or waits."""
    lane = await _lock_money(connection)
    recorded_end = await connection.fetchval(rows.READ_END, cart.cart_id, stored.seq)
    if recorded_end is not None:
        return BillEnd(recorded_end)
    # Looked for before its newest payment: once such a payment is booked, it is the newest.
    is_lost = await connection.fetchval(IS_LOST, bill_reference(cart.cart_id, stored.seq))
    newest = await connection.fetchrow(rows.READ_TRY, cart.cart_id, stored.seq)
    payment = await connection.fetchrow(rows.LOCK_BILL_PAYMENT, newest["reference"])
    end = bill_end_of(None if payment is None else State(payment["state"]))
    is_back = end is BillEnd.GIVEN_BACK
    if end is None or (is_back and is_lost):
        return None
    if is_back and payment["is_unsent"]:
        until = stand_in_deadline(newest["until"], newest["funded_at"], stand_in, newest["now"])
        if until is not None:
            nth = newest["nth"] + 1
            reference = bill_reference(cart.cart_id, stored.seq, nth)
            await connection.execute(rows.NEW_TRY, cart.cart_id, stored.seq, nth, reference, until)
            return None
    await connection.execute(rows.NEW_END, cart.cart_id, stored.seq, end, entry_id if is_back else None)
    if is_back:
        await write_batch(connection, [PostEntry(entry_id, lane, _moved_back_entry(stored))])
        await move_owed(connection, PORTAL, stored.bill.amount.minor)
    return end


async def _plan_refund(connection: Connection, cart_id: UUID, parts_max: int) -> list[CartRefund]:
    await connection.fetchval(rows.LOCK_CART, cart_id)
    cart = await _cart(connection, cart_id)
    assert cart.payment is not None, "it was funded"
    new = plan_refund(cart, cart.payment.sums, parts_max)
    if new is not None:
        nth = len(cart.refunds) + 1
        await connection.execute(
            rows.NEW_REFUND, cart_id, nth, new.reference, list(new.seqs), new.amount.minor
        )
    due = [refund for refund in (*cart.refunds, *filter(None, [new])) if refund.state is None]
    if not due and not cart.open_bills and not without_refund(cart.bills, cart.refunds):
        await connection.execute(rows.END_WORK, cart_id)
    return due


async def _lock_money(connection: Connection) -> int:
    """Lock the books of the portal and both its prefunds; its lane."""
    lane: int = await connection.fetchval(READ_LANE, PORTAL)
    await lock_books(connection, lane)
    await connection.fetch(LOCK_ACCOUNTS, sorted(portal_prefunds()))
    return lane


def _by_prefund(bills: Sequence[BillInCart]) -> Mapping[str, Money]:
    buckets = {stored.bill.bucket for stored in bills}
    return {
        prefund_account(PORTAL, bucket): total(
            stored.bill.amount for stored in bills if stored.bill.bucket == bucket
        )
        for bucket in buckets
    }


def _moved_back_entry(stored: BillInCart) -> Entry:
    return cart_funded_entry(portal_payable(), _by_prefund([stored])).reversal()
