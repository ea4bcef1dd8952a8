"""`/track`: follow a payment by its number and a code to the mobile number of its payer (docs/adr/0123).

Whatever numbers are typed, the next page is the same and asks for a code: nobody learns from it whether a
payment or a mobile number is known (T35).
"""

from starlette.responses import Response

from ekpay_switch.domain.citizens.one_time_codes import CodeVerdict
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.flows.carts.order_cart import CART_PATH
from ekpay_switch.flows.citizens.track_cart import TrackingRequest, open_tracking, request_tracking
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.portal.code_forms import CodeForm
from ekpay_switch.web.portal.typed_numbers import TypedTracking, typed_tracking
from ekpay_switch.web.portal.visits import LANGUAGE_BUTTON, PortalVisit

_TRACK = "/track"
CODE = CodeForm("track_code", "ekpay-code", "/track/code", _TRACK)


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
        replaces=CODE.code_id(visit),
    )
    code_id = await request_tracking(request, citizens)
    if code_id is None:
        return visit.notice("codes_busy", 429, link=_TRACK)
    answer = visit.redirect(CODE.path)
    CODE.remember(answer, code_id, visit)
    return answer


async def show_code(visit: PortalVisit, _: CitizenPorts) -> Response:
    """The form that asks for the code."""
    return CODE.show(visit)


async def send_code(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """Open the payment's page by a right code; a wrong one may be corrected a few times."""
    typed = await CODE.read(visit)
    if isinstance(typed, Response):
        return typed
    code_id, code = typed
    check = await open_tracking(code_id, code, citizens)
    if check.verdict is not CodeVerdict.RIGHT:
        return await CODE.refusal(visit, check)
    answer = visit.redirect(f"{CART_PATH}/{check.subject}")
    CODE.forget(answer, visit)
    return answer


def _tracking_page(visit: PortalVisit, form: TypedTracking, status: int = 200) -> Response:
    return visit.form_page("track.html", {"form": form, "has_cart": bool(visit.cart)}, status)
