"""The payers' load: a shop that collects from many payers at a limited rate, and settles what stayed open.

It returns what shop and payers experienced; the comparison decides whether that is right. Only an end state
that a course cannot have is counted here, as a surprise, and a demo with one has failed.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import aiohttp

from sandbox.callers.client.client import RefusedError
from sandbox.callers.client.messages import (
    FAILED,
    PAID,
    PENDING,
    REFUND_DONE,
    REFUND_PENDING,
    REFUND_WAITS,
    REFUNDED,
    ApiOrder,
    ApiPayment,
    RefundOrder,
    UnreadableReplyError,
    new_key,
)
from sandbox.callers.payer.browser import LostPayerError
from sandbox.callers.payer.payer import Payer, pay
from sandbox.rehearsals.demo.admin_clients.admin_client import by_own_names
from sandbox.rehearsals.demo.collecting.participants import PayerSide
from sandbox.rehearsals.demo.collecting.scenarios import CourseSteps, NextAction, PayerOrder
from sandbox.rehearsals.demo.paying.load import DemoBillers, FarSideAvailability
from sandbox.rehearsals.demo.paying.partner import SwitchSilentError
from sandbox.rehearsals.demo.spaced_starts import start_spaced

Answer = TypeVar("Answer")

# No provider gets more than five calls a second, and payers come one by one.
_EVERY_SECONDS = 0.1
_AT_ONCE = 120
_PAGES_MAX = 3
_PAUSE_SECONDS = 0.5
_PATIENCE_SECONDS = _SILENCE_SECONDS = 180.0
_AT_OUR_PAGE_SECONDS = 20.0
_ASK_EVERY_SECONDS = 1.0
_SETTLE_SECONDS = 600.0
_REASON = "paid for the wrong meter"
_BILLER_REFUSED = "biller_refused"
_NOT_YET = frozenset({"payment_not_payable", "payment_not_cancellable"})
# A slow machine may miss a bank host's deadline; the payment is then reversed.
_FURTHER_TRIES_MAX = 3


@dataclass(slots=True)
class CollectedPayment:
    """One payment of the shop: the planned course, and the last known status.

    `key` is its idempotency key, by which the shop's return page identifies the order. `further_tries` counts
    the tries beyond its course.
    """

    order: PayerOrder
    key: str
    payment: ApiPayment
    further_tries: int = 0

    @property
    def is_as_expected(self) -> bool:
        """Whether payment and refunds have the end state of the course.

        A biller that has lost our login refuses the next payment, whichever that is: then everything is
        refunded or owed to the payer.
        """
        conduct = self.order.steps
        back = (REFUNDED, (REFUND_DONE,)) if self.order.gives_back else (REFUND_PENDING, (REFUND_WAITS,))
        ends = [(conduct.end_status, conduct.refunds)]
        if conduct.end_status == PAID and self.payment.reason == _BILLER_REFUSED:
            ends.append(back)
        statuses = sorted(refund.status for refund in self.payment.refunds)
        return any((self.payment.status, statuses) == (end, sorted(refunds)) for end, refunds in ends)

    @property
    def needs_further_try(self) -> bool:
        """Whether its course needs money that only another try can bring."""
        payment = self.payment
        is_between = payment.page_url is None and payment.next_check_at == payment.pay_until
        is_wanted = self.order.steps.end_status not in {FAILED, PENDING}
        return (
            is_wanted and is_between and payment.status == PENDING and self.further_tries < _FURTHER_TRIES_MAX
        )


@dataclass(slots=True)
class PayerExperience:
    """What happened: payments by their ids, and counts.

    `came_back` payers reached the shop's page, `waited` were asked by the switch's page to wait. `repeats`
    are answers marked as repeats, `tries` the pages requested after the first.
    """

    payments: dict[str, CollectedPayment] = field(default_factory=dict)
    came_back: int = 0
    waited: int = 0
    repeats: int = 0
    tries: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)


class PayerLoad:
    """Carries out one script of payers."""

    def __init__(self, billers: DemoBillers, side: PayerSide, availability: FarSideAvailability) -> None:
        """`availability` decides when a fault may be set at a biller."""
        self.experience = PayerExperience()
        self._billers = billers
        self._side = side
        self._availability = availability
        self._page_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def perform(self, orders: Sequence[PayerOrder], advance: Callable[[], None]) -> None:
        """Let every payer pay, some concurrently; `advance` is called after each."""

        async def carry_out(order: PayerOrder) -> None:
            try:
                await self._act(order)
            except (RefusedError, LostPayerError, aiohttp.ClientError, TimeoutError) as trouble:
                said = f"{type(trouble).__name__} {trouble}".strip()
                self._surprise(f"{order.connector}: {order.course} of bill {order.bill.target}: {said}")
            finally:
                advance()

        await start_spaced(orders, carry_out, at_once=_AT_ONCE, every_seconds=_EVERY_SECONDS)

    async def settle(self, on_progress: Callable[[int], None]) -> None:
        """Ask about all that is not yet as it must end; `on_progress` gets the number left.

        Gives up after ten minutes: payments that are still open are counted when the books are compared.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _SETTLE_SECONDS
        while (unsettled := self._unsettled()) and loop.time() < give_up_at:
            on_progress(len(unsettled))
            await asyncio.sleep(_ASK_EVERY_SECONDS)
            for collected in unsettled:
                await self._refresh_and_retry(collected)
        on_progress(len(unsettled))

    def check_ends(self) -> None:
        """Count as a surprise every end state that a course cannot have, and every unknown visit."""
        for collected in self.experience.payments.values():
            if not collected.is_as_expected:
                conduct, refunds = (
                    collected.order.steps,
                    [refund.status for refund in collected.payment.refunds],
                )
                self._surprise(
                    f"{collected.order.connector}: {collected.order.course} {collected.payment.id} ended "
                    f"{collected.payment.status} with refunds {refunds}, not {conduct.end_status} with "
                    f"{list(conduct.refunds)}"
                )
        visits = self._side.page.visits
        own = {(collected.key, collected.payment.id) for collected in self.experience.payments.values()}
        unknown_visits = self._side.page.unknown_visits + sum(pair not in own for pair in visits)
        if unknown_visits:
            self._surprise(
                f"{unknown_visits} payers came back unexpectedly, or for another payment than theirs"
            )
        self.experience.came_back = visits.total()

    def _unsettled(self) -> list[CollectedPayment]:
        return [collected for collected in self.experience.payments.values() if not collected.is_as_expected]

    async def _act(self, order: PayerOrder) -> None:
        conduct, key = order.steps, new_key()
        collected = await self._create(order, key)
        page_url = await self._page_of(collected)
        if conduct.biller_fault is None:
            await self._at_page(page_url, order.number, conduct)
        else:
            async with self._availability.armed_fault():
                admin_client = self._billers.admin_clients[order.bill.biller]
                await admin_client.set_fault(order.bill.target, conduct.biller_fault)
                await self._at_page(page_url, order.number, conduct)
                # The fault is in the biller's memory until the payment arrives there.
                await self._until(collected, lambda payment: payment.status != PENDING)
        await self._after_page(collected, page_url)
        if conduct.refund_percents:
            await self._until(collected, lambda payment: payment.status != PENDING)
            for percent in conduct.refund_percents if collected.payment.status == PAID else ():
                await self._refund(collected, percent)
        await self._refresh(collected)

    async def _create(self, order: PayerOrder, key: str) -> CollectedPayment:
        client, admin_client = self._side.client, self._billers.admin_clients[order.bill.biller]
        sent = ApiOrder(
            biller=order.bill.biller,
            parameters=by_own_names(admin_client.parameters, order.bill.named[0]),
            amount=order.bill.amount_paisa,
            return_url=self._side.page.url(key),
            instrument=order.connector,
        )
        async with self._exclusive_page_call(order):
            answers = await asyncio.gather(
                *(
                    self._send_until_answered(lambda: client.create(sent, key))
                    for _ in range(1 + order.is_sent_twice)
                )
            )
        first = answers[0].payment
        self.experience.repeats += sum(made.is_repeat for made in answers)
        if {made.payment.id for made in answers} != {first.id}:
            self._surprise(f"one key made the payments {[made.payment.id for made in answers]}")
        collected = CollectedPayment(order, key, first)
        self.experience.payments[first.id] = collected
        return collected

    @asynccontextmanager
    async def _exclusive_page_call(self, order: PayerOrder, *, is_struck: bool = True) -> AsyncIterator[None]:
        """No other payment requests a page of this provider meanwhile, so a fault hits the right one."""
        conduct, admin_client = order.steps, self._side.gateways.get(order.connector)
        if admin_client is None:
            yield
            return
        async with self._page_locks[order.connector]:
            if conduct.ends_logins and is_struck:
                await admin_client.end_logins(order.connector)
            if conduct.page_fault is not None and is_struck:
                await admin_client.strike(order.connector, *conduct.page_fault)
            yield

    async def _page_of(self, collected: CollectedPayment) -> str:
        """The page on which the payer pays; begins another try if the provider opened none."""
        if collected.payment.page_url is None:
            # A late or repeated answer may have been given before the page existed.
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._refresh(collected)
        for _ in range(_PAGES_MAX):
            if collected.payment.page_url is not None:
                return collected.payment.page_url
            await self._try_again(collected)
        raise LostPayerError("the provider opens no page")

    async def _at_page(self, page_url: str, number: str, conduct: CourseSteps) -> None:
        """Act as the payer; at the switch's page, wait until it redirects."""
        visit = await pay(
            page_url,
            Payer(number),
            conduct.behaviour,
            follow=conduct.is_followed,
            patience_seconds=_AT_OUR_PAGE_SECONDS,
        )
        self.experience.waited += visit.looks > 0

    async def _after_page(self, collected: CollectedPayment, page_url: str) -> None:
        match collected.order.steps.next_action:
            case NextAction.NOTHING:
                pass
            case NextAction.NOTICE:
                await self._side.bkash.notify(_payment_at_wallet(page_url))
            case NextAction.SHOP_CANCELS:
                await self._cancel(collected)
            case NextAction.ANOTHER_TRY:
                await self._pay_by_further_try(collected)
            case NextAction.PAYS_TOO_LATE:
                await self._cancel(collected)
                await self._at_page(page_url, collected.order.number, CourseSteps())

    async def _pay_by_further_try(self, collected: CollectedPayment) -> None:
        await self._try_again(collected)
        await self._at_page(await self._page_of(collected), collected.order.other_number, CourseSteps())

    async def _cancel(self, collected: CollectedPayment) -> None:
        collected.payment = await self._once_allowed(lambda: self._side.client.cancel(collected.payment.id))

    async def _try_again(self, collected: CollectedPayment) -> None:
        self.experience.tries += 1
        client, instrument = self._side.client, collected.order.connector
        async with self._exclusive_page_call(collected.order, is_struck=False):
            collected.payment = await self._once_allowed(
                lambda: client.try_again(collected.payment.id, instrument)
            )

    async def _refund(self, collected: CollectedPayment, percent: int) -> None:
        key, order = new_key(), RefundOrder(_owed_paisa(collected.payment) * percent // 100, _REASON)
        await self._send_until_answered(lambda: self._side.client.refund(collected.payment.id, order, key))

    async def _refresh(self, collected: CollectedPayment) -> None:
        collected.payment = await self._send_until_answered(
            lambda: self._side.client.get(collected.payment.id)
        )

    async def _refresh_and_retry(self, collected: CollectedPayment) -> None:
        """Read the payment, and let the payer pay again where the try failed through no fault of theirs."""
        await self._refresh(collected)
        if not collected.needs_further_try:
            return
        collected.further_tries += 1
        try:
            await self._pay_by_further_try(collected)
        except (RefusedError, LostPayerError) as trouble:
            self._surprise(
                f"{collected.order.connector}: {collected.order.course} {collected.payment.id}, "
                f"paying by a further try: {trouble}"
            )

    async def _until(self, collected: CollectedPayment, holds: Callable[[ApiPayment], bool]) -> None:
        """Poll until a condition holds, or for three minutes; then the next step fails and reports it."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _PATIENCE_SECONDS
        await self._refresh_and_retry(collected)
        while not holds(collected.payment) and loop.time() < give_up_at:
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._refresh_and_retry(collected)

    async def _once_allowed(self, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """Repeat a request that is refused as long as the answer of a money request is unknown."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _PATIENCE_SECONDS
        while True:
            try:
                return await self._send_until_answered(send)
            except RefusedError as refused:
                if refused.problem.code not in _NOT_YET or loop.time() >= give_up_at:
                    raise
                self.experience.refusals[refused.problem.code] += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _send_until_answered(self, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """Repeat a request until it gets an answer other than "again, later".

        Raises:
            RefusedError: the answer is a refusal that another sending does not change.
            SwitchSilentError: no usable answer came.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _SILENCE_SECONDS
        while True:
            try:
                return await send()
            except RefusedError as refused:
                if not refused.problem.is_retryable:
                    raise
                silence = refused.problem.code
            except (aiohttp.ClientError, TimeoutError):
                silence = "no_answer"
            except UnreadableReplyError as answer:
                silence = "unreadable"
                self._surprise(f"an answer that is not as the document says: {answer}")
            self.experience.refusals[silence] += 1
            if loop.time() >= give_up_at:
                raise SwitchSilentError(f"no usable answer in {_SILENCE_SECONDS:.0f} s, the last: {silence}")
            await asyncio.sleep(_PAUSE_SECONDS)

    def _surprise(self, text: str) -> None:
        self.experience.surprises.append(text)


def _payment_at_wallet(page_url: str) -> str:
    """The wallet's own id of the payment that its page is for."""
    return parse_qs(urlsplit(page_url).query)["paymentId"][0]


def _owed_paisa(payment: ApiPayment) -> int:
    """What the biller is owed, and so the most that goes back: rounding stays, as charges do."""
    return sum(int(payment.bill[name]) for name in ("amount", "vat", "late_fee"))
