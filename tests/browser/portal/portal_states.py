"""The pages of the portal in every state, each over a small world of its own."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ekpay_switch.web import static_files
from ekpay_switch.web.pages import Pages
from tests.browser.checkout_states import State
from tests.web.checkout.checkout_setup import ORIGIN, Seen
from tests.web.portal.portal_setup import BILL_NO, DESCO, PortalStand


@dataclass
class ShownPortal:
    """A page at which a browser may look; `sent` is what a form that was sent already was answered with."""

    stand: PortalStand
    path: str
    sent: Seen | None = None

    async def answer(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Seen:
        """What the application answers to the browser."""
        if self.sent is not None and (method, url) == ("GET", self.path):
            return self.sent
        return await self.stand.counter.request(method, url, body, headers)


Play = Callable[[PortalStand], Awaitable[Seen | str]]
PORTAL: dict[str, State] = {}


def state(play: Play) -> Play:
    """One state: its path, or what a form was answered with."""

    async def shown(language: str) -> ShownPortal:
        stand = PortalStand(language, is_rehearsal="rehearsal" in play.__name__)
        static_files.mount(stand.counter.app, Pages(ORIGIN).headers)
        seen = await play(stand)
        if isinstance(seen, Seen):
            return ShownPortal(stand, f"{DESCO}?lang={language}", seen)
        return ShownPortal(stand, f"{seen}{'&' if '?' in seen else '?'}lang={language}")

    PORTAL[play.__name__] = shown
    return play


@state
async def portal_home(_: PortalStand) -> str:
    return "/"


@state
async def portal_home_of_a_rehearsal(_: PortalStand) -> str:
    return "/"


@state
async def portal_found(_: PortalStand) -> str:
    return "/?q=current+bill"


@state
async def portal_found_nothing(_: PortalStand) -> str:
    return "/?q=%E0%A6%9F%E0%A7%8D%E0%A6%B0%E0%A7%87%E0%A6%A8+ticket"


@state
async def portal_bill(_: PortalStand) -> str:
    return DESCO


@state
async def portal_recharge(_: PortalStand) -> str:
    return "/bills/desco_prepaid"


@state
async def portal_bill_with_lists(_: PortalStand) -> str:
    return "/bills/xi_admission"


@state
async def portal_bill_in_three_ways(_: PortalStand) -> str:
    return "/bills/achallan_generic"


@state
async def portal_bill_of_titas(_: PortalStand) -> str:
    return "/bills/titas_nonmetered"


@state
async def portal_bill_nothing_typed(stand: PortalStand) -> Seen:
    return await stand.send({})


@state
async def portal_bill_wrong(stand: PortalStand) -> Seen:
    return await stand.send({"group": "A", "A-bill_no": "0925 1234"})


@state
async def portal_bill_not_found(stand: PortalStand) -> Seen:
    return await stand.send({"group": "A", "A-bill_no": "012512345678"})


@state
async def portal_no_biller(_: PortalStand) -> str:
    return "/bills/no_such_biller"


@state
async def portal_foreign_form(stand: PortalStand) -> Seen:
    return await stand.browser.post(f"{DESCO}?lang={stand.t.language}", {"A-bill_no": BILL_NO})
