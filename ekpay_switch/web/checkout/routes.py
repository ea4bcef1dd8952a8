"""The hosted checkout: `/pay/checkout/<reference>` and the addresses below it (docs/adr/0047).

The unguessable reference is the session: whoever has it may look and pay. GET changes nothing; every change
is a form of this very page, answered with a redirect, so that a reload repeats nothing. Work that was begun
goes on when its browser disconnects.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks, StillRunningError
from ekpay_switch.edge_kit.login_watch import LoginWatch, address_of
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.flows.merchants.checkout import (
    Choice,
    ChoiceRefusal,
    ChosenPage,
    another_try_from,
    cancel_by_payer,
    choose_instrument,
    inquire_now,
    next_try,
    open_try_of,
)
from ekpay_switch.flows.merchants.offers import instruments_of, offers
from ekpay_switch.flows.merchants.open_merchant_payment import CHECKOUT_PATH as PATH
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.ports.world import World
from ekpay_switch.security.form_tokens import FormTokens
from ekpay_switch.web import brand_marks, static_files
from ekpay_switch.web.brand_marks import BrandMark
from ekpay_switch.web.checkout import models
from ekpay_switch.web.checkout.evidence import allowed_sentences, evidence_of
from ekpay_switch.web.checkout.forms import choice_of, own_form
from ekpay_switch.web.checkout.last_instrument import last_instrument, remember_instrument
from ekpay_switch.web.checkout.page_addresses import PageAddresses
from ekpay_switch.web.checkout.payer_sums import payer_sum
from ekpay_switch.web.checkout.situations import WAITING, Situation, is_over, situation_of
from ekpay_switch.web.checkout.tiles import Popularity, places_of
from ekpay_switch.web.languages import is_language_in_address, set_order_language
from ekpay_switch.web.pages import Pages, Refresh
from ekpay_switch.web.qr_codes import qr_svg
from ekpay_switch.web.site import NO_SITE, Site

ROUTE = "checkout"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# A browser waits no longer; the work goes on and the page says so.
ANSWER_SECONDS = 20.0
# Short enough that going back from the provider's page leads to the choice, and not here again.
PROVIDER_REFRESH_SECONDS = 1
RETRY_SECONDS = 10
# The button that sends the form to be shown in the other language.
LANGUAGE_BUTTON, _TYPED_MAX = "language", 40
_REFERENCE_LENGTHS = range(20, 65)


@dataclass(frozen=True, slots=True)
class Checkout:
    """What the checkout needs; `visits` limits the calls of one page, `visitors` those of one address.

    `receipt_path` says where the receipt of a payment is, None where there are no receipts. `tasks` keeps the
    work of browsers that were closed. `marks` are shown in the place of tiles.
    """

    world: World
    tokens: FormTokens
    visits: RateLimit
    visitors: RateLimit
    logins: LoginWatch
    receipt_path: Callable[[UUID], str] | None = None
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)
    answer_seconds: float = ANSWER_SECONDS
    site: Site = NO_SITE
    marks: Mapping[str, BrandMark] = field(default_factory=dict)

    @property
    def mark_paths(self) -> dict[str, str]:
        """Where the marks are served, by the ids of their institutions and merchants."""
        return {name: mark.path for name, mark in self.marks.items()}


VisitHandler = Callable[["Visit"], Awaitable[Response]]


def mount(app: FastAPI, checkout: Checkout) -> None:
    """Add the checkout and the files that its pages refer to."""
    pages = Pages(checkout.world.public_url, checkout.site)
    static_files.mount(app, pages.headers)
    brand_marks.mount(app, checkout.marks, pages.headers)

    def add(below: str, method: str, answering: VisitHandler) -> None:
        async def endpoint(request: Request) -> Response:
            answer = await _answer_request(request, answering, checkout, pages)
            telemetry.HTTP_REQUESTS.labels(ROUTE, answer.status_code).inc()
            return answer

        app.add_route(f"{PATH}/{{reference}}{below}", endpoint, methods=[method])

    add("", "GET", _show_payment)
    add("/go", "GET", _go_to_provider)
    add("/cancel", "GET", _confirm_leaving)
    add("/qr.svg", "GET", _code_of_page)
    # Where a form was answered with a page of its own, a reload of that address comes by GET.
    add("/try", "GET", _to_payment)
    add("/look", "GET", _to_payment)
    add("/try", "POST", _choose)
    add("/look", "POST", _look_now)
    add("/cancel", "POST", _leave)

    async def nowhere(request: Request) -> Response:
        about, status = ("unknown", 404) if request.method == "GET" else ("method", 405)
        return _notice(request, pages, about, status)

    app.add_route(f"{PATH}/{{rest:path}}", nowhere, methods=METHODS)
    app.add_route(PATH, nowhere, methods=METHODS)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request about a payment that stands."""

    request: Request
    payment: MerchantPayment
    checkout: Checkout
    pages: Pages

    @property
    def at(self) -> PageAddresses:
        """The addresses of this payment's pages, in the language of this visit."""
        base = f"{PATH}/{self.payment.checkout_reference}"
        language = self.pages.wording(self.request).language
        return PageAddresses(base, language, is_language_in_address(self.request))

    @property
    def stays(self) -> bool:
        """Whether the payer has stopped the page from refreshing itself."""
        return self.request.query_params.get("stay") == "1"

    def page(self, page: models.Page, **more: object) -> Response:
        """The page with what every page of the payment has."""
        reference = self.payment.checkout_reference
        values = {
            "order": models.order_values(self.payment, self.checkout.mark_paths),
            "due": payer_sum(self.payment),
            "now": self.payment.read_at,
            "at": self.at,
            "here": self.at.base,
            "csrf": self.checkout.tokens.of(reference),
            "stays": self.stays,
            **page.values,
            **more,
        }
        return self.pages.render(self.request, page.template, values, page.status, page.refresh)

    def redirect(self, path: str) -> Response:
        """Redirect to another page of ours."""
        return self.pages.redirect(self.request, path)


async def _answer_request(
    request: Request, answering: VisitHandler, checkout: Checkout, pages: Pages
) -> Response:
    reference = request.path_params["reference"]
    if not _is_reference(reference):
        return _notice(request, pages, "unknown", 404)
    address = address_of(request)
    if not checkout.visitors.allows(address) or not checkout.visits.allows(reference):
        return _notice(request, pages, "busy", 429, f"{PATH}/{reference}")
    try:
        payment = await checkout.world.merchant_payments.by_checkout(reference)
        if payment is None:
            await checkout.logins.note(address, "unknown_page")
            return _notice(request, pages, "unknown", 404)
        set_order_language(request, payment.text.order.get("lang") or "", reference)
        return await answering(Visit(request, payment, checkout, pages))
    except Exception as error:  # noqa: BLE001 - a payer whose money may be under way is owed a page
        telemetry.count_error("checkout_broke_off", error=error)
        return _notice(request, pages, "away", 503, f"{PATH}/{reference}")


def _is_reference(text: str) -> bool:
    return text.isascii() and text.isalnum() and len(text) in _REFERENCE_LENGTHS


def _notice(request: Request, pages: Pages, about: str, status: int, back_here: str = "") -> Response:
    """A page without a payment: it needs no database, so that it can be shown when the database is away."""
    refresh = Refresh(RETRY_SECONDS, back_here) if about == "away" and request.method == "GET" else None
    base = back_here or PATH
    at = PageAddresses(base, pages.wording(request).language, is_language_in_address(request))
    values = {"about": about, "has_payment": bool(back_here), "here": base, "at": at}
    answer = pages.render(request, "checkout/notice.html", values, status, refresh)
    if status in {429, 503}:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


# ---- pages: read the books and change nothing


async def _show_payment(visit: Visit) -> Response:
    notice = "looked" if visit.request.query_params.get("looked") == "1" else ""
    return await _situation_page(visit, notice)


async def _situation_page(visit: Visit, notice: str = "", status: int = 200) -> Response:
    """The page of the situation that the payment is in."""
    payment, world = visit.payment, visit.checkout.world
    situation = situation_of(payment)
    if situation is Situation.CHOOSE or (situation in WAITING and _wants_another(visit)):
        return await _choice_page(visit)
    if situation in WAITING:
        page = models.waiting_page(payment, world, stays=visit.stays or visit.request.method != "GET")
    else:
        path = visit.checkout.receipt_path
        receipt = path(payment.payment_id) if path is not None else None
        page = models.ended_page(payment, world, receipt, stays=visit.stays)
    refresh = page.refresh
    if notice and refresh is not None and not refresh.url:
        # A notice is shown once.
        refresh = Refresh(refresh.seconds, visit.at())
    return visit.page(models.Page(page.template, page.values, status, refresh), notice=notice)


def _wants_another(visit: Visit) -> bool:
    """Whether the payer asks for another instrument, and may have one."""
    payment = visit.payment
    since = another_try_from(payment, visit.checkout.world)
    is_open = situation_of(payment) is Situation.AT_PROVIDER and not is_over(payment)
    is_requested = visit.request.query_params.get("other") == "1"
    return is_requested and is_open and since is not None and since <= payment.read_at


async def _choice_page(
    visit: Visit, problem: str = "", status: int = 200, chosen: str = "", typed: str = ""
) -> Response:
    payment, world = visit.payment, visit.checkout.world
    merchant = await world.merchants.by_partner(payment.partner_id)
    offered = await offers(payment, merchant, world) if merchant is not None else ()
    popularity = Popularity(
        chosen=await world.routing.chosen_instruments(),
        places=places_of(instruments_of(merchant, world)) if merchant is not None else {},
        last_used=last_instrument(visit.request, is_https=visit.pages.is_https),
    )
    values = models.choice_values(payment, offered, popularity, world, visit.checkout.mark_paths)
    page = models.Page("checkout/choose.html", values, status)
    return visit.page(page, problem=problem, chosen=chosen, typed=typed)


async def _go_to_provider(visit: Visit) -> Response:
    """A page that leads on to the provider; the content policy forbids a redirect of the form."""
    payment, world = visit.payment, visit.checkout.world
    current_try = open_try_of(payment)
    if situation_of(payment) is Situation.OPENING:
        return await _situation_page(visit)
    if current_try is None or situation_of(payment) is not Situation.AT_PROVIDER or is_over(payment):
        return visit.redirect(visit.at())
    connector = world.connectors.by_id(current_try.connector_id)
    values = {
        "profile": connector.profile if connector is not None else None,
        "url": current_try.page_url,
        "place": urlsplit(current_try.page_url).hostname or "",
        "total": current_try.total,
    }
    refresh = Refresh(PROVIDER_REFRESH_SECONDS, current_try.page_url)
    return visit.page(models.Page("checkout/go.html", values, refresh=refresh))


async def _confirm_leaving(visit: Visit) -> Response:
    payment, world = visit.payment, visit.checkout.world
    if situation_of(payment) not in {Situation.CHOOSE, Situation.AT_PROVIDER}:
        return visit.redirect(visit.at())
    current_try = open_try_of(payment)
    connector = world.connectors.by_id(current_try.connector_id) if current_try is not None else None
    values = {
        "profile": connector.profile if connector is not None else None,
        "sentences": allowed_sentences(models.leave_sentences(payment), evidence_of(payment, world)),
    }
    return visit.page(models.Page("checkout/leave.html", values))


async def _code_of_page(visit: Visit) -> Response:
    """The address of this payment's page as a QR code, which leads from a desk to the phone."""
    address = f"{visit.checkout.world.public_url}{visit.at()}"
    return Response(qr_svg(address), 200, visit.pages.headers, "image/svg+xml")


async def _to_payment(visit: Visit) -> Response:
    return visit.redirect(visit.at())


# ---- forms: each must carry the token of its page


async def _choose(visit: Visit) -> Response:
    fields = await _own_fields(visit)
    if fields is None:
        return await _refuse_foreign_form(visit)
    if LANGUAGE_BUTTON in fields:
        return await _choice_in_other_words(visit, fields)
    choice = choice_of(fields)
    if choice is None:
        return await _nothing_chosen(visit)
    choice = replace(choice, language=PayerLanguage(visit.at.language))
    work = choose_instrument(visit.payment, choice, visit.checkout.world)
    try:
        answer = await visit.checkout.tasks.run_within(work, visit.checkout.answer_seconds)
    except StillRunningError:
        return visit.redirect(visit.at("/go"))
    return await _after_choice(visit, choice, answer)


async def _choice_in_other_words(visit: Visit, fields: Mapping[str, str]) -> Response:
    """The form as it was filled in, as the answer to it, so that nothing typed stands in an address."""
    if situation_of(visit.payment) is not Situation.CHOOSE and not _may_choose(visit):
        return visit.redirect(visit.at())
    typed = fields.get("filter", "")[:_TYPED_MAX]
    return await _choice_page(visit, chosen=fields.get("instrument", ""), typed=typed)


async def _after_choice(visit: Visit, choice: Choice, answer: ChosenPage | ChoiceRefusal) -> Response:
    if isinstance(answer, ChosenPage):
        redirect = visit.redirect(visit.at("/go"))
        remember_instrument(redirect, choice.instrument, is_https=visit.pages.is_https)
        return redirect
    if answer is ChoiceRefusal.NO_PAGE:
        return visit.redirect(visit.at())
    if answer is ChoiceRefusal.MOVED_ON:
        return visit.redirect(await _address_after_click(visit, choice))
    return await _choice_page(visit, answer.value, _STATUS_OF[answer], choice.instrument)


_STATUS_OF = {
    ChoiceRefusal.UNKNOWN: 422,
    ChoiceRefusal.LIMITS: 422,
    ChoiceRefusal.PRICE_CHANGED: 409,
    ChoiceRefusal.MAINTENANCE: 503,
    ChoiceRefusal.UNAVAILABLE: 503,
}


async def _address_after_click(visit: Visit, choice: Choice) -> str:
    """A second click follows the first; an old page leads to the payment as it is now."""
    now = await visit.checkout.world.merchant_payments.by_id(visit.payment.payment_id)
    current_try = open_try_of(now) if now is not None else None
    is_same = now is not None and current_try is not None and choice.nth == next_try(now) - 1
    return visit.at("/go" if is_same else "")


async def _nothing_chosen(visit: Visit) -> Response:
    """Nothing was chosen, or a value that no form of ours has."""
    if situation_of(visit.payment) is Situation.CHOOSE or _may_choose(visit):
        return await _choice_page(visit, "nothing_chosen", 422)
    return visit.redirect(visit.at())


def _may_choose(visit: Visit) -> bool:
    since = another_try_from(visit.payment, visit.checkout.world)
    is_open = situation_of(visit.payment) is Situation.AT_PROVIDER
    return is_open and since is not None and since <= visit.payment.read_at


async def _look_now(visit: Visit) -> Response:
    if await _own_fields(visit) is None:
        return await _refuse_foreign_form(visit)
    work = inquire_now(visit.payment, visit.checkout.world)
    try:
        await visit.checkout.tasks.run_within(work, visit.checkout.answer_seconds)
    except StillRunningError:
        telemetry.log("look_takes_long", payment_id=visit.payment.payment_id)
    return visit.redirect(visit.at(looked=1))


async def _leave(visit: Visit) -> Response:
    if await _own_fields(visit) is None:
        return await _refuse_foreign_form(visit)
    work = cancel_by_payer(visit.payment, visit.checkout.world)
    if await visit.checkout.tasks.run_within(work, visit.checkout.answer_seconds):
        return visit.redirect(visit.at())
    now = await visit.checkout.world.merchant_payments.by_id(visit.payment.payment_id)
    later = Visit(visit.request, now or visit.payment, visit.checkout, visit.pages)
    return await _situation_page(later, "cannot_leave", 409)


async def _own_fields(visit: Visit) -> dict[str, str] | None:
    reference, checkout = visit.payment.checkout_reference, visit.checkout
    fields = await own_form(visit.request, reference, checkout.tokens, checkout.world.public_url)
    return None if fields is None else dict(fields)


async def _refuse_foreign_form(visit: Visit) -> Response:
    await visit.checkout.logins.note(address_of(visit.request), "wrong_form_token")
    return _notice(visit.request, visit.pages, "foreign", 403, visit.at.base)
