"""Ordering a cart: its bills are asked for again where their quotes are old, then it is paid at the checkout.

The cart is frozen before its payment is opened, and the payment bears the cart's reference, so that a repeat
finds the same payment: whoever presses twice, or comes back after a crash, pays once.
"""

import hashlib
from collections.abc import Mapping

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.carts.bill_cart import PORTAL, BillInCart, CartBill, CartRefusal, StoredCart
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.merchants.cart import Cart, CartLine
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.carts.fill_cart import cart_bill, is_same_bill, quote_bill
from ekpay_switch.flows.merchants.open_merchant_payment import (
    CHECKOUT_PATH,
    MerchantOrder,
    OpenedOrder,
    open_merchant_payment,
)
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.carts import CartPorts
from ekpay_switch.ports.merchants import OrderText

CART_PATH = "/cart"
NO_IPN = "0"


async def order_cart(cart: StoredCart, language: PayerLanguage, office: CartPorts) -> str | CartRefusal:
    """The path of the checkout that the cart is paid at, or why it was not ordered.

    An amount that has changed since it was shown is never ordered unseen.
    """
    if not cart.bills:
        return CartRefusal.EMPTY
    merchant = await office.world.merchants.by_partner(PORTAL)
    if merchant is None or not merchant.is_active:
        return CartRefusal.CLOSED
    refusal = None if cart.is_ordered else await _renew_quotes(cart, office)
    if refusal is not None:
        return refusal
    ordered = await office.carts.order(cart.cart_id)
    opened = await open_merchant_payment(merchant, merchant_order(ordered, language, office), office.world)
    if isinstance(opened, OpenedOrder):
        return f"{CHECKOUT_PATH}/{opened.payment.checkout_reference}"
    return CartRefusal.CLOSED


def merchant_order(cart: StoredCart, language: PayerLanguage, office: CartPorts) -> MerchantOrder:
    """The order that the portal places for a cart, under the cart's own id and leading back to the cart."""
    back = f"{office.world.public_url}{CART_PATH}/{cart.reference}"
    lines = tuple(_cart_line(stored, language, office) for stored in cart.bills)
    text = OrderText(
        trnx_id=cart.cart_id.hex,
        order={
            "trnx_currency": cart.amount.currency,
            "ord_id": cart.cart_id.hex[-8:],
            "lang": language.value,
        },
        s_uri=back,
        f_uri=back,
        c_uri=back,
        ipn_channel=NO_IPN,
        ipn_email="",
        ipn_uri="",
        cart=Cart(lines),
    )
    # The language is the page's, not the order's: the same cart is the same order in either.
    fingerprint = hashlib.sha256(f"cart-1\x1f{cart.cart_id.hex}\x1f{cart.amount.minor}".encode()).digest()
    return MerchantOrder(text=text, amount=cart.amount, fingerprint=fingerprint)


def _cart_line(stored: BillInCart, language: PayerLanguage, office: CartPorts) -> CartLine:
    biller = office.world.billers.by_id(stored.bill.biller_id)
    names = ("", "") if biller is None else (biller.profile.name_bn, biller.profile.name_en)
    name = names[language is PayerLanguage.ENGLISH] or stored.bill.biller_id
    number = _number_of(stored.bill.bill)
    return CartLine(f"{name} · {number}" if number else name, "1", stored.bill.amount, stored.bill.biller_id)


def _number_of(bill: Mapping[str, object]) -> str:
    return str(bill.get("number") or bill.get("account") or "")


async def _renew_quotes(cart: StoredCart, office: CartPorts) -> CartRefusal | None:
    """Ask again for every bill whose quote ends soon; the first reason not to order the cart as it was shown.

    What has changed is changed in the cart too, so that the payer sees it there.
    """
    refusals: list[CartRefusal] = []
    for stored in cart.bills:
        if not stored.bill.is_quoted(cart.read_at):
            refusal = await _renew_quote(cart, stored, office)
            refusals += [] if refusal is None else [refusal]
    return refusals[0] if refusals else None


async def _renew_quote(cart: StoredCart, stored: BillInCart, office: CartPorts) -> CartRefusal | None:
    biller = office.world.billers.by_id(stored.bill.biller_id)
    quote = Refusal.UNKNOWN_BILLER if biller is None else await _quote_again(biller, stored, office)
    if isinstance(quote, Quote) and _is_still_due(quote, stored.bill):
        renewed = cart_bill(quote, stored.bill.fields, office.world.clock.now())
        if await office.carts.replace_bill(cart.cart_id, stored.seq, renewed) is not None:
            return None if renewed.amount == stored.bill.amount else CartRefusal.AMOUNT_CHANGED
    elif quote is Refusal.BILLER_UNAVAILABLE:
        return CartRefusal.UNAVAILABLE
    await office.carts.remove_bill(cart.cart_id, stored.seq)
    return CartRefusal.BILL_GONE


def _is_still_due(quote: Quote, bill: CartBill) -> bool:
    """Whether the bill that its payer has seen is still to be paid; its amount may be another."""
    return is_same_bill(quote, bill) and not quote.bill.is_paid and quote.sums.total.minor > 0


async def _quote_again(biller: BillerAdapter, stored: BillInCart, office: CartPorts) -> Quote | Refusal:
    quote = await quote_bill(biller, stored.bill.fields, office)
    return quote if isinstance(quote, Quote | Refusal) else Refusal.MALFORMED
