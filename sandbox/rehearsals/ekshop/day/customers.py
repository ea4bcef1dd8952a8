"""The customers of a day: they order, pay and come back at a steady rate, each in a browser of their own.

It returns what they experienced; the comparison of the books decides whether that is right. Only an end state
that a course cannot have is counted here, as a surprise, and a day with one has failed.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import assert_never

import aiohttp

from sandbox.callers.ekshop.customer import Basket, order_at_once, pay_again, trnx_id_of
from sandbox.callers.ekshop.listener_conduct import Conduct
from sandbox.callers.payer.browser import Browser, LostPayerError, PageView
from sandbox.callers.payer.checkout import InstrumentChoice, NotOfferedError, check_out
from sandbox.callers.payer.payer import Payer, PayerDecision
from sandbox.rehearsals.ekshop.day.plan import ENDS, SENT_BACK, CustomerOrder, OrderCourse

AT_ONCE = 48
"""How many customers order or pay concurrently: when one leaves, the next one comes."""

_PATIENCE_SECONDS = 90.0
_DETOURS_MAX = 6
_LAST_BYTE = 200
_CALL_SECONDS = 30.0
_HTTP_OK = 200


@dataclass(slots=True)
class CustomerExperience:
    """What the customers saw: payments by the order's position in the plan, and counts.

    `pages_shown` counts the states that the shop's page showed to returning customers, by the expected end
    state. `detours` are choices of another instrument because one was unavailable.
    """

    payments: dict[int, list[str]] = field(default_factory=dict)
    pages_shown: Counter[tuple[str, str]] = field(default_factory=Counter)
    detours: int = 0
    surprises: list[str] = field(default_factory=list)


class Customers:
    """Carries out a day's orders at one shop."""

    def __init__(self, shop: str) -> None:
        """Nobody has come yet."""
        self.experience = CustomerExperience()
        self._shop = shop

    async def perform(self, day: Sequence[CustomerOrder], advance: Callable[[], None]) -> None:
        """Let every customer visit; `advance` is called after each."""
        coming = iter(day)

        async def _one_after_the_other(visiting: _CustomerVisit) -> None:
            for order in coming:
                await visiting.visit(order)
                advance()

        async with AsyncExitStack() as closing, asyncio.TaskGroup() as customers:
            timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
            desk = await closing.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            for place in range(AT_ONCE):
                connections = aiohttp.TCPConnector(limit=0, local_addr=_own_address(place))
                closing.push_async_callback(connections.close)
                visiting = _CustomerVisit(self.experience, self._shop, connections, desk)
                customers.create_task(_one_after_the_other(visiting))


def _own_address(place: int) -> tuple[str, int] | None:
    """The IP address of the customers of one concurrent slot: the switch would limit a single address.

    None where the system has only one loopback address.
    """
    address = (f"127.0.{1 + place // _LAST_BYTE}.{1 + place % _LAST_BYTE}", 0)
    with socket.socket() as probe:
        try:
            probe.bind(address)
        except OSError:
            return None
    return address


@dataclass(frozen=True, slots=True)
class _CustomerVisit:
    experience: CustomerExperience
    shop: str
    connections: aiohttp.BaseConnector
    admin_session: aiohttp.ClientSession

    async def visit(self, order: CustomerOrder) -> None:
        """Carry out one customer's course from the order to its end."""
        try:
            async with Browser(self.connections, hurries=True) as browser:
                page = await self._act(browser, order)
        except (LostPayerError, aiohttp.ClientError, TimeoutError) as trouble:
            self._surprise(order, f"{type(trouble).__name__} {trouble}".strip())
            return
        if order.course in SENT_BACK:
            self._check_page(order, page)

    async def _act(self, browser: Browser, order: CustomerOrder) -> PageView:
        purchase = order.purchase
        basket = Basket(purchase.quantities, order.customer, purchase.district, purchase.agent)
        url = await order_at_once(browser, self.shop, basket)
        await self._pay_page(order, url)
        match order.course:
            case OrderCourse.CANCELLED | OrderCourse.REFUSED:
                page = await self._check_out(browser, order, url, cancels=True)
            case OrderCourse.PAID_ANEW:
                done = await check_out(browser, url, [], cancels=True, patience_seconds=_PATIENCE_SECONDS)
                url = await pay_again(browser, done.page)
                await self._pay_page(order, url)
                page = await self._check_out(browser, order, url)
            case OrderCourse.TAB_CLOSED:
                page = await self._check_out(browser, order, url, does=PayerDecision.LEAVE_AT_PIN)
            case OrderCourse.CALLBACK_LOST:
                page = await self._check_out(browser, order, url, is_followed=False)
            case OrderCourse.REOPENED:
                await self._check_out(browser, order, url, does=PayerDecision.LEAVE_AT_PIN)
                browser.clear_cookies()
                page = await self._check_out(browser, order, url)
            case OrderCourse.PAID | OrderCourse.OTHER_INSTRUMENT:
                page = await self._check_out(browser, order, url)
            case _:
                assert_never(order.course)
        return page

    async def _check_out(
        self,
        browser: Browser,
        order: CustomerOrder,
        url: str,
        does: PayerDecision = PayerDecision.APPROVE,
        *,
        is_followed: bool = True,
        cancels: bool = False,
    ) -> PageView:
        """Choose the planned instrument; where it is unavailable, choose another one."""
        payings, spares = order.choices, iter(order.spares)
        for _ in range(_DETOURS_MAX):
            choices = [
                InstrumentChoice(choice.instrument, Payer(choice.number), does, is_followed)
                for choice in payings
            ]
            try:
                done = await check_out(
                    browser, url, choices, cancels=cancels, patience_seconds=_PATIENCE_SECONDS
                )
            except NotOfferedError as missing:
                self.experience.detours += 1
                offered = missing.offered
                spare = next(
                    (choice for choice in spares if not offered or choice.instrument in offered), None
                )
                if spare is None:
                    raise
                # A spare number pays, so a customer who is to cancel does not use one.
                payings = () if cancels else (spare,)
            else:
                return done.page
        raise LostPayerError("no instrument can be had")

    async def _pay_page(self, order: CustomerOrder, url: str) -> None:
        """Record the payment, and set how the shop handles its first IPN."""
        trnx_id = trnx_id_of(url)
        self.experience.payments.setdefault(order.nth, []).append(trnx_id)
        if order.first_ipn is Conduct.HONEST:
            return
        conduct = {"conduct": order.first_ipn, "trnx_id": trnx_id}
        async with self.admin_session.post(f"{self.shop}/_admin/conduct", json=conduct) as answer:
            if answer.status != _HTTP_OK:
                self._surprise(order, f"the shop's desk answers HTTP {answer.status}")

    def _check_page(self, order: CustomerOrder, page: PageView) -> None:
        expected = ENDS[order.course]
        stated = next(
            (standing for standing in ENDS.values() if f'class="standing {standing}"' in page.text),
            "something else",
        )
        self.experience.pages_shown[expected, stated] += 1
        if not page.url.startswith(f"{self.shop}/orders/"):
            self._surprise(order, f"left at {page.url.partition('?')[0]} with HTTP {page.status}")

    def _surprise(self, order: CustomerOrder, text: str) -> None:
        instruments = ", ".join(choice.instrument for choice in order.choices) or "no instrument"
        self.experience.surprises.append(f"order {order.nth} ({order.course}; {instruments}): {text}")
