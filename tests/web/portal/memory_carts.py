"""Carts in memory, as the pages of the portal need them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from ekpay_switch.domain.carts.bill_cart import (
    BillEnd,
    CartBill,
    CartRefund,
    PaidUp,
    StoredBill,
    StoredCart,
    bill_reference,
)
from ekpay_switch.ports.world import Clock


@dataclass
class MemoryCarts:
    """The port `Carts`; what only the worker does is done by tests, which put carts as they want them."""

    clock: Clock
    carts: dict[str, StoredCart] = field(default_factory=dict)
    fails_with: Exception | None = None

    async def by_reference(self, reference: str) -> StoredCart | None:
        if self.fails_with is not None:
            raise self.fails_with
        found = self.carts.get(reference)
        return None if found is None else replace(found, read_at=self.clock.now())

    async def open(self, cart_id: UUID, reference: str) -> StoredCart:
        now = self.clock.now()
        return self._put(StoredCart(cart_id, reference, now, now))

    async def put_bill(self, cart_id: UUID, bill: CartBill, bills_max: int) -> StoredCart | None:
        cart = self._by_id(cart_id)
        names = [(one.bill.biller_id, one.bill.bill_key) for one in cart.bills]
        name = (bill.biller_id, bill.bill_key)
        if name in names:
            return await self.replace_bill(cart_id, cart.bills[names.index(name)].seq, bill)
        if cart.is_ordered or len(cart.bills) >= bills_max:
            return None
        seq = max((one.seq for one in cart.bills), default=0) + 1
        stored = StoredBill(seq, bill_reference(cart_id, seq), bill)
        return self._put(replace(cart, bills=(*cart.bills, stored)))

    async def replace_bill(self, cart_id: UUID, seq: int, bill: CartBill) -> StoredCart | None:
        cart = self._by_id(cart_id)
        bills = tuple(replace(one, bill=bill) if one.seq == seq else one for one in cart.bills)
        return None if cart.is_ordered else self._put(replace(cart, bills=bills))

    async def remove_bill(self, cart_id: UUID, seq: int) -> StoredCart | None:
        cart = self._by_id(cart_id)
        bills = tuple(one for one in cart.bills if one.seq != seq)
        return None if cart.is_ordered else self._put(replace(cart, bills=bills))

    async def order(self, cart_id: UUID) -> StoredCart:
        return self._put(replace(self._by_id(cart_id), is_ordered=True))

    async def fund(self, cart: StoredCart) -> PaidUp:
        raise NotImplementedError

    async def end_bill(self, cart: StoredCart, stored: StoredBill) -> BillEnd | None:
        raise NotImplementedError

    async def plan_refund(self, cart_id: UUID, parts_max: int) -> Sequence[CartRefund]:
        raise NotImplementedError

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[StoredCart]:
        raise NotImplementedError

    def _by_id(self, cart_id: UUID) -> StoredCart:
        return next(one for one in self.carts.values() if one.cart_id == cart_id)

    def _put(self, cart: StoredCart) -> StoredCart:
        self.carts[cart.reference] = cart
        return cart
