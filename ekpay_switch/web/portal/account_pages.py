"""`/account`: signing in by a code, payments, the browsers that are signed in, and the way out.

Whatever number is typed, a code is sent and the next page is the same (T35). A right code begins a session
under a new secret, whatever the browser had before (T42); closing the account asks for a code of the last ten
minutes (T44).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.responses import Response

from ekpay_switch.domain.carts.bill_cart import StoredCart
from ekpay_switch.domain.citizens.accounts import SignedIn, device_name
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.citizens.text_messages import masked_number
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.flows.citizens.sign_in import SignInRequest, SignInTry, request_sign_in, sign_in
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.portal.cart_outcomes import cart_outcome
from ekpay_switch.web.portal.cart_pages import bill_values
from ekpay_switch.web.portal.code_forms import CodeForm
from ekpay_switch.web.portal.saved_bills import offered_saved_bills, read_id, savable_bills, shown_saved
from ekpay_switch.web.portal.session_cookie import forget_session, remember_session, session_secret, signed_in
from ekpay_switch.web.portal.typed_numbers import MISSING, WRONG, TypedContact, typed_contact
from ekpay_switch.web.portal.visits import LANGUAGE_BUTTON, PortalVisit

_ACCOUNT, _CLOSE = "/account", "/account/close"
CODE = CodeForm("sign_in_code", "ekpay-sign-in", "/account/code", _ACCOUNT)
CARTS_MAX = 50
_OTHERS = "others"

AccountHandler = Callable[[PortalVisit, CitizenPorts, SignedIn, Mapping[str, str]], Awaitable[Response]]


async def show_account(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """The account, or the form by which somebody signs in."""
    who = await signed_in(visit, citizens)
    if who is None:
        return _sign_in_page(visit, TypedContact())
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


async def send_number(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """Have a code sent to the number that was typed, and ask for it."""
    sent = await visit.own_fields()
    if sent is None:
        return visit.notice("foreign", 403, link=_ACCOUNT)
    typed = typed_contact(sent)
    if LANGUAGE_BUTTON in sent:
        return _sign_in_page(visit, TypedContact(typed.typed))
    if not typed.number:
        fault = WRONG if typed.typed else MISSING
        return _sign_in_page(visit, TypedContact(typed.typed, fault=fault), 422)
    return await _request_code(visit, citizens, typed.number)


async def show_code(visit: PortalVisit, _: CitizenPorts) -> Response:
    """The form that asks for the code."""
    return CODE.show(visit)


async def send_code(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """Sign in by a right code; a wrong one may be corrected a few times."""
    typed = await CODE.read(visit)
    if isinstance(typed, Response):
        return typed
    code_id, code = typed
    device = device_name(visit.request.headers.get("user-agent", ""))
    secret = session_secret(visit.request, is_https=visit.portal.pages.is_https)
    tried = SignInTry(code_id, code, PayerLanguage(visit.words.language), device, secret)
    answer = await sign_in(tried, citizens)
    if not answer.secret:
        return await CODE.refusal(visit, answer.check)
    redirect = visit.redirect(_ACCOUNT)
    remember_session(redirect, answer.secret, is_https=visit.portal.pages.is_https)
    CODE.forget(redirect, visit)
    return redirect


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
        return await _request_code(visit, citizens, who.number)
    await citizens.accounts.close(who.citizen_id)
    return _signed_out_page(visit)


async def _request_code(visit: PortalVisit, citizens: CitizenPorts, number: str) -> Response:
    request = SignInRequest(
        number=number,
        address=address_of(visit.request),
        language=PayerLanguage(visit.words.language),
        replaces=CODE.code_id(visit),
    )
    code_id = await request_sign_in(request, citizens)
    if code_id is None:
        return visit.notice("codes_busy", 429, link=_ACCOUNT)
    answer = visit.redirect(CODE.path)
    CODE.remember(answer, code_id, visit)
    return answer


def _signed_out_page(visit: PortalVisit) -> Response:
    """The way to the first page, for a browser that is signed in no more."""
    answer = visit.redirect("/")
    forget_session(answer, is_https=visit.portal.pages.is_https)
    return answer


def _sign_in_page(visit: PortalVisit, typed: TypedContact, status: int = 200) -> Response:
    return visit.form_page("sign_in.html", {"contact": typed}, status)


def _shown_cart(visit: PortalVisit, cart: StoredCart, saved: Sequence[SavedBill]) -> Mapping[str, object]:
    """A line of what was paid: its bills, and how it stands as far as a line can say."""
    return {
        "cart": cart,
        "bills": bill_values(visit, cart),
        "savable": savable_bills(visit, cart, saved),
        "outcome": cart_outcome(cart, ()).value,
        "total": cart.payment.sums.total if cart.payment is not None else cart.amount,
    }
