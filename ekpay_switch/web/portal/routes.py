"""The addresses of the portal: `/`, `/bills/<biller>`, `/notice`, `/cart`, `/track`, `/account`.

GET changes nothing; every change is a form of this browser, answered with a redirect, so that a reload
repeats nothing. No page needs a script.
"""

from collections.abc import Awaitable, Callable
from itertools import chain

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.domain.parties.addresses import caller_of
from ekpay_switch.domain.scrolls.bill_notices import NOTICE_PATH
from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.flows.carts.order_cart import CART_PATH
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.portal import account_pages as accounts
from ekpay_switch.web.portal import complaint_pages as complaints
from ekpay_switch.web.portal import reminder_pages as reminders
from ekpay_switch.web.portal import saved_pages as saved
from ekpay_switch.web.portal import standing_pages as standing
from ekpay_switch.web.portal.about_pages import show_accessibility, show_privacy
from ekpay_switch.web.portal.bill_pages import send_form, show_form
from ekpay_switch.web.portal.cart_pages import begin_payment, drop_bill, show_cart
from ekpay_switch.web.portal.costs_page import show_costs
from ekpay_switch.web.portal.history.history_page import send_history, send_paper, show_history
from ekpay_switch.web.portal.home_page import show_home
from ekpay_switch.web.portal.notice_pages import open_notice, show_notice
from ekpay_switch.web.portal.result_page import repeat_bills, show_result
from ekpay_switch.web.portal.track_pages import send_code, send_tracking, show_code, show_tracking
from ekpay_switch.web.portal.visits import Portal, PortalVisit, visit_of
from ekpay_switch.web.wording import Language, read_texts

ROUTE = "portal"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_CATEGORY = "category."

VisitHandler = Callable[[PortalVisit], Awaitable[Response]]
AddRoute = Callable[[str, list[str], VisitHandler], None]


def mount(app: FastAPI, portal: Portal) -> None:
    """Add the pages of the portal; the files that they refer to come with the checkout."""
    add = route_adder(app, portal)
    add("/", ["GET"], show_home)
    add("/notice", ["GET"], show_notice)
    add(f"{NOTICE_PATH}/{{code}}", ["GET"], open_notice)
    add("/bills/{biller_id}", ["GET"], show_form)
    add("/bills/{biller_id}", ["POST"], send_form)
    add("/bills/{rest:path}", METHODS, show_nowhere)
    add(CART_PATH, ["GET"], show_cart)
    add(f"{CART_PATH}/pay", ["POST"], begin_payment)
    add(f"{CART_PATH}/remove", ["POST"], drop_bill)
    # Where a form was answered with a page of its own, a reload of that address comes by GET.
    add(f"{CART_PATH}/pay", ["GET"], show_cart)
    add(f"{CART_PATH}/{{reference}}", ["GET"], show_result)
    add(f"{CART_PATH}/{{reference}}/again", ["POST"], repeat_bills)
    add(f"{CART_PATH}/{{reference}}/complain", ["GET"], complaints.show_form)
    add(f"{CART_PATH}/{{reference}}/complain", ["POST"], complaints.send_form)
    add(f"{CART_PATH}/{{reference}}/complaints", ["GET"], complaints.show_complaints)
    add(f"{CART_PATH}/{{reference}}/complaints", ["POST"], complaints.write_again)
    add(f"{CART_PATH}/{{rest:path}}", METHODS, show_nowhere)
    add("/costs", ["GET"], show_costs)
    add("/privacy", ["GET"], show_privacy)
    add("/accessibility", ["GET"], show_accessibility)
    add("/track", ["GET"], with_citizens(show_tracking))
    add("/track", ["POST"], with_citizens(send_tracking))
    add("/track/code", ["GET"], with_citizens(show_code))
    add("/track/code", ["POST"], with_citizens(send_code))
    add("/track/{rest:path}", METHODS, show_nowhere)
    _add_account(add)


def route_adder(app: FastAPI, portal: Portal) -> AddRoute:
    """What adds a page of the portal to an application, with the limits that every page has."""

    def add(path: str, methods: list[str], answering: VisitHandler) -> None:
        async def endpoint(request: Request) -> Response:
            answer = await _answer_request(visit_of(request, portal), answering)
            telemetry.HTTP_REQUESTS.labels(ROUTE, answer.status_code).inc()
            return answer

        app.add_route(path, endpoint, methods=methods)

    return add


def _add_account(add: AddRoute) -> None:
    add("/account", ["GET"], with_citizens(accounts.show_account))
    add("/account", ["POST"], with_citizens(accounts.SIGN_IN.send_number))
    add("/account/code", ["GET"], with_citizens(accounts.SIGN_IN.show_code))
    add("/account/code", ["POST"], with_citizens(accounts.SIGN_IN.send_code))
    add("/account/out", ["POST"], with_citizens(accounts.account_form(accounts.sign_out)))
    add("/account/sessions", ["POST"], with_citizens(accounts.account_form(accounts.end_sessions)))
    add("/account/close", ["GET"], with_citizens(accounts.show_closing))
    add("/account/close", ["POST"], with_citizens(accounts.account_form(accounts.close_account)))
    add("/account/history", ["GET"], with_citizens(show_history))
    add("/account/history.csv", ["GET"], with_citizens(send_history))
    add("/account/history.pdf", ["GET"], with_citizens(send_paper))
    add("/account/save/{reference}/{seq}", ["GET"], with_citizens(saved.show_saving))
    add("/account/save/{reference}/{seq}", ["POST"], with_citizens(accounts.account_form(saved.save)))
    add("/account/saved", ["POST"], with_citizens(accounts.account_form(saved.remove)))
    add("/account/reminders", ["POST"], with_citizens(accounts.account_form(reminders.switch)))
    add("/account/reminders.ics", ["GET"], with_citizens(reminders.send_calendar))
    add(standing.ORDER, ["POST"], with_citizens(accounts.account_form(standing.change_order)))
    add(f"{standing.ORDER}/{{saved}}", ["GET"], with_citizens(standing.show_order))
    add(f"{standing.ORDER}/{{saved}}", ["POST"], with_citizens(accounts.account_form(standing.set_order)))
    add("/account/pay", ["POST"], with_citizens(accounts.account_form(standing.pay)))
    add("/account/{rest:path}", METHODS, show_nowhere)


def category_names() -> dict[str, str]:
    """What our pages call each category, in both languages together, for the search."""
    pairs = chain.from_iterable(read_texts(language).items() for language in Language)
    names: dict[str, str] = {}
    for key, text in pairs:
        if key.startswith(_CATEGORY):
            category = key.removeprefix(_CATEGORY)
            names[category] = f"{names.get(category, '')} {text}"
    return names


async def _answer_request(visit: PortalVisit, answering: VisitHandler) -> Response:
    portal, address = visit.portal, address_of(visit.request)
    is_form = visit.request.method == "POST"
    if not portal.visitors.allows(address):
        return visit.notice("busy", 429, link=visit.request.url.path)
    try:
        if is_form and not await portal.senders.allows(caller_of(address)):
            return visit.notice("busy", 429, link=visit.request.url.path)
        return await answering(visit)
    except Exception as error:  # noqa: BLE001 - a payer is owed a page
        telemetry.count_error("portal_broke_off", error=error)
        return visit.notice("away", 503, link=visit.request.url.path)


def with_citizens(answering: Callable[[PortalVisit, CitizenPorts], Awaitable[Response]]) -> VisitHandler:
    """The handler, for installations that can send text messages; in any other its page is not there."""

    async def answer(visit: PortalVisit) -> Response:
        citizens = visit.portal.citizens
        return await (show_nowhere(visit) if citizens is None else answering(visit, citizens))

    return answer


async def show_nowhere(visit: PortalVisit) -> Response:
    """There is no page at this address, or none that can be called in this way."""
    about, status = ("unknown", 404) if visit.request.method == "GET" else ("method", 405)
    return visit.notice(about, status)
