"""Paying the bills of a cart whose payment is completed, and giving back what no biller took.

The worker calls it again until every bill has ended and every refund is recorded. Each step is durable before
the next: the money is in the prefund before a bill is paid, each bill has one payment under a reference made
with the cart, and a refund is planned, with its amount, before it is requested.

A bill whose biller cannot be reached goes back, unless the biller pardons that it is paid later: then it is
paid in stand-in (docs/adr/0129), under a further reference for each further try.
"""

import hashlib
from datetime import timedelta

from ekpay_switch import telemetry
from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.carts.bill_cart import PORTAL, BillInCart, CartBill, PaidUp, StoredCart
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.carts.fill_cart import is_same_bill, quote_bill
from ekpay_switch.flows.payments.pay_bill import PartnerPayOrder, pay_bill
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.carts import CartPorts
from ekpay_switch.ports.connectors import BY_HAND, RefundRules
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.security.identifiers import uuid7

NO_QUOTE = "-"  # no quote has this id: a claim on it burns its reference


async def pay_cart(cart: StoredCart, office: CartPorts) -> None:
    """Go on with an ordered cart as far as it can go now; a repeat goes on from there."""
    if await office.carts.fund(cart) is not PaidUp.FUNDED:
        return
    for stored in cart.open_bills:
        if stored.state is None:
            await _pay_bill(cart, stored, office)
        stand_in = await stand_in_of(stored.bill.biller_id, office)
        end = await office.carts.end_bill(cart, stored, stand_in)
        telemetry.log("cart_bill", reference=stored.reference, outcome=end)
    await _give_back(cart, office)


async def stand_in_of(biller_id: str, office: CartPorts) -> timedelta:
    """How long after its cart was funded a bill may be paid; nothing where it goes back instead.

    It goes back where the biller does not pardon that, or where two persons have turned stand-in off.
    """
    biller = office.world.billers.by_id(biller_id)
    if biller is None or not biller.profile.stand_in_seconds:
        return timedelta()
    is_stopped = await office.stand_in_stops.is_stopped(biller_id)
    return timedelta(seconds=0.0 if is_stopped else biller.profile.stand_in_seconds)


async def _pay_bill(cart: StoredCart, stored: BillInCart, office: CartPorts) -> None:
    """Claim the payment of a bill and deliver it; a bill that can no longer be quoted burns its reference.

    Only a stored, refused payment lets its money move back, since it cannot be claimed later.
    """
    world = office.world
    biller = world.billers.by_id(stored.bill.biller_id)
    merchant = await world.merchants.by_partner(PORTAL)
    if biller is None or merchant is None:
        # Without a manifest no payment can be recorded: the alarm of a stuck cart calls for a person.
        telemetry.log_warning("cart_bill_without_biller", reference=stored.reference)
        return
    quote_id = await _quote_id(cart, stored, biller, office)
    if quote_id is None:
        return
    order = PartnerPayOrder(
        partner_id=PORTAL,
        lane=merchant.lane,
        reference=stored.reference,
        fingerprint=hashlib.sha256(f"cart-bill-1\x1f{stored.reference}".encode()).digest(),
        quote_id=quote_id,
        ekpay_biller_id=biller.profile.ekpay_id,
        paid=stored.bill.amount,
        stated_total=None,
        stated_fee=None,
        answer_before=world.clock.monotonic(),
    )
    await pay_bill(order, world)


async def _quote_id(
    cart: StoredCart, stored: BillInCart, biller: BillerAdapter, office: CartPorts
) -> str | None:
    """The quote that the bill is paid by now, `NO_QUOTE` where it never will be, None to try again later.

    In stand-in the biller is always asked: it says without a payment that it is back, and whether the bill
    has been paid elsewhere meanwhile.
    """
    if stored.bill.is_quoted(cart.read_at) and stored.stand_in_until is None:
        return stored.bill.quote_id
    quote = await quote_bill(biller, stored.bill.fields, office)
    if isinstance(quote, Quote) and _is_unchanged(quote, stored.bill):
        return quote.quote_id
    is_temporary = quote is Refusal.BILLER_UNAVAILABLE and not _is_given_up(cart, stored, office)
    outcome = "asked_again" if is_temporary else "given_up"
    telemetry.log_warning("cart_bill_not_quoted", reference=stored.reference, outcome=outcome)
    return None if is_temporary else NO_QUOTE


def _is_unchanged(quote: Quote, paid: CartBill) -> bool:
    """Whether a quote is of the bill that was paid for, as it was paid for."""
    return is_same_bill(quote, paid) and quote.sums.total == paid.amount and not quote.bill.is_paid


def _is_given_up(cart: StoredCart, stored: BillInCart, office: CartPorts) -> bool:
    """Whether the cart was paid so long ago that nobody waits for a silent biller any more."""
    if stored.stand_in_until is not None:
        return cart.read_at >= stored.stand_in_until
    paid_at = cart.payment.updated_at if cart.payment is not None else cart.created_at
    return cart.read_at - paid_at > timedelta(seconds=office.terms.patience_seconds)


async def _give_back(cart: StoredCart, office: CartPorts) -> None:
    """Request the refunds that are planned, and the one that is due now."""
    world = office.world
    payment = await world.merchant_payments.by_id(cart.payment.payment_id) if cart.payment else None
    if payment is None:
        return
    rules = _refund_rules(payment, office)
    for refund in await office.carts.plan_refund(cart.cart_id, rules.parts_max):
        new = NewRefund(
            refund_id=uuid7(),
            payment_id=payment.payment_id,
            partner_id=PORTAL,
            reference=refund.reference,
            fingerprint=hashlib.sha256(f"cart-refund-1\x1f{refund.reference}".encode()).digest(),
            amount=refund.amount,
            reason="a bill of the cart was not paid",
            requested_by=f"api:{PORTAL}",
            needs_approval=False,
        )
        # What comes too late for the connector is refunded by hand.
        answer = await world.refunds.request(new, rules.parts_max, BY_HAND.days_max)
        if isinstance(answer, RefundRefusal):
            # The money stays owed to the portal's payers until people have refunded it otherwise.
            telemetry.log_warning("cart_refund_refused", reference=refund.reference, reason=answer)


def _refund_rules(payment: MerchantPayment, office: CartPorts) -> RefundRules:
    """What the connector that has the money allows; by hand where it gives nothing back, or is gone."""
    collected_by = payment.funding.connector_id if payment.funding is not None else ""
    connector = office.world.connectors.by_id(collected_by)
    rules = None if connector is None else connector.profile.refunds
    return BY_HAND if rules is None else rules
