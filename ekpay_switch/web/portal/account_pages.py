"""`/account`: signing in by a code, payments, the browsers that are signed in, and the way out.

Closing the account asks for a code of the last ten minutes (T44).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.responses import Response

from ekpay_switch.domain.carts.bill_cart import StoredCart
from ekpay_switch.domain.citizens.accounts import SignedIn
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.citizens.text_messages import masked_number
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.portal.cart_outcomes import cart_outcome
from ekpay_switch.web.portal.cart_pages import bill_values
from ekpay_switch.web.portal.code_forms import CodeForm
from ekpay_switch.web.portal.saved_bills import offered_saved_bills, read_id, savable_bills, shown_saved
from ekpay_switch.web.portal.session_cookie import forget_session, signed_in
from ekpay_switch.web.portal.sign_in_pages import SignInPages
from ekpay_switch.web.portal.typed_numbers import NOTHING_TYPED
from ekpay_switch.web.portal.visits import PortalVisit

_ACCOUNT, _CLOSE = "/account", "/account/close"
SIGN_IN = SignInPages(_ACCOUNT, CodeForm("sign_in_code", "ekpay-sign-in", "/account/code", _ACCOUNT))
CARTS_MAX = 50
_OTHERS = "others"

AccountHandler = Callable[[PortalVisit, CitizenPorts, SignedIn, Mapping[str, str]], Awaitable[Response]]


async def show_account(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """The account, or the form by which somebody signs in."""
    who = await signed_in(visit, citizens)
    if who is None:
        return SIGN_IN.page(visit, NOTHING_TYPED)
    saved = await offered_saved_bills(visit, citizens, who)
    reminders = await citizens.reminders.of_citizen(who.citizen_id)
    cart_ids = await citizens.accounts.cart_ids(who.citizen_id, CARTS_MAX)
    carts = await visit.portal.office.carts.by_ids(cart_ids)
    values = {
        "number": masked_number(who.number),
        # A cart that the checkout refused is no payment.
        "carts": [_shown_cart(visit, cart, saved) for cart in reversed(carts) if cart.payment is not None],
        "saved": [shown_saved(visit, bill, reminders.get(bill.saved_id)) for bill in saved],
        "remind_days_before": citizens.remind_days_before,
        "has_due_dates": any(reminder.due_on is not None for reminder in reminders.values()),
        "sessions": await citizens.accounts.sessions(who.citizen_id),
        "session_id": who.session_id,
        "now": who.now,
    }
    return visit.form_page("account.html", values)


def account_form(handler: AccountHandler) -> Callable[[PortalVisit, CitizenPorts], Awaitable[Response]]:
    """A form of the account, for whoever is signed in; everybody else is led to the form that signs in."""

    async def answer(visit: PortalVisit, citizens: CitizenPorts) -> Response:
        sent = await visit.own_fields()
        if sent is None:
            return visit.notice("foreign", 403, link=_ACCOUNT)
        who = await signed_in(visit, citizens)
        return visit.redirect(_ACCOUNT) if who is None else await handler(visit, citizens, who, sent)

    return answer


async def sign_out(
    visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, _: Mapping[str, str]
) -> Response:
    """End the session of this browser."""
    await citizens.accounts.end_session(who.citizen_id, who.session_id)
    return _signed_out_page(visit)


async def end_sessions(
    visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, sent: Mapping[str, str]
) -> Response:
    """End one session, or all others; one that is gone already is gone."""
    chosen = sent.get("session", "")
    if chosen == _OTHERS:
        await citizens.accounts.end_other_sessions(who.citizen_id, who.session_id)
    elif (session_id := read_id(chosen)) is not None:
        await citizens.accounts.end_session(who.citizen_id, session_id)
    return visit.redirect(_ACCOUNT)


async def show_closing(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """What closing the account does, with the button that does it, or one that asks for a code first."""
    who = await signed_in(visit, citizens)
    if who is None:
        return visit.redirect(_ACCOUNT)
    return visit.form_page(
        "account_close.html", {"is_fresh": who.is_fresh, "number": masked_number(who.number)}
    )


async def close_account(
    visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, _: Mapping[str, str]
) -> Response:
    """Close the account and forget it; without a fresh code, send one first."""
    if not who.is_fresh:
        return await SIGN_IN.request_code(visit, citizens, who.number)
    await citizens.accounts.close(who.citizen_id)
    return _signed_out_page(visit)


def _signed_out_page(visit: PortalVisit) -> Response:
    """The way to the first page, for a browser that is signed in no more."""
    answer = visit.redirect("/")
    forget_session(answer, is_https=visit.portal.pages.is_https)
    return answer


def _shown_cart(visit: PortalVisit, cart: StoredCart, saved: Sequence[SavedBill]) -> Mapping[str, object]:
    """A line of what was paid: its bills, and how it stands as far as a line can say."""
    return {
        "cart": cart,
        "bills": bill_values(visit, cart),
        "savable": savable_bills(visit, cart, saved),
        "outcome": cart_outcome(cart, ()).value,
        "total": cart.payment.sums.total if cart.payment is not None else cart.amount,
    }
