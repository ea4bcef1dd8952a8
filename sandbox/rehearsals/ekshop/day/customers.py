"""The customers of a day: they order, pay and come back at a steady pace, each in a browser of their own.

What it returns is what they experienced. Whether that is right is for the books to say, but for an end that a
course cannot have: that is a surprise, and a day with one has failed.
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
from sandbox.callers.payer.browser import Browser, LostPayerError, Shown
from sandbox.callers.payer.checkout import InstrumentChoice, NotOfferedError, check_out
from sandbox.callers.payer.payer import Does, Payer
from sandbox.rehearsals.ekshop.day.plan import ENDS, SENT_BACK, Course, DayOrder

AT_ONCE = 48
"""How many customers are in the shop or on its way to pay at a time: when one leaves the next one comes."""

_PATIENCE_SECONDS = 90.0
_DETOURS_MAX = 6
_LAST_BYTE = 200
_CALL_SECONDS = 30.0
_HTTP_OK = 200


@dataclass(slots=True)
class Experience:
    """What the customers saw: payments by the order's place in the plan, and counts.

    `shown` counts what the shop's page said to whom came back, by what it should have said in the end.
    `detours` are choices of another instrument because one could not be had.
    """

    payments: dict[int, list[str]] = field(default_factory=dict)
    shown: Counter[tuple[str, str]] = field(default_factory=Counter)
    detours: int = 0
    surprises: list[str] = field(default_factory=list)


class Crowd:
    """Acts out a day at one shop."""

    def __init__(self, shop: str) -> None:
        """Nobody has come yet."""
        self.experience = Experience()
        self._shop = shop

    async def perform(self, day: Sequence[DayOrder], advance: Callable[[], None]) -> None:
        """Let every customer come; `advance` is called after each has left."""
        coming = iter(day)

        async def _one_after_the_other(visiting: _Visiting) -> None:
            for order in coming:
                await visiting.visit(order)
                advance()

        async with AsyncExitStack() as closing, asyncio.TaskGroup() as customers:
            timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
            desk = await closing.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            for place in range(AT_ONCE):
                connections = aiohttp.TCPConnector(limit=0, local_addr=_own_address(place))
                closing.push_async_callback(connections.close)
                visiting = _Visiting(self.experience, self._shop, connections, desk)
                customers.create_task(_one_after_the_other(visiting))


def _own_address(place: int) -> tuple[str, int] | None:
    """Where the customers of this place come from: not all from one address, or they would be one to us.

    None where the system has only one address for itself.
    """
    address = (f"127.0.{1 + place // _LAST_BYTE}.{1 + place % _LAST_BYTE}", 0)
    with socket.socket() as probe:
        try:
            probe.bind(address)
        except OSError:
            return None
    return address


@dataclass(frozen=True, slots=True)
class _Visiting:
    experience: Experience
    shop: str
    connections: aiohttp.BaseConnector
    desk: aiohttp.ClientSession

    async def visit(self, order: DayOrder) -> None:
        """Be one customer from the order to the end of their course."""
        try:
            async with Browser(self.connections, hurries=True) as browser:
                shown = await self._act(browser, order)
        except (LostPayerError, aiohttp.ClientError, TimeoutError) as trouble:
            self._surprise(order, f"{type(trouble).__name__} {trouble}".strip())
            return
        if order.course in SENT_BACK:
            self._judge(order, shown)

    async def _act(self, browser: Browser, order: DayOrder) -> Shown:
        bought = order.purchase
        basket = Basket(bought.quantities, order.customer, bought.district, bought.agent)
        url = await order_at_once(browser, self.shop, basket)
        await self._pay_page(order, url)
        match order.course:
            case Course.CANCELLED | Course.REFUSED:
                shown = await self._checked_out(browser, order, url, cancels=True)
            case Course.PAID_ANEW:
                done = await check_out(browser, url, [], cancels=True, patience_seconds=_PATIENCE_SECONDS)
                url = await pay_again(browser, done.page)
                await self._pay_page(order, url)
                shown = await self._checked_out(browser, order, url)
            case Course.TAB_CLOSED:
                shown = await self._checked_out(browser, order, url, does=Does.LEAVE_AT_PIN)
            case Course.CALLBACK_LOST:
                shown = await self._checked_out(browser, order, url, is_followed=False)
            case Course.REOPENED:
                await self._checked_out(browser, order, url, does=Does.LEAVE_AT_PIN)
                browser.clear_cookies()
                shown = await self._checked_out(browser, order, url)
            case Course.PAID | Course.OTHER_INSTRUMENT:
                shown = await self._checked_out(browser, order, url)
            case _:
                assert_never(order.course)
        return shown

    async def _checked_out(
        self,
        browser: Browser,
        order: DayOrder,
        url: str,
        does: Does = Does.APPROVE,
        *,
        is_followed: bool = True,
        cancels: bool = False,
    ) -> Shown:
        """Choose as planned; where an instrument cannot be had, come again and take another one."""
        payings, spares = order.payings, iter(order.spares)
        for _ in range(_DETOURS_MAX):
            choices = [InstrumentChoice(one.instrument, Payer(one.number), does, is_followed) for one in payings]
            try:
                done = await check_out(
                    browser, url, choices, cancels=cancels, patience_seconds=_PATIENCE_SECONDS
                )
            except NotOfferedError as missing:
                self.experience.detours += 1
                offered = missing.offered
                spare = next((one for one in spares if not offered or one.instrument in offered), None)
                if spare is None:
                    raise
                # A spare number pays, so who is to cancel leaves without any.
                payings = () if cancels else (spare,)
            else:
                return done.page
        raise LostPayerError("no instrument can be had")

    async def _pay_page(self, order: DayOrder, url: str) -> None:
        """Keep which payment it is, and let the listener meet its first IPN as was planned."""
        trnx_id = trnx_id_of(url)
        self.experience.payments.setdefault(order.nth, []).append(trnx_id)
        if order.first_ipn is Conduct.HONEST:
            return
        conduct = {"conduct": order.first_ipn, "trnx_id": trnx_id}
        async with self.desk.post(f"{self.shop}/_admin/conduct", json=conduct) as answer:
            if answer.status != _HTTP_OK:
                self._surprise(order, f"the shop's desk answers HTTP {answer.status}")

    def _judge(self, order: DayOrder, shown: Shown) -> None:
        wanted = ENDS[order.course]
        said = next(
            (one for one in ENDS.values() if f'class="standing {one}"' in shown.text), "something else"
        )
        self.experience.shown[wanted, said] += 1
        if not shown.url.startswith(f"{self.shop}/orders/"):
            self._surprise(order, f"left at {shown.url.partition('?')[0]} with HTTP {shown.status}")

    def _surprise(self, order: DayOrder, what: str) -> None:
        instruments = ", ".join(one.instrument for one in order.payings) or "no instrument"
        self.experience.surprises.append(f"order {order.nth} ({order.course}; {instruments}): {what}")
