"""`/account/standing`: standing orders of saved bills, and paying what one prepared (ADR 0133)."""

from collections.abc import Mapping

from starlette.responses import Response

from ekpay_switch.domain.carts.bill_cart import CartRefusal, StoredCart
from ekpay_switch.domain.citizens.accounts import SignedIn
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import format_taka
from ekpay_switch.edge_kit.background_tasks import StillRunningError
from ekpay_switch.flows.carts.order_cart import order_cart
from ekpay_switch.flows.citizens.pay_prepared import PreparedRefusal, prepared_cart
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.portal.cart_pages import keep_payer
from ekpay_switch.web.portal.costs_page import read_amount
from ekpay_switch.web.portal.saved_bills import (
    SAVED,
    is_offered_reminder,
    offered_saved_bills,
    read_id,
    shown_saved,
)
from ekpay_switch.web.portal.session_cookie import signed_in
from ekpay_switch.web.portal.visits import LANGUAGE_BUTTON, PortalVisit

ORDER = "/account/standing"
PAUSE, GO_ON, END = "pause", "go_on", "end"
_ACCOUNT, _AMOUNT = "/account", "amount"


async def show_order(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """What a standing order does, with the sum up to which bills are prepared."""
    who = await signed_in(visit, citizens)
    saved = None if who is None else await _saved(visit, citizens, who, visit.request.path_params["saved"])
    if who is None or saved is None:
        return visit.redirect(_ACCOUNT)
    reminder = (await citizens.reminders.of_citizen(who.citizen_id)).get(saved.saved_id)
    order = None if reminder is None else reminder.order
    return _order_page(visit, saved, "" if order is None else format_taka(order.cap.minor))


async def set_order(
    visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, sent: Mapping[str, str]
) -> Response:
    """Set the sum of a standing order, or show the form again with what is wrong."""
    saved = await _saved(visit, citizens, who, visit.request.path_params["saved"])
    if saved is None:
        return visit.redirect(_ACCOUNT)
    typed = sent.get("cap", "")
    if LANGUAGE_BUTTON in sent:
        return _order_page(visit, saved, typed)
    cap = read_amount(typed)
    if cap is None:
        return _order_page(visit, saved, typed, _AMOUNT)
    await citizens.reminders.set_order(who.citizen_id, saved.saved_id, cap)
    return visit.redirect(_ACCOUNT)


async def change_order(
    visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, sent: Mapping[str, str]
) -> Response:
    """Pause a standing order, go on with it, or end it; pressed twice it stays as it is."""
    for name in (PAUSE, GO_ON):
        if (saved_id := read_id(sent.get(name, ""))) is not None:
            await citizens.reminders.pause_order(who.citizen_id, saved_id, is_paused=name == PAUSE)
    if (saved_id := read_id(sent.get(END, ""))) is not None:
        await citizens.reminders.end_order(who.citizen_id, saved_id)
    return visit.redirect(_ACCOUNT)


async def pay(visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, sent: Mapping[str, str]) -> Response:
    """Lead to the checkout of what a standing order prepared; its payer confirms it there."""
    saved = await _saved(visit, citizens, who, sent.get("saved", ""))
    if saved is None:
        return visit.redirect(_ACCOUNT)
    reminder = (await citizens.reminders.of_citizen(who.citizen_id)).get(saved.saved_id)
    portal, language = visit.portal, PayerLanguage(visit.words.language)
    try:
        work = prepared_cart(saved, reminder, portal.office)
        cart = await portal.tasks.run_within(work, portal.answer_seconds)
        if isinstance(cart, StoredCart):
            # Kept before the cart is ordered: from then on nothing about it changes.
            await keep_payer(visit, cart, "", citizens)
            ordering = order_cart(cart, language, portal.office)
            path = await portal.tasks.run_within(ordering, portal.answer_seconds)
        else:
            path = cart
    except StillRunningError:
        path = PreparedRefusal.UNAVAILABLE
    if isinstance(path, PreparedRefusal | CartRefusal):
        return _refusal(visit, saved, path)
    await citizens.reminders.begin_payment(who.citizen_id, saved.saved_id)
    return visit.redirect(path)


def _refusal(visit: PortalVisit, saved: SavedBill, why: PreparedRefusal | CartRefusal) -> Response:
    if why is PreparedRefusal.ABOVE_CAP:
        form = f"/bills/{saved.biller_id}"
        return visit.notice("prepared_above_cap", 409, link=form, **{SAVED: saved.saved_id.hex})
    if why in {PreparedRefusal.GONE, PreparedRefusal.PAUSED}:
        return visit.notice(f"prepared_{why.value}", 409, link=_ACCOUNT)
    return visit.notice("prepared_unavailable", 503, link=_ACCOUNT)


async def _saved(visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, typed: str) -> SavedBill | None:
    """The citizen's saved bill of this id, where its bills can be looked up while nobody waits."""
    saved_id = read_id(typed)
    saved = await offered_saved_bills(visit, citizens, who)
    found = next((bill for bill in saved if bill.saved_id == saved_id), None)
    return found if found is not None and is_offered_reminder(visit, found) else None


def _order_page(visit: PortalVisit, saved: SavedBill, typed: str, fault: str = "") -> Response:
    values = {"item": shown_saved(visit, saved), "typed": typed, "fault": fault}
    return visit.form_page("standing_order.html", values, 422 if fault else 200)
