"""The page of all components, as a rehearsal serves it, in both themes."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import FastAPI

from ekpay_switch.web import static_files
from ekpay_switch.web.kit import routes
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.site import Site
from tests.browser.checkout_states import State
from tests.web.checkout.checkout_setup import ORIGIN, Counter, Seen


@dataclass
class ShownKit:
    """The page of the kit, at which a browser may look."""

    counter: Counter
    path: str

    async def answer(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Seen:
        """What the application answers to the browser."""
        return await self.counter.request(method, url, body, headers)


def _state(theme: str) -> State:
    """The page in one theme, or in the browser's own where none is named."""

    async def shown(language: str) -> ShownKit:
        counter = Counter()
        counter.app = FastAPI()
        pages = Pages(ORIGIN, Site("ekPay", "একপে", "333"))
        static_files.mount(counter.app, pages.headers)
        routes.mount(counter.app, pages, is_rehearsal=True)
        return ShownKit(counter, f"{routes.PATH}?lang={language}&theme={theme}")

    return shown


KIT: Mapping[str, State] = {"kit": _state(""), "kit_light": _state("light"), "kit_dark": _state("dark")}
