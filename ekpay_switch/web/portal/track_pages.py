"""`/track`: follow a payment by its number and a code to the mobile number of its payer (docs/adr/0123).

Whatever numbers are typed, the next page is the same and asks for a code: nobody learns from it whether a
payment or a mobile number is known (T35).
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.domain.citizens.one_time_codes import CodeVerdict, typed_code
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.flows.carts.order_cart import CART_PATH
from ekpay_switch.flows.citizens.track_cart import TrackingRequest, open_tracking, request_tracking
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.host_cookies import host_cookie, set_host_cookie
from ekpay_switch.web.portal.bill_pages import LANGUAGE_BUTTON
from ekpay_switch.web.portal.typed_numbers import MISSING, WRONG, TypedTracking, typed_tracking
from ekpay_switch.web.portal.visits import PortalVisit

COOKIE = "ekpay-code"
# Longer than a code lives, so that its page can say that it is too old.
_COOKIE_SECONDS = 900
_TRACK, _CODE = "/track", "/track/code"


async def show_tracking(visit: PortalVisit, _: CitizenPorts) -> Response:
    """The form that asks for the payment and the mobile number."""
    return _tracking_page(visit, TypedTracking())


async def send_tracking(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """Have a code sent where both numbers belong together; in either case ask for it."""
    sent = await visit.own_fields()
    if sent is None:
        return visit.notice("foreign", 403, link=_TRACK)
    form = typed_tracking(sent)
    if LANGUAGE_BUTTON in sent:
        return _tracking_page(visit, TypedTracking(form.typed))
    if form.faults:
        return _tracking_page(visit, form, 422)
    request = TrackingRequest(
        payment_number=form.payment_number,
        number=form.mobile,
        address=address_of(visit.request),
        language=PayerLanguage(visit.words.language),
        replaces=_code_id(visit),
    )
    code_id = await request_tracking(request, citizens)
    if code_id is None:
        return visit.notice("codes_busy", 429, link=_TRACK)
    answer = visit.redirect(_CODE)
    set_host_cookie(answer, COOKIE, code_id.hex, _COOKIE_SECONDS, is_https=visit.portal.pages.is_https)
    return answer


async def show_code(visit: PortalVisit, _: CitizenPorts) -> Response:
    """The form that asks for the code; whoever has requested none begins at the beginning."""
    return visit.redirect(_TRACK) if _code_id(visit) is None else _code_page(visit)


async def send_code(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """Open the payment's page by a right code; a wrong one may be corrected a few times."""
    sent = await visit.own_fields()
    if sent is None:
        return visit.notice("foreign", 403, link=_TRACK)
    code_id = _code_id(visit)
    if code_id is None:
        return visit.redirect(_TRACK)
    typed = sent.get("code", "").strip()
    code = typed_code(typed)
    if not code:
        return _code_page(visit, WRONG if typed else MISSING, status=422)
    return await _open(visit, code_id, code, citizens)


async def _open(visit: PortalVisit, code_id: UUID, code: str, citizens: CitizenPorts) -> Response:
    check = await open_tracking(code_id, code, citizens)
    if check.verdict is CodeVerdict.RIGHT:
        answer = visit.redirect(f"{CART_PATH}/{check.subject}")
        set_host_cookie(answer, COOKIE, "", 0, is_https=visit.portal.pages.is_https)
        return answer
    if not await visit.portal.logins.may_go_on(address_of(visit.request), "wrong_code"):
        return visit.notice("busy", 429, link=_CODE)
    if check.verdict is CodeVerdict.DEAD:
        return visit.notice("code_dead", 422, link=_TRACK)
    return _code_page(visit, "tries_left", check.tries_left, status=422)


def _tracking_page(visit: PortalVisit, form: TypedTracking, status: int = 200) -> Response:
    return visit.form_page("track.html", {"form": form, "has_cart": bool(visit.cart)}, status)


def _code_page(visit: PortalVisit, fault: str = "", tries_left: int = 0, *, status: int = 200) -> Response:
    values = {"fault": fault, "tries_left": tries_left, "inbox": visit.portal.inbox}
    return visit.form_page("track_code.html", values, status)


def _code_id(visit: PortalVisit) -> UUID | None:
    """The code that this browser requested; a cookie may hold anything."""
    try:
        return UUID(hex=_cookie(visit.request, is_https=visit.portal.pages.is_https))
    except ValueError:
        return None


def _cookie(request: Request, *, is_https: bool) -> str:
    return host_cookie(request, COOKIE, is_https=is_https)
