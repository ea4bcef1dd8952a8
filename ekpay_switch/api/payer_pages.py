"""The page that a payer's browser returns to: inquire, redirect it, or say that we do not know yet.

What the browser brings, in a query or in the form that some providers let it post, proves nothing. The page
refreshes at its own address without the query that the wallet added, so that an open page repeats no message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.api.page_parts import (
    REFRESH_SECONDS,
    OnwardLink,
    Page,
    redirect,
    render_page,
)
from ekpay_switch.api.v1.answers import payment_name
from ekpay_switch.domain.payment import State
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks, StillRunningError
from ekpay_switch.edge_kit.bilingual_text import Text, in_bangla, taka_text
from ekpay_switch.edge_kit.login_watch import LoginWatch, address_of
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.edge_kit.return_urls import with_payment_id
from ekpay_switch.flows.collections.open_page import RETURN_PATH
from ekpay_switch.flows.collections.payer_returned import find_page, payer_returned
from ekpay_switch.flows.merchants.open_merchant_payment import CHECKOUT_PATH
from ekpay_switch.ports.collections import ReturnPage
from ekpay_switch.ports.world import World

ROUTE, REGISTERED_ROUTE = "pay-return", "pay-return-registered"
LOOK_SECONDS = 20.0
# No provider sends as much; longer ones are not kept.
QUERY_BYTES_MAX = 4_096
FORM_BYTES_MAX = 16 * 1024
_KIND_LENGTH_MAX = 200
_REFERENCE = re.compile(r"[A-Z0-9]{20,32}", re.ASCII)

_CHECKING = Text("আমরা আপনার পেমেন্ট যাচাই করছি", "We are checking your payment")
_DO_NOT_PAY_AGAIN = Text("দয়া করে আবার টাকা দেবেন না।", "Do not pay again.")
_REFRESHES_ITSELF = Text(
    f"এই পাতা {in_bangla(REFRESH_SECONDS)} সেকেন্ড পর পর নিজে থেকে হালনাগাদ হয়। আপনাকে কিছু করতে হবে না।",
    f"This page updates by itself every {REFRESH_SECONDS} seconds. You need not do anything.",
)
_MONEY_NOT_KNOWN = Text(
    "আপনার টাকা এসেছে কি না, এখনও নিশ্চিত নয়।",
    "We do not know yet whether your money has reached us.",
)
_BILL_NOT_KNOWN = Text(
    "আপনার টাকা আমরা পেয়েছি। বিলটি পরিশোধ হয়েছে কি না, এখনও নিশ্চিত নয়।",
    "Your money has reached us. We do not know yet whether the bill is paid.",
)
_END_NOT_KNOWN = Text(
    "এই পেমেন্টে একটি গরমিল আছে, আমাদের কর্মীরা দেখছেন। ফল কী হবে, এখনও নিশ্চিত নয়।",
    "Something about this payment does not match, and our staff is looking into it. "
    "We do not know yet how it will end.",
)
_LOOK_THERE = Text(
    "যেখান থেকে শুরু করেছিলেন সেখানে ফিরে গিয়ে পেমেন্টের অবস্থা দেখুন।",
    "Go back to where you started, and look at your payment there.",
)
_NO_PAYMENT = Page(404, Text("পাতাটি পাওয়া যায়নি", "There is no payment at this address"), [_LOOK_THERE])
_CANNOT_LOOK = Text("এখন পেমেন্টের তথ্য দেখানো যাচ্ছে না", "We cannot show the payment at the moment")
_UNKNOWN = Text("পেমেন্টটি হয়েছে কি না, এখনও নিশ্চিত নয়।", "We do not know yet what became of your payment.")


@dataclass(frozen=True, slots=True)
class PayerPages:
    """What the page needs; `visits` limits how often one page may be called.

    `arrivals` limits how many browsers one provider sends to its registered address. `tasks` keeps the
    inquiries of browsers that were closed.
    """

    world: World
    visits: RateLimit
    arrivals: RateLimit
    logins: LoginWatch
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)
    look_seconds: float = LOOK_SECONDS


def mount(app: FastAPI, pages: PayerPages) -> None:
    """Add the page, and the address that some providers send every browser to."""

    async def page(request: Request) -> Response:
        answer = await _answer_visit(request, pages)
        telemetry.HTTP_REQUESTS.labels(ROUTE, answer.status_code).inc()
        return answer

    async def registered(request: Request) -> Response:
        answer = await _redirect_to_page(request, pages)
        telemetry.HTTP_REQUESTS.labels(REGISTERED_ROUTE, answer.status_code).inc()
        return answer

    app.add_route(f"{RETURN_PATH}/{{reference}}", page, methods=["GET", "POST"])
    app.add_route(f"{RETURN_PATH}/at/{{connector_id}}", registered, methods=["GET", "POST"])


async def _redirect_to_page(request: Request, pages: PayerPages) -> Response:
    """Redirect to the page of the payment that the provider's reference names; it is unguessable too."""
    connector = pages.world.connectors.by_id(request.path_params["connector_id"])
    if connector is None or not connector.profile.registers_return:
        return render_page(_NO_PAYMENT)
    if not pages.arrivals.allows(connector.profile.id):
        return render_page(_unavailable_without_page(429))
    try:
        headers, content = await _read_browser_message(request)
        reference = await find_page(connector, headers, content, pages.world)
    except Exception as error:  # noqa: BLE001 - a payer whose money may be under way is owed a page
        telemetry.count_error("registered_return_broke_off", error=error)
        return render_page(_unavailable_without_page(503))
    return render_page(_NO_PAYMENT) if reference is None else redirect(f"{RETURN_PATH}/{reference}")


async def _answer_visit(request: Request, pages: PayerPages) -> Response:
    reference = request.path_params["reference"]
    if not _REFERENCE.fullmatch(reference):
        return render_page(_NO_PAYMENT)
    if not pages.visits.allows(reference):
        return render_page(_unavailable_page(429, reference))
    try:
        headers, content = await _read_browser_message(request)
        returning = await _resolve_within(reference, headers, content, pages)
    except Exception as error:  # noqa: BLE001 - a payer whose money may be under way is owed a page
        telemetry.count_error("payer_page_broke_off", error=error)
        return render_page(_unavailable_page(503, reference))
    if returning is None:
        await pages.logins.note(address_of(request), "unknown_page")
        return render_page(_NO_PAYMENT)
    return _answer_for(reference, returning)


def _answer_for(reference: str, returning: ReturnPage) -> Response:
    """Redirect to the client once the payment has ended, else show what we know.

    A merchant's payer is always redirected to our own checkout, which shows the result and leads on.
    """
    if returning.checkout_reference:
        return redirect(f"{CHECKOUT_PATH}/{returning.checkout_reference}")
    name = payment_name(returning.payment_id)
    url = with_payment_id(returning.return_url, name)
    not_known = _unknown_part(returning.state)
    if not_known is None:
        return redirect(url)
    lines = [_total(returning), not_known, _DO_NOT_PAY_AGAIN, _REFRESHES_ITSELF]
    way_on = OnwardLink(url, returning.client_name)
    return render_page(Page(200, _CHECKING, lines, name, reference, way_on))


async def _read_browser_message(request: Request) -> tuple[Mapping[str, str], bytes]:
    """The query or form of the request, with the headers to read it by; empty where it is too long."""
    if request.method == "GET":
        query = request.scope["query_string"]
        return {}, query if len(query) <= QUERY_BYTES_MAX else b""
    form = await request.body()
    kind = request.headers.get("content-type", "")[:_KIND_LENGTH_MAX]
    return {"content-type": kind}, form if len(form) <= FORM_BYTES_MAX else b""


async def _resolve_within(
    reference: str, headers: Mapping[str, str], content: bytes, pages: PayerPages
) -> ReturnPage | None:
    """The payment after an inquiry, or as it is now where the inquiry is slow and goes on by itself."""
    work = payer_returned(reference, headers, content, pages.world)
    try:
        return await pages.tasks.run_within(work, pages.look_seconds)
    except StillRunningError:
        return await pages.world.collections.return_page(reference)


def _unknown_part(state: State) -> Text | None:
    """What is not known yet.

    None where the payment has ended, or its try came to nothing: the client may offer another one.
    """
    match state:
        case State.COLLECTING:
            return _MONEY_NOT_KNOWN
        case State.FUNDED | State.DELIVERING:
            return _BILL_NOT_KNOWN
        case State.IN_REVIEW:
            return _END_NOT_KNOWN
        case State.CREATED | State.COMPLETED | State.DECLINED | State.EXPIRED:
            return None
        case State.REFUNDING | State.REFUNDED:
            return None
        case _:
            assert_never(state)


def _total(returning: ReturnPage) -> Text:
    amount = taka_text(returning.total.minor)
    return Text(f"মোট: {amount.bangla}", f"Total: {amount.english}")


def _unavailable_page(status: int, reference: str) -> Page:
    lines = [_UNKNOWN, _DO_NOT_PAY_AGAIN, _REFRESHES_ITSELF]
    return Page(status, _CANNOT_LOOK, lines, refresh_url=reference)


def _unavailable_without_page(status: int) -> Page:
    """For a browser whose page we could not find out; a form that it posted is not repeated."""
    return Page(status, _CANNOT_LOOK, [_UNKNOWN, _DO_NOT_PAY_AGAIN, _LOOK_THERE])
