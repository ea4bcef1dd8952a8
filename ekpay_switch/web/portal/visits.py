"""One request for a page of the portal, and what its pages have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.domain.planned_stops import next_stop
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks
from ekpay_switch.edge_kit.login_watch import LoginWatch, address_of
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.ports.agents import AgentPorts
from ekpay_switch.ports.bill_notices import BillNotices
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.carts import CartPorts
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.ports.complaints import Complaints
from ekpay_switch.ports.world import CallerLimit
from ekpay_switch.security.form_tokens import FormTokens
from ekpay_switch.web.checkout.forms import own_form
from ekpay_switch.web.checkout.page_addresses import PageAddresses
from ekpay_switch.web.languages import is_language_in_address
from ekpay_switch.web.pages import Pages, Refresh
from ekpay_switch.web.portal.cart_cookie import cart_reference, new_reference, remember_cart
from ekpay_switch.web.portal.catalogue import Catalogue
from ekpay_switch.web.receipts.typesetter import Typesetter
from ekpay_switch.web.wording import Wording

# A browser waits no longer; the work goes on.
ANSWER_SECONDS = 20.0
RETRY_SECONDS = 10
# The button that sends a form to be shown in the other language.
LANGUAGE_BUTTON = "language"


@dataclass(frozen=True, slots=True)
class Portal:
    """What the portal needs.

    `visitors` limits the pages of one address, `senders` the forms that it sends to all processes together,
    each of which may ask a biller, `complainers` its complaints about carts that nobody has paid, and
    `papers` the PDFs of one citizen. `receipt_path` says where the receipt of a payment is, None where there
    are no receipts. `tasks` keeps the work of browsers that were closed. `citizens` is None where no text
    message can be sent; `inbox` is where those of a rehearsal arrive, or empty. A complaint is kept for
    `complaint_days`. Payers are told of a planned stop `stop_notice` before, if not earlier.
    """

    office: CartPorts
    catalogue: Catalogue
    pages: Pages
    tokens: FormTokens
    visitors: RateLimit
    senders: CallerLimit
    logins: LoginWatch
    complaints: Complaints
    complainers: CallerLimit
    complaint_days: int
    notices: BillNotices
    stop_notice: timedelta
    agents: AgentPorts
    papers: RateLimit
    typesetter: Typesetter
    is_rehearsal: bool = False
    receipt_path: Callable[[UUID], str] | None = None
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)
    answer_seconds: float = ANSWER_SECONDS
    citizens: CitizenPorts | None = None
    inbox: str = ""


@dataclass(frozen=True, slots=True)
class PortalVisit:
    """One request; `cart` is the reference in this browser's cookie, or empty."""

    request: Request
    portal: Portal
    cart: str

    def stop_of(self, profile: BillerProfile | None) -> Mapping[str, object] | None:
        """The planned stop that payers of a biller are told of, and whether it is on; None without one."""
        now = self.portal.office.world.clock.now()
        stop = None if profile is None else next_stop(profile.stops, now, self.portal.stop_notice)
        return None if stop is None else {"stop": stop, "is_on": stop.is_on(now), "now": now}

    @property
    def words(self) -> Wording:
        """The words that it is answered in."""
        return self.portal.pages.wording(self.request)

    @property
    def at(self) -> PageAddresses:
        """The addresses of the portal, in the language of this visit."""
        return PageAddresses("", self.words.language, is_language_in_address(self.request))

    def page(
        self,
        template: str,
        values: Mapping[str, object],
        status: int = 200,
        refresh: Refresh | None = None,
    ) -> Response:
        """A page with what every page of the portal has."""
        shared = {
            "at": self.at,
            "here": self.request.url.path,
            "is_rehearsal": self.portal.is_rehearsal,
            "has_tracking": self.portal.citizens is not None,
        }
        return self.portal.pages.render(
            self.request, f"portal/{template}", {**shared, **values}, status, refresh
        )

    def form_page(self, template: str, values: Mapping[str, object], status: int = 200) -> Response:
        """A page with a form, whose token holds for the cart of this browser; a browser without one gets one.

        That is a name and no more: a cart is begun with its first bill.
        """
        reference = self.cart or new_reference()
        token = self.portal.tokens.of(token_page(reference))
        answer = self.page(template, {**values, "csrf": token}, status)
        if not self.cart:
            self.remember(answer, reference)
        return answer

    def notice(self, about: str, status: int, *, link: str = "/", **query: str) -> Response:
        """A page that says why there is nothing else to see, and where to go on."""
        refresh = None
        if about == "away" and self.request.method == "GET":
            refresh = Refresh(RETRY_SECONDS)
        answer = self.page("notice.html", {"about": about, "link": self.at(link, **query)}, status, refresh)
        if status in {429, 503}:
            answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer

    def redirect(self, below: str) -> Response:
        """Redirect to another page of the portal."""
        return self.portal.pages.redirect(self.request, self.at(below))

    def remember(self, answer: Response, reference: str) -> None:
        """Let this browser's cart be the one of this reference."""
        remember_cart(answer, reference, is_https=self.portal.pages.is_https)

    async def own_fields(self) -> Mapping[str, str] | None:
        """The fields of a form of ours, sent by this browser; None for any other, which is counted."""
        world = self.portal.office.world
        page = token_page(self.cart)
        fields = None
        if self.cart:
            fields = await own_form(self.request, page, self.portal.tokens, world.public_url)
        if fields is None:
            await self.portal.logins.note(address_of(self.request), "wrong_form_token")
        return fields


def token_page(reference: str) -> str:
    """What the token of a browser's forms is made of."""
    return f"cart {reference}"


def visit_of(request: Request, portal: Portal) -> PortalVisit:
    """The visit that a request is."""
    return PortalVisit(request, portal, cart_reference(request, is_https=portal.pages.is_https))
