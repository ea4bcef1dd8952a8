"""The portal over a small world, with the billers of this repository, beside the checkout that it leads to.

Its carts are in memory, and tests bring about what only the worker does.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache

from biller_adapters.manifest import read_manifest
from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.carts.bill_cart import StoredCart
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.planned_stops import PlannedStop
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.ports.agents import AgentPorts
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.settings import Settings
from ekpay_switch.web.agents.routes import mount as mount_counters
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.portal.catalogue import catalogue_of
from ekpay_switch.web.portal.history.typeset import PROGRAM
from ekpay_switch.web.portal.routes import category_names, mount
from ekpay_switch.web.portal.search_words import read_search_words
from ekpay_switch.web.portal.visits import Portal
from ekpay_switch.web.receipts.typesetter import Typesetter
from ekpay_switch.web.wording import Language, wording_of
from tests.factories import a_bill
from tests.fakes.agents import FakeAgentCounter
from tests.fakes.bill_notices import FakeBillNotices
from tests.fakes.billers import FakeBiller
from tests.fakes.carts import CartScene
from tests.fakes.citizens import FakeCodes, FakeContacts, FakeLimits, citizens_of
from tests.fakes.complaints import FakeComplaints
from tests.web.checkout.checkout_setup import ORIGIN, Browser, Counter, Seen

BILL_NO = "092512345678"
DESCO = "/bills/desco_postpaid"
NO_STOPS: Mapping[str, PlannedStop] = {}
COMPLAINT_DAYS, COMPLAINTS_AT_ONCE = 700, 3
PAPERS_AT_ONCE = 3
INBOX = "http://127.0.0.1:8208/inbox"


@cache
def real_profiles() -> tuple[BillerProfile, ...]:
    """Every biller of config/billers that is one of its own, by id."""
    manifests = [read_manifest(path) for path in sorted((Settings().config / "billers").glob("*.toml"))]
    return tuple(manifest.profile() for manifest in manifests if not manifest.route_of)


class LocalLimit:
    """The port `CallerLimit` for one process."""

    def __init__(self, rate: RateLimit) -> None:
        self._rate = rate

    async def allows(self, caller: str) -> bool:
        return self._rate.allows(caller)


def _profiles(suspended: Sequence[str], stops: Mapping[str, PlannedStop]) -> list[BillerProfile]:
    """The billers of this repository, some of them suspended or with a planned stop."""
    return [
        replace(
            one,
            status="suspended" if one.id in suspended else one.status,
            stops=(stops[one.id],) if one.id in stops else (),
        )
        for one in real_profiles()
    ]


class PortalCounter(Counter):
    """The portal beside a checkout in one application; `suspended` billers take no payments.

    Those of `stops` have a planned stop.
    Without `has_gateway` no text message can be sent.
    The carts are those of `scene`, with the billers of this repository.
    """

    def __init__(
        self,
        *,
        calls: int = 1_000,
        public_url: str = ORIGIN,
        answer_seconds: float = 20.0,
        is_rehearsal: bool = False,
        suspended: Sequence[str] = (),
        stops: Mapping[str, PlannedStop] = NO_STOPS,
        has_gateway: bool = False,
    ) -> None:
        super().__init__(calls=calls, public_url=public_url)
        self.scene = CartScene()
        small = self.scene.small
        profiles = _profiles(suspended, stops)
        self.billers = {one.id: FakeBiller(small.clock, small.steps, one) for one in profiles}
        small.billers.known[:] = list(self.billers.values())
        self.scene.world = replace(self.scene.world, public_url=public_url)
        self.scene.office = replace(self.scene.office, world=self.scene.world)
        self.notices = FakeBillNotices()
        self.agent_counter = FakeAgentCounter(small.clock, small.books)
        self.portal = Portal(
            office=self.scene.office,
            catalogue=catalogue_of(profiles, read_search_words(Settings().config), category_names()),
            pages=Pages(public_url, self.checkout.site),
            tokens=self.tokens,
            visitors=RateLimit(small.clock, 1, calls),
            senders=LocalLimit(RateLimit(small.clock, 1, calls)),
            logins=self.checkout.logins,
            complaints=FakeComplaints(small.clock),
            complainers=LocalLimit(RateLimit(small.clock, 1 / 300, COMPLAINTS_AT_ONCE)),
            complaint_days=COMPLAINT_DAYS,
            notices=self.notices,
            stop_notice=timedelta(hours=72),
            agents=AgentPorts(self.scene.world, self.agent_counter),
            papers=RateLimit(small.clock, 1, PAPERS_AT_ONCE),
            typesetter=Typesetter(command=(sys.executable, "-m", PROGRAM)),
            is_rehearsal=is_rehearsal,
            receipt_path=self.checkout.receipt_path,
            answer_seconds=answer_seconds,
            citizens=citizens_of(self.scene.carts, small.clock) if has_gateway else None,
            inbox=INBOX if has_gateway and is_rehearsal else "",
        )
        mount(self.app, self.portal)
        mount_counters(self.app, self.portal)

    @property
    def carts(self) -> list[StoredCart]:
        """Every cart that was begun."""
        return [self.scene.carts.standing(cart_id) for cart_id in self.scene.carts.carts]


class PortalStand:
    """A payer's browser before the portal; `t` are the words of its language."""

    def __init__(
        self,
        language: str = "en",
        *,
        calls: int = 1_000,
        public_url: str = ORIGIN,
        answer_seconds: float = 20.0,
        is_rehearsal: bool = False,
        suspended: Sequence[str] = (),
        stops: Mapping[str, PlannedStop] = NO_STOPS,
        has_gateway: bool = False,
    ) -> None:
        self.counter = PortalCounter(
            calls=calls,
            public_url=public_url,
            answer_seconds=answer_seconds,
            is_rehearsal=is_rehearsal,
            suspended=suspended,
            stops=stops,
            has_gateway=has_gateway,
        )
        self.browser = Browser(self.counter, language)
        self.t = wording_of(Language(language))
        self.desco.bills[BILL_NO] = a_bill(BILL_NO)

    @property
    def desco(self) -> FakeBiller:
        return self.counter.billers["desco_postpaid"]

    @property
    def scene(self) -> CartScene:
        return self.counter.scene

    @property
    def contacts(self) -> FakeContacts:
        assert self.counter.portal.citizens is not None
        assert isinstance(self.counter.portal.citizens.contacts, FakeContacts)
        return self.counter.portal.citizens.contacts

    @property
    def codes(self) -> FakeCodes:
        assert self.counter.portal.citizens is not None
        assert isinstance(self.counter.portal.citizens.codes, FakeCodes)
        return self.counter.portal.citizens.codes

    @property
    def limits(self) -> FakeLimits:
        assert self.counter.portal.citizens is not None
        assert isinstance(self.counter.portal.citizens.limits, FakeLimits)
        return self.counter.portal.citizens.limits

    async def send(self, fields: dict[str, str], path: str = DESCO, page: Seen | None = None) -> Seen:
        """Open a form, fill it in and send it."""
        page = page or await self.browser.get(path)
        return await self.browser.post(f"{path}?lang={self.t.language}", {**page.html.fields(), **fields})

    async def fill(self, *bills: Bill, biller_id: str = "desco_postpaid") -> StoredCart:
        """Put bills into the cart of this browser, by its forms."""
        for bill in bills or (a_bill(),):
            self.counter.billers[biller_id].bills[bill.bill_number] = bill
            field = {"group": "A", "A-bill_no": bill.bill_number}
            assert (await self.send(field, f"/bills/{biller_id}")).status == 303
        return self.counter.carts[-1]

    async def fill_with_two(self) -> StoredCart:
        """Put a bill of DESCO and one of NESCO into the cart of this browser."""
        await self.fill()
        return await self.fill(a_bill("250934567890", 87_350), biller_id="nesco_postpaid")

    async def press(self, page: Seen, path: str, **fields: str) -> Seen:
        """Send another form of a page, with its hidden fields."""
        return await self.browser.post(f"{path}?lang={self.t.language}", {**page.html.fields(), **fields})

    async def order(self) -> StoredCart:
        """Press the button that leads to the checkout."""
        seen = await self.press(await self.browser.get("/cart"), "/cart/pay")
        assert seen.place.startswith("/pay/checkout/"), seen.text
        return self.counter.carts[-1]

    async def pay(self) -> StoredCart:
        """Order the cart and pay it at the checkout; the worker has not looked yet."""
        cart = await self.order()
        self.scene.checkout_says(cart, State.COMPLETED)
        return self.counter.carts[-1]

    async def result(self) -> Seen:
        """What the payer sees who comes back from the checkout."""
        return await self.browser.get(f"/cart/{self.counter.carts[-1].reference}")

    def says(self, seen: Seen, key: str, **values: object) -> bool:
        plain = self.t(key, **values).striptags()
        return " ".join(plain.split()) in seen.text
