"""A page of the portal at which a browser may look, over a small world of its own."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from ekpay_switch.domain.planned_stops import PlannedStop
from ekpay_switch.web import static_files
from ekpay_switch.web.pages import Pages
from tests.browser.checkout_states import State
from tests.fakes.world import NOON
from tests.web.checkout.checkout_setup import ORIGIN, Seen
from tests.web.portal.portal_setup import DESCO, PortalStand


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
        kept = "; ".join(f"{name}={value}" for name, value in self.stand.browser.cookies.items())
        # The window looks at the cart that was filled before it was opened.
        cookies = {"cookie": kept} if kept and "cookie" not in headers else {}
        return await self.stand.counter.request(method, url, body, {**headers, **cookies})


Play = Callable[[PortalStand], Awaitable[Seen | str]]


DESCO_ID = "desco_postpaid"
# The planned stop of DESCO in a state whose name says so.
STOPS = {
    "planned_stop_comes": (DESCO_ID, PlannedStop(NOON + timedelta(hours=30), NOON + timedelta(hours=34))),
    "planned_stop_is_on": (DESCO_ID, PlannedStop(NOON - timedelta(hours=1), NOON + timedelta(hours=3))),
}


class PortalStates(dict[str, State]):
    """States by the name of the function that plays them."""

    def add(self, play: Play) -> Play:
        """Add one state: its path, or what a form was answered with."""

        async def shown(language: str) -> ShownPortal:
            has_gateway = any(word in play.__name__ for word in ("track", "mobile", "account", "counter"))
            is_rehearsal = "rehearsal" in play.__name__
            stops = {biller: stop for name, (biller, stop) in STOPS.items() if name in play.__name__}
            stand = PortalStand(language, is_rehearsal=is_rehearsal, has_gateway=has_gateway, stops=stops)
            static_files.mount(stand.counter.app, Pages(ORIGIN).headers)
            seen = await play(stand)
            if isinstance(seen, Seen):
                return ShownPortal(stand, f"{DESCO}?lang={language}", seen)
            return ShownPortal(stand, f"{seen}{'&' if '?' in seen else '?'}lang={language}")

        self[play.__name__] = shown
        return play
