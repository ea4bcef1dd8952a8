"""`/cart`: the bills of this browser's cart, one sum, and one button that leads to the checkout."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from starlette.responses import Response

from ekpay_switch.domain.carts.bill_cart import CartRefusal, StoredCart
from ekpay_switch.domain.citizens.text_messages import masked_number
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.edge_kit.background_tasks import StillRunningError
from ekpay_switch.flows.carts.fill_cart import find_cart, remove_bill
from ekpay_switch.flows.carts.order_cart import order_cart
from ekpay_switch.flows.carts.pay_cart import stand_in_of
from ekpay_switch.ports.carts import CartPorts
from ekpay_switch.ports.citizens import CartContact, CitizenPorts
from ekpay_switch.web.checkout.tiles import brand_of
from ekpay_switch.web.portal.cart_bills import shown_bill
from ekpay_switch.web.portal.session_cookie import signed_in
from ekpay_switch.web.portal.typed_numbers import NOTHING_TYPED, TypedContact, typed_contact
from ekpay_switch.web.portal.visits import LANGUAGE_BUTTON, PortalVisit

_STATUS_OF = {CartRefusal.UNAVAILABLE: 503, CartRefusal.CLOSED: 503}
# What is said where a cart was not ordered; the others cannot come of a cart that has bills.
_PROBLEMS = {
    CartRefusal.AMOUNT_CHANGED: "amount_changed",
    CartRefusal.BILL_GONE: "bill_gone",
    CartRefusal.UNAVAILABLE: "unavailable",
    CartRefusal.CLOSED: "closed",
}
_SEQ_DIGITS_MAX = 6
_HOUR = timedelta(hours=1)


async def show_cart(visit: PortalVisit) -> Response:
    """The cart; one that is at the checkout already is shown as it stands there."""
    cart = await _cart(visit)
    if cart is not None and cart.payment is not None:
        return visit.redirect(f"/cart/{cart.reference}")
    return await _cart_page(visit, cart)


async def drop_bill(visit: PortalVisit) -> Response:
    """Take a bill out of the cart; one that is gone already is gone."""
    sent = await visit.own_fields()
    if sent is None:
        return visit.notice("foreign", 403, link="/cart")
    cart, seq = await _cart(visit), sent.get("seq", "")
    if cart is not None and seq.isascii() and seq.isdigit() and len(seq) <= _SEQ_DIGITS_MAX:
        await remove_bill(cart, int(seq), visit.portal.office)
    return visit.redirect("/cart")


async def begin_payment(visit: PortalVisit) -> Response:
    """Order the cart as it was shown, and lead to its checkout."""
    sent = await visit.own_fields()
    if sent is None:
        return visit.notice("foreign", 403, link="/cart")
    cart = await _cart(visit)
    if cart is None or not cart.bills:
        return visit.redirect("/cart")
    contact = typed_contact(sent)
    if LANGUAGE_BUTTON in sent:
        # The same page in other words, as the answer to it, so that nothing typed stands in an address.
        return await _cart_page(visit, cart, contact=replace(contact, fault=""))
    # Where another tab has changed the cart, nothing is paid that was not seen.
    is_seen = sent.get("total") == str(cart.amount.minor)
    if not is_seen or contact.fault:
        return await _cart_page(visit, cart, None if is_seen else CartRefusal.AMOUNT_CHANGED, contact)
    return await _order(visit, cart, contact)


async def _order(visit: PortalVisit, cart: StoredCart, contact: TypedContact) -> Response:
    portal, language = visit.portal, PayerLanguage(visit.words.language)
    if portal.citizens is not None:
        # Kept before the cart is ordered: from then on nothing about it changes.
        await keep_payer(visit, cart, contact.number, portal.citizens)
    work = order_cart(cart, language, portal.office)
    try:
        answer = await portal.tasks.run_within(work, portal.answer_seconds)
    except StillRunningError:
        answer = CartRefusal.UNAVAILABLE
    if isinstance(answer, CartRefusal):
        return await _cart_page(visit, await _cart(visit), answer, contact)
    return visit.redirect(answer)


async def keep_payer(visit: PortalVisit, cart: StoredCart, number: str, citizens: CitizenPorts) -> None:
    """Whom to write to about the cart, and whose it is, as far as anybody has said so."""
    who = await signed_in(visit, citizens)
    if who is not None:
        await citizens.accounts.claim_cart(who.citizen_id, cart.cart_id)
    known = number or (who.number if who is not None else "")
    if known:
        contact = CartContact(known, PayerLanguage(visit.words.language))
        await citizens.contacts.keep(cart.cart_id, contact)


async def _cart(visit: PortalVisit) -> StoredCart | None:
    return await find_cart(visit.cart, visit.portal.office) if visit.cart else None


async def _cart_page(
    visit: PortalVisit,
    cart: StoredCart | None,
    problem: CartRefusal | None = None,
    contact: TypedContact = NOTHING_TYPED,
) -> Response:
    citizens = visit.portal.citizens
    who = await signed_in(visit, citizens) if citizens is not None else None
    values: dict[str, object] = {
        "cart": cart,
        "own_number": masked_number(who.number) if who is not None else "",
        "bills": [] if cart is None else bill_values(visit, cart),
        "stand_in": {} if cart is None else await stand_in_hours(cart, visit.portal.office),
        "now": None if cart is None else cart.read_at,
        "problem": _PROBLEMS.get(problem, "other") if problem is not None else "",
        "contact": contact,
    }
    status = 422 if contact.fault else 200
    status = status if problem is None else _STATUS_OF.get(problem, 409)
    if cart is None or not cart.bills:
        return visit.page("no_bills.html", values, status)
    return visit.form_page("cart.html", values, status)


async def stand_in_hours(cart: StoredCart, office: CartPorts) -> Mapping[str, int]:
    """In how many hours a bill of these billers is paid at the latest, should its biller not be reached."""
    billers = {stored.bill.biller_id for stored in cart.bills}
    allowed = {biller_id: await stand_in_of(biller_id, office) for biller_id in sorted(billers)}
    return {biller_id: math.ceil(after / _HOUR) for biller_id, after in allowed.items() if after}


def bill_values(visit: PortalVisit, cart: StoredCart) -> list[Mapping[str, object]]:
    """Each bill of the cart with its biller, which is None where its manifest is gone."""
    billers = visit.portal.office.world.billers
    shown: list[Mapping[str, object]] = []
    for stored in cart.bills:
        biller = billers.by_id(stored.bill.biller_id)
        profile = biller.profile if biller is not None else None
        shown.append(
            {
                "stored": stored,
                "profile": profile,
                "brand": brand_of(profile) if profile is not None else None,
                "stop": visit.stop_of(profile),
                "bill": shown_bill(stored.bill, profile, cart.read_at),
            }
        )
    return shown
