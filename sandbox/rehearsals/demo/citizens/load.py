"""The citizens' load: they come to the portal one by one, fill carts, pay, and read what became of them.

It returns what each citizen read; the comparison decides whether that is right. Only what a course cannot
have is counted here, as a surprise, and a demo with one has failed.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

from sandbox.callers.citizen.portal import CartView, Citizen
from sandbox.callers.payer.browser import Browser, LostPayerError
from sandbox.callers.payer.checkout import InstrumentChoice, NotOfferedError, check_out
from sandbox.callers.payer.payer import Payer, PayerDecision
from sandbox.rehearsals.demo.admin_clients.admin_client import Payable, by_own_names
from sandbox.rehearsals.demo.admin_clients.sms import NoTextMessageError, SmsAdminClient
from sandbox.rehearsals.demo.citizens.script import CitizenCourse, CitizenOrder
from sandbox.rehearsals.demo.collecting.provider_scenarios import BKASH, DemoProvider
from sandbox.rehearsals.demo.paying.load import DemoBillers, FarSideAvailability
from sandbox.rehearsals.demo.spaced_starts import start_spaced

# They come one by one, so that no provider gets more calls than it takes.
_EVERY_SECONDS = 0.25
_AT_ONCE = 40
_READ_EVERY_SECONDS = 1.0
# How often a citizen tries to be taken to the page of a provider.
_CHANCES = 6
_SETTLE_SECONDS = 600.0
_MESSAGE_SECONDS = 120.0
_REFUSE = "refuse"
_LANGUAGES = ("bn", "en")
# Every phone has an address of its own where the system has more than one for itself.
_PHONES, _OTHER_PHONES = "127.21", "127.22"
_BLOCK = 250


@dataclass(slots=True)
class CitizenVisit:
    """What one citizen did and read.

    `shown_paisa` is the sum that the cart stated, `provider` who collected in the end; `views` are the
    pages of the ordered cart, the newest last, `tracked` the one on the other phone.
    """

    order: CitizenOrder
    shown_paisa: int = 0
    provider: DemoProvider | None = None
    views: list[CartView] = field(default_factory=list)
    tracked: CartView | None = None

    @property
    def last(self) -> CartView | None:
        """The page that was read last."""
        return self.views[-1] if self.views else None

    @property
    def is_open(self) -> bool:
        """Whether what was read last may still change."""
        return self.last is not None and (self.last.is_open or "goes_back" in self.last.bills)


@dataclass(slots=True)
class CitizenExperience:
    """What happened to all of them."""

    visits: list[CitizenVisit] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)

    @property
    def courses(self) -> Counter[str]:
        """How many took each course."""
        return Counter(visit.order.course.value for visit in self.visits)


class CitizenLoad:
    """Carries out one script of citizens at the portal of a switch."""

    def __init__(
        self,
        switch: str,
        billers: DemoBillers,
        providers: Sequence[DemoProvider],
        sms: SmsAdminClient,
        availability: FarSideAvailability,
    ) -> None:
        """`availability` decides when a fault may be set at a biller."""
        self.experience = CitizenExperience()
        self._switch = switch
        self._billers = billers
        self._providers: Mapping[str, DemoProvider] = {provider.id: provider for provider in providers}
        self._sms = sms
        self._availability = availability

    async def perform(self, orders: Sequence[CitizenOrder], advance: Callable[[], None]) -> None:
        """Let every citizen do what the script says, some concurrently; `advance` is called after each."""

        async def carry_out(order: CitizenOrder) -> None:
            visit = CitizenVisit(order)
            self.experience.visits.append(visit)
            try:
                await self._come(visit)
            except (LostPayerError, NoTextMessageError, aiohttp.ClientError, TimeoutError) as trouble:
                self._surprise(visit, f"{type(trouble).__name__} {trouble}".strip())
            finally:
                advance()

        await start_spaced(orders, carry_out, at_once=_AT_ONCE, every_seconds=_EVERY_SECONDS)

    async def _come(self, visit: CitizenVisit) -> None:
        order = visit.order
        async with _connections(_PHONES, order.nth) as phone, _browser(phone, order) as browser:
            citizen = Citizen(browser, self._switch)
            await self._search(citizen, order.bills[0])
            for bill in order.bills:
                await self._add(citizen, bill, is_mistyped=order.course is CitizenCourse.WRONG_NUMBER)
            visit.shown_paisa = await citizen.cart_paisa()
            if order.course.is_ordered:
                await self._pay(citizen, browser, visit)
        if order.course.is_paid and visit.last is not None:
            await self._sms.wait_for(order.mobile, visit.last.number, _MESSAGE_SECONDS)
        if order.course is CitizenCourse.TRACKED:
            await self._track(visit)

    async def _search(self, citizen: Citizen, bill: Payable) -> None:
        """Look for the biller by the words of its id, as somebody types who knows it."""
        name = self._billers.admin_clients[bill.biller].known_as
        if name not in (found := await citizen.find_billers(name.replace("_", " "))):
            raise LostPayerError(f"the search for {name} finds {', '.join(found) or 'nothing'}")

    async def _add(self, citizen: Citizen, bill: Payable, *, is_mistyped: bool) -> None:
        admin_client = self._billers.admin_clients[bill.biller]
        numbers = by_own_names(admin_client.parameters, bill.named[0])
        if is_mistyped and await citizen.add_bill(admin_client.known_as, dict.fromkeys(numbers, "?")):
            raise LostPayerError(f"{admin_client.known_as} takes ? for a number")
        if not await citizen.add_bill(admin_client.known_as, numbers):
            raise LostPayerError(f"{admin_client.known_as} has no bill for {numbers}")

    async def _pay(self, citizen: Citizen, browser: Browser, visit: CitizenVisit) -> None:
        """Go to the checkout and pay there, or cancel, and read what the portal says until it is final."""
        order = visit.order
        url = await citizen.order(order.mobile)
        if order.course is CitizenCourse.ONE_REFUSED:
            refused = order.bills[0]
            async with self._availability.armed_fault():
                await self._billers.admin_clients[refused.biller].set_fault(refused.target, _REFUSE)
                await self._check_out(browser, url, visit)
                await self._read(citizen, visit)
        else:
            await self._check_out(browser, url, visit)
            await self._read(citizen, visit)

    async def _check_out(self, browser: Browser, url: str, visit: CitizenVisit) -> None:
        order = visit.order
        if not order.course.is_paid:
            await check_out(browser, url, [], cancels=True)
            return
        provider, choices, tried = order.provider, self._choices(order), {order.provider.id}
        for further_chances in reversed(range(_CHANCES)):
            try:
                await check_out(browser, url, choices)
                break
            except NotOfferedError as refused:
                if not further_chances:
                    raise
                offered = refused.offered
            # A sum may be too large for a wallet, or a provider be away: the citizen takes what else is
            # offered. Where nothing is, the page is opened again.
            other = next((name for name in offered if name in self._providers.keys() - tried), None)
            if other is None:
                await asyncio.sleep(_READ_EVERY_SECONDS)
            else:
                tried.add(other)
                provider = self._providers[other]
                choices = [InstrumentChoice(other, Payer(order.number(provider)))]
        visit.provider = provider

    def _choices(self, order: CitizenOrder) -> list[InstrumentChoice]:
        chosen = InstrumentChoice(order.provider.id, Payer(order.number(order.provider)))
        if order.course is not CitizenCourse.ANOTHER_WAY:
            return [chosen]
        wallet = self._providers[BKASH]
        return [InstrumentChoice(BKASH, Payer(order.number(wallet)), PayerDecision.CANCEL), chosen]

    async def _read(self, citizen: Citizen, visit: CitizenVisit) -> None:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _SETTLE_SECONDS
        while True:
            view = await citizen.read_result()
            if view != visit.last:
                visit.views.append(view)
            if not visit.is_open or loop.time() >= give_up_at:
                return
            await asyncio.sleep(_READ_EVERY_SECONDS)

    async def _track(self, visit: CitizenVisit) -> None:
        order, last = visit.order, visit.last
        if last is None:
            return
        async with _connections(_OTHER_PHONES, order.nth) as phone, _browser(phone, order) as browser:
            visit.tracked = await Citizen(browser, self._switch).track(
                last.number, order.mobile, lambda: self._sms.newest_code(order.mobile, _MESSAGE_SECONDS)
            )
        if (visit.tracked.bills, visit.tracked.number) != (last.bills, last.number):
            self._surprise(visit, f"reads {visit.tracked} on the other phone, and {last} on their own")

    def _surprise(self, visit: CitizenVisit, text: str) -> None:
        order = visit.order
        self.experience.surprises.append(f"citizen {order.nth}, {order.course}, {order.provider.id}: {text}")


def _browser(phone: aiohttp.BaseConnector, order: CitizenOrder) -> Browser:
    return Browser(phone, accepts_language=_LANGUAGES[order.nth % len(_LANGUAGES)])


def _connections(block: str, nth: int) -> aiohttp.TCPConnector:
    """The connections of one phone: the limits of the portal are per address."""
    if sys.platform != "linux":
        return aiohttp.TCPConnector()
    high, low = divmod(nth, _BLOCK)
    return aiohttp.TCPConnector(local_addr=(f"{block}.{high}.{low + 1}", 0))
