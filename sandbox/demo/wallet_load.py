"""The payers: a shop that collects from many of them at a sane pace, and settles what stayed open.

What it returns is what shop and payers experienced. Whether that is right is for the comparison to say, but
for an end that a course cannot have: that is a surprise, and a demo with one has failed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import aiohttp

from sandbox.client import return_page
from sandbox.client.client import ApiClient, RefusedError
from sandbox.client.messages import (
    PAID,
    PENDING,
    REFUND_WAITS,
    REFUNDED,
    Order,
    Payment,
    RefundOrder,
    UnreadableAnswerError,
    new_key,
)
from sandbox.client.return_page import ReturnPage
from sandbox.demo.bkash_desk import BkashDesk
from sandbox.demo.desks import Address, by_own_names
from sandbox.demo.load import FarSideDoor, House
from sandbox.demo.partner_side import SwitchSilentError
from sandbox.demo.shop import engage_shop
from sandbox.demo.stage import WALLET, Stage
from sandbox.demo.wallet_script import Conduct, Then, WalletOrder
from sandbox.payer.browser import LostPayerError
from sandbox.payer.payer import Payer, pay

Answer = TypeVar("Answer")

# A payer a quarter of a second: bKash is asked five questions a second at most, and payers are no flood.
_EVERY_SECONDS = 0.25
_AT_ONCE = 40
_TRIES_MAX = 60
_PAUSE_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0
_AT_OUR_PAGE_SECONDS = 30.0
_ASK_EVERY_SECONDS = 1.0
_SETTLE_SECONDS = 120.0
_REASON = "paid for the wrong meter"
_NOT_YET = frozenset({"payment_not_payable", "payment_not_cancellable"})


@dataclass(frozen=True, slots=True)
class WalletSide:
    """Everybody on the payers' side: the shop, its client and its return page, and our desk at the wallet."""

    shop_id: str
    client: ApiClient
    page: ReturnPage
    desk: BkashDesk


@asynccontextmanager
async def opened(stage: Stage) -> AsyncIterator[WalletSide]:
    """A new shop that is ready to collect; the wallet notifies the switch from now on."""
    wallet = stage.setting.wallet
    shop = await engage_shop(stage.tool, wallet.return_place)
    async with (
        return_page.opened(wallet.return_port) as page,
        ApiClient(stage.setting.switch_address, shop.key) as client,
        BkashDesk(Address(wallet.address, stage.passwords[WALLET])) as desk,
    ):
        await desk.subscribe(stage.callback_address)
        yield WalletSide(shop.partner_id, client, page, desk)


@dataclass(slots=True)
class Collected:
    """One payment of the shop: what was to become of it, and what it was told last.

    `key` is its idempotency key, which the shop's return page knows the order by.
    """

    order: WalletOrder
    key: str
    payment: Payment

    @property
    def is_open(self) -> bool:
        """Whether something about it will still change."""
        is_waiting = any(one.status == REFUND_WAITS for one in self.payment.refunds)
        return is_waiting or not self.payment.is_final


@dataclass(slots=True)
class WalletExperience:
    """What was tried: payments by their ids, and counts.

    `came_back` payers reached the shop's page, `waited` were asked by the switch's page to wait. `repeats`
    are answers that said that they were repeats.
    """

    payments: dict[str, Collected] = field(default_factory=dict)
    came_back: int = 0
    waited: int = 0
    repeats: int = 0
    tries: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)


class WalletLoad:
    """Acts out one script of payers."""

    def __init__(self, house: House, side: WalletSide, door: FarSideDoor) -> None:
        """`door` says when a biller may be told to misbehave."""
        self.experience = WalletExperience()
        self._house = house
        self._side = side
        self._door = door

    async def perform(self, orders: Sequence[WalletOrder], advance: Callable[[], None]) -> None:
        """Let every payer pay, some at a time; `advance` is called after each."""
        places = asyncio.Semaphore(_AT_ONCE)

        async def _begin(order: WalletOrder) -> None:
            try:
                await self._act(order)
            except (RefusedError, LostPayerError) as trouble:
                self._surprise(f"{order.course} of bill {order.bill.target}: {trouble}")
            finally:
                places.release()
                advance()

        async with asyncio.TaskGroup() as payers:
            for order in orders:
                await places.acquire()
                payers.create_task(_begin(order))
                await asyncio.sleep(_EVERY_SECONDS)

    async def settle(self, told: Callable[[int], None]) -> None:
        """Ask about all that is open and should end; `told` gets the number left.

        Gives up after two minutes: what is open then is counted by whoever reads the books.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _SETTLE_SECONDS
        while (left := self._left()) and loop.time() < give_up_at:
            told(len(left))
            await asyncio.sleep(_ASK_EVERY_SECONDS)
            for one in left:
                await self._look(one)
        told(len(left))

    def judge(self) -> None:
        """Count as a surprise every end that a course cannot have, and every payer who came for nothing."""
        for one in self.experience.payments.values():
            if one.payment.status != one.order.conduct.end:
                self._surprise(f"{one.order.course} {one.payment.id} ended {one.payment.status}")
            # What is given back by itself, because the bill was not paid, is told as a refund as well.
            wanted = ["done"] * (len(one.order.conduct.refund_percents) + (one.payment.status == REFUNDED))
            statuses = [refund.status for refund in one.payment.refunds]
            if statuses != wanted:
                self._surprise(f"{one.order.course} {one.payment.id} has refunds {statuses}, not {wanted}")
        came = self._side.page.came
        own = {(one.key, one.payment.id) for one in self.experience.payments.values()}
        strangers = self._side.page.strangers + sum(pair not in own for pair in came)
        if strangers:
            self._surprise(f"{strangers} payers came back for nothing, or for another payment than theirs")
        self.experience.came_back = came.total()

    def _left(self) -> list[Collected]:
        """What is still open, but for what is meant to end in review: that is pending to a shop for ever."""
        everything = self.experience.payments.values()
        return [one for one in everything if one.is_open and one.order.conduct.end != PENDING]

    async def _act(self, order: WalletOrder) -> None:
        conduct, key = order.conduct, new_key()
        one = await self._made(order, key)
        page_url = await self._page_of(one)
        if conduct.biller_fault is None:
            await self._at_page(page_url, order.wallet, conduct)
        else:
            async with self._door.armed_fault():
                desk = self._house.desks[order.bill.biller]
                await desk.set_fault(order.bill.target, conduct.biller_fault)
                await self._at_page(page_url, order.wallet, conduct)
                # The fault waits in the biller's memory until the payment has come there.
                await self._until(one, lambda payment: payment.status != PENDING)
        await self._after_page(one, page_url)
        if conduct.refund_percents:
            await self._until(one, lambda payment: payment.status == PAID)
            for percent in conduct.refund_percents:
                await self._refund(one, percent)
        await self._look(one)

    async def _made(self, order: WalletOrder, key: str) -> Collected:
        client, desk = self._side.client, self._house.desks[order.bill.biller]
        sent = Order(
            biller=order.bill.biller,
            parameters=by_own_names(desk.parameters, order.bill.named[0]),
            amount=order.bill.amount_paisa,
            return_url=self._side.page.url(key),
        )
        answers = await asyncio.gather(
            *(self._answered(lambda: client.create(sent, key)) for _ in range(1 + order.is_sent_twice))
        )
        first = answers[0].payment
        self.experience.repeats += sum(made.is_repeat for made in answers)
        if {made.payment.id for made in answers} != {first.id}:
            self._surprise(f"one key made the payments {[made.payment.id for made in answers]}")
        one = Collected(order, key, first)
        self.experience.payments[first.id] = one
        return one

    async def _page_of(self, one: Collected) -> str:
        """Where the payer pays; another try where the wallet opened no page."""
        if one.payment.page_url is None:
            # A late answer, or that of a repeat, may have come before the page was there.
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._look(one)
        if one.payment.page_url is None:
            await self._try_again(one)
        if one.payment.page_url is None:
            raise LostPayerError("the wallet opens no page")
        return one.payment.page_url

    async def _at_page(self, page_url: str, wallet: str, conduct: Conduct) -> None:
        """Be the payer; whoever is sent back to the switch's page stays there until it sends on."""
        visit = await pay(
            page_url,
            Payer(wallet),
            conduct.does,
            follow=conduct.is_followed,
            patience_seconds=_AT_OUR_PAGE_SECONDS,
        )
        self.experience.waited += visit.looks > 0

    async def _after_page(self, one: Collected, page_url: str) -> None:
        match one.order.conduct.then:
            case Then.NOTHING:
                pass
            case Then.NOTICE:
                await self._side.desk.notify(_payment_at_wallet(page_url))
            case Then.SHOP_CANCELS:
                cancel = self._side.client.cancel
                one.payment = await self._once_allowed(lambda: cancel(one.payment.id))
            case Then.ANOTHER_TRY:
                await self._pay_by_another_try(one)

    async def _pay_by_another_try(self, one: Collected) -> None:
        await self._try_again(one)
        if one.payment.page_url is None:
            raise LostPayerError("the wallet opens no second page")
        await self._at_page(one.payment.page_url, one.order.other_wallet, Conduct())

    async def _try_again(self, one: Collected) -> None:
        self.experience.tries += 1
        one.payment = await self._once_allowed(lambda: self._side.client.try_again(one.payment.id))

    async def _refund(self, one: Collected, percent: int) -> None:
        key, order = new_key(), RefundOrder(one.payment.amount * percent // 100, _REASON)
        await self._answered(lambda: self._side.client.refund(one.payment.id, order, key))

    async def _look(self, one: Collected) -> None:
        one.payment = await self._answered(lambda: self._side.client.get(one.payment.id))

    async def _until(self, one: Collected, holds: Callable[[Payment], bool]) -> None:
        """Ask until something holds, or for a minute: what comes after it will fail, and say so."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _PATIENCE_SECONDS
        await self._look(one)
        while not holds(one.payment) and loop.time() < give_up_at:
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._look(one)

    async def _once_allowed(self, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """Send what is refused as long as money was asked for and the answer is not known."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _PATIENCE_SECONDS
        while True:
            try:
                return await self._answered(send)
            except RefusedError as refused:
                if refused.problem.code not in _NOT_YET or loop.time() >= give_up_at:
                    raise
                self.experience.refusals[refused.problem.code] += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _answered(self, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """Send the same thing again until it is answered with anything but "again, later".

        Raises:
            RefusedError: the answer is a refusal that another sending does not change.
            SwitchSilentError: no usable answer came.
        """
        for _ in range(_TRIES_MAX):
            try:
                return await send()
            except RefusedError as refused:
                if not refused.problem.is_retryable:
                    raise
                self.experience.refusals[refused.problem.code] += 1
            except (aiohttp.ClientError, TimeoutError):
                self.experience.refusals["no_answer"] += 1
            except UnreadableAnswerError as answer:
                self._surprise(f"an answer that is not as the document says: {answer}")
            await asyncio.sleep(_PAUSE_SECONDS)
        raise SwitchSilentError(f"no usable answer in {_TRIES_MAX} tries")

    def _surprise(self, what: str) -> None:
        self.experience.surprises.append(what)


def _payment_at_wallet(page_url: str) -> str:
    """The wallet's own name of the payment that its page is for."""
    return parse_qs(urlsplit(page_url).query)["paymentId"][0]
