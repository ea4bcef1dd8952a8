"""The pages around the payments: the landing page, in earnest and in a rehearsal, and the reference."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import FastAPI

from ekpay_switch.api.reference.routes import document_at
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.web import static_files
from ekpay_switch.web.landing import routes as landing
from ekpay_switch.web.landing.notes import RehearsalNotes
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.reference import routes as reference
from ekpay_switch.web.site import Site
from tests.api.api_setup import Reply, request_of
from tests.browser.checkout_states import State
from tests.fakes.world import FakeClock
from tests.web.checkout.checkout_setup import ORIGIN

NOTES = RehearsalNotes(
    "http://127.0.0.1:8199/",
    (
        ("ekShop, mer_reg_id", "ekshop_test"),
        ("ekShop, mer_pas_key", "0123456789abcdef0123456789abcdef"),
        ("Wallets", "01700000000 to 01700000099, PIN 12121, OTP 123456"),
    ),
)


@dataclass
class ShownSite:
    """A page of the site, at which a browser may look."""

    app: FastAPI
    path: str

    async def answer(self, method: str, url: str, _body: bytes, headers: Mapping[str, str]) -> Reply:
        """What the application answers to the browser."""
        path, _, query = url.partition("?")
        return await request_of(self.app, method, path, query=query.encode(), headers=headers.items())


def _state(path: str, *, is_rehearsal: bool = False) -> State:
    async def shown(language: str) -> ShownSite:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        pages = Pages(ORIGIN, Site("ekPay", "একপে", "333"))
        static_files.mount(app, pages.headers)
        page = landing.LandingPage(pages)
        if is_rehearsal:
            page = landing.LandingPage(pages, "http://127.0.0.1:9180", lambda: NOTES)
        landing.mount(app, page)
        reference.mount(app, document_at, pages, RateLimit(FakeClock(), 1, 1_000))
        return ShownSite(app, f"{path}?lang={language}")

    return shown


SITE: Mapping[str, State] = {
    "landing": _state(landing.PATH),
    "landing_of_a_rehearsal": _state(landing.PATH, is_rehearsal=True),
    "reference": _state(reference.PATH),
    **{f"reference_{name}": _state(f"{reference.PATH}/{name}") for name in reference.PAGES},
}
