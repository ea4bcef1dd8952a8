"""What carts of bills need of the outside world, as protocols."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.carts.bill_cart import BillEnd, BillInCart, CartBill, CartRefund, PaidUp, StoredCart
from ekpay_switch.ports.world import World


@dataclass(frozen=True, slots=True)
class CartTerms:
    """What config/portal.toml says of carts.

    A bill whose biller cannot be asked is given up `patience_seconds` after its cart was paid. A cart that
    nobody orders is dropped after `keep_hours`.
    """

    bills_max: int
    patience_seconds: float
    keep_hours: float


class Carts(Protocol):
    """Stored carts; each call is one short transaction, durable on return.

    Raises, where it writes:
        OverloadedError: no connection became free; nothing was done.
        CommitUnknownError: the connection was lost during the commit; a repeat finds what was written.
    """

    async def by_reference(self, reference: str) -> StoredCart | None:
        """The cart, or None."""
        ...

    async def by_ids(self, cart_ids: Sequence[UUID]) -> Sequence[StoredCart]:
        """These carts, the oldest first; one that is not there is left out."""
        ...

    async def open(self, cart_id: UUID, reference: str) -> StoredCart:
        """A new, empty cart."""
        ...

    async def put_bill(self, cart_id: UUID, bill: CartBill, bills_max: int) -> StoredCart | None:
        """Put a bill into a cart, in the place of one with the same biller and bill key.

        None where the cart is ordered, or would have more bills than that: nothing was written.
        """
        ...

    async def replace_bill(self, cart_id: UUID, seq: int, bill: CartBill) -> StoredCart | None:
        """Put a bill in the place of its older quote.

        None where the cart is ordered, or the bill is gone from it or has become one that is in the cart
        already, as an account stands for its oldest unpaid bill: nothing was written.
        """
        ...

    async def remove_bill(self, cart_id: UUID, seq: int) -> StoredCart | None:
        """Take a bill out of a cart; None where the cart is ordered. A bill that is gone already is gone."""
        ...

    async def order(self, cart_id: UUID) -> StoredCart:
        """Freeze the bills of a cart; a repeat changes nothing."""
        ...

    async def fund(self, cart: StoredCart) -> PaidUp:
        """Move what its payment credited to the prefund, once, if it is completed; what became of it."""
        ...

    async def end_bill(
        self, cart: StoredCart, stored: BillInCart, stand_in: timedelta = timedelta()
    ) -> BillEnd | None:
        """Record how a bill of a funded cart ended, by its newest payment under lock; None while it is open.

        What was not paid moves back out of the prefund, once. Where its biller was never reached, the bill
        gets a reference for a further payment instead, as long as it may be paid in stand-in
        (`stand_in_deadline`): under the lock, so that never two payments of a bill may come to something.
        """
        ...

    async def plan_refund(self, cart_id: UUID, parts_max: int) -> Sequence[CartRefund]:
        """Plan the refund that is due (`cart_refunds.plan_refund`); all planned ones that are not recorded.

        With none left and every bill ended, the worker is done with the cart.
        """
        ...

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[StoredCart]:
        """Lease carts whose payment is over and that have open work; older ones are due less often."""
        ...


class StandInStops(Protocol):
    """The billers for which two persons have turned stand-in off."""

    async def is_stopped(self, biller_id: str) -> bool:
        """Whether no further bill of this biller may be paid in stand-in."""
        ...


@dataclass(frozen=True, slots=True)
class CartPorts:
    """Everything that the flows of carts use."""

    world: World
    carts: Carts
    stand_in_stops: StandInStops
    terms: CartTerms
