"""Filling a cart: fetch a bill, put it in; nothing is promised to anybody before the cart is ordered."""

from collections.abc import Mapping
from datetime import datetime

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.carts.bill_cart import PORTAL, CartBill, CartRefusal, PaidUp, StoredCart
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.bills.fetch_bill import (
    PARTNER_INSTRUMENT,
    FetchOrder,
    ParameterFault,
    fields_by_wire_name,
    quote_for,
)
from ekpay_switch.flows.collections.collect import shown_bill
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.carts import CartPorts
from ekpay_switch.security.identifiers import unguessable, uuid7

ACTIVE = "active"


async def find_cart(reference: str, office: CartPorts) -> StoredCart | None:
    """The cart of this reference, or None."""
    return await office.carts.by_reference(reference)


async def add_bill(
    cart_reference: str, biller_id: str, fields: Mapping[str, str], office: CartPorts
) -> StoredCart | CartRefusal | Refusal | ParameterFault:
    """Fetch a bill by the manifest's parameters and put it into the cart, or into a new one.

    A cart that is unknown or ordered is left alone: the bill begins a new one, whose reference is in the
    answer. A bill that is in the cart already is there once, as it was fetched now.
    """
    biller = office.world.billers.by_id(biller_id)
    if biller is None or biller.profile.status != ACTIVE:
        return Refusal.UNKNOWN_BILLER
    quote = await quote_bill(biller, fields, office)
    if not isinstance(quote, Quote):
        return quote
    if quote.bill.is_paid or quote.sums.total.minor <= 0:
        return CartRefusal.ALREADY_PAID
    cart = await _open_cart(cart_reference, office)
    filled = await office.carts.put_bill(
        cart.cart_id, cart_bill(quote, fields, office.world.clock.now()), office.terms.bills_max
    )
    return CartRefusal.TOO_MANY_BILLS if filled is None else filled


async def remove_bill(cart: StoredCart, seq: int, office: CartPorts) -> StoredCart:
    """Take a bill out of the cart; an ordered cart stays as it is."""
    return await office.carts.remove_bill(cart.cart_id, seq) or cart


async def refill_cart(cart_reference: str, unpaid: StoredCart, office: CartPorts) -> StoredCart | CartRefusal:
    """Put the bills of a cart that was never paid into the cart of this reference, or into a new one.

    The cart that was ordered stays as it is. Quotes that are old by now are renewed with the order.
    """
    if unpaid.paid_up is not PaidUp.NEVER_PAID:
        return CartRefusal.NOT_OVER
    cart = await _open_cart(cart_reference, office)
    for stored in unpaid.bills:
        filled = await office.carts.put_bill(cart.cart_id, stored.bill, office.terms.bills_max)
        if filled is None:
            return CartRefusal.TOO_MANY_BILLS
        cart = filled
    return cart


async def quote_bill(
    biller: BillerAdapter, fields: Mapping[str, str], office: CartPorts
) -> Quote | Refusal | ParameterFault:
    """A stored quote to the portal, payable from its prefund; `fields` are by the manifest's names."""
    wire_fields = fields_by_wire_name(biller, fields)
    if wire_fields is None:
        return ParameterFault("", "is no parameter of this biller")
    fetch = FetchOrder(PORTAL, f"cart-fetch:{uuid7().hex}", biller.profile.ekpay_id, wire_fields)
    quote = await quote_for(fetch, PARTNER_INSTRUMENT, office.world)
    if isinstance(quote, Quote):
        await office.world.payments.save_quote(quote)
    return quote


def is_same_bill(quote: Quote, bill: CartBill) -> bool:
    """Whether a quote is of this bill: an account may stand for its next one by now.

    Where a biller takes any number of payments, there is no other bill.
    """
    return quote.bill.bill_key in {"", bill.bill_key}


def cart_bill(quote: Quote, fields: Mapping[str, str], now: datetime) -> CartBill:
    """A bill that was fetched now, as a cart keeps it."""
    return CartBill(
        biller_id=quote.biller_id,
        bucket=quote.bucket,
        fields=dict(fields),
        bill=shown_bill(quote),
        bill_key=quote.bill_key,
        amount=quote.sums.total,
        quote_id=quote.quote_id,
        quote_expires_at=quote.expires_at,
        fetched_at=now,
    )


async def _open_cart(reference: str, office: CartPorts) -> StoredCart:
    standing = await office.carts.by_reference(reference) if reference else None
    if standing is None or standing.is_ordered:
        return await office.carts.open(uuid7(), unguessable())
    return standing
