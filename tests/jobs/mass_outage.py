"""Twenty-five far sides that go dark at once under load, in virtual time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from ekpay_switch.domain.bill import BillQuery, FetchReply
from ekpay_switch.domain.outcome import (
    Approved,
    InDoubt,
    Inquiry,
    NoAnswer,
    NotFound,
    Outcome,
    Posted,
    Unreached,
)
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.flows.payments.pay_bill import pay_bill
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wire.breaker import Breaker
from tests.factories import a_bill, a_quote, a_world, an_order
from tests.fakes.billers import PROFILE
from tests.fakes.payments import StoredPayment
from tests.fakes.world import FakeClock
from tests.scenarios.job_rounds import resolve_due

FAR_SIDES = 25
LEASE_SECONDS = 45.0
# Fine while there is work, coarse while there is none; powers of two, so that sums of them are exact.
FINE_SECONDS, COARSE_SECONDS = 0.125, 2.0


@dataclass
class DarkBiller:
    """A biller that says nothing while it is dark, though it takes every other order into its book.

    A breaker, where there is one, stands before it as the wire's does. `reached_at` are the moments of
    everything that left us; `asked_at` those of the inquiries among it, by reference.
    """

    clock: FakeClock
    profile: BillerProfile
    breaker: Breaker | None = None
    is_dark: bool = True
    book: dict[str, int] = field(default_factory=dict)
    told_at: dict[str, float] = field(default_factory=dict)
    asked_at: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    reached_at: list[float] = field(default_factory=list)

    async def fetch(self, query: BillQuery) -> FetchReply:
        raise NotImplementedError(query)

    async def pay(self, order: PayOrder) -> Outcome:
        if not self._leaves(moves_money=True):
            return Unreached("breaker open")
        if not self.is_dark or len(self.told_at) % 2 == 0:
            self.book.setdefault(order.reference, order.sums.amount.minor)
        self.told_at.setdefault(order.reference, self.clock.monotonic())
        return Approved() if await self._answers() else InDoubt("no answer")

    async def inquire(self, order: PayOrder) -> Inquiry:
        if not self._leaves(moves_money=False):
            return NoAnswer("breaker open", was_asked=False)
        self.asked_at[order.reference].append(self.clock.monotonic())
        if not await self._answers():
            return NoAnswer("no answer")
        amount = self.book.get(order.reference)
        return NotFound() if amount is None else Posted(order.reference, amount)

    def inquiries(self) -> list[float]:
        """When it was asked about any payment, in order."""
        return sorted(moment for moments in self.asked_at.values() for moment in moments)

    def _leaves(self, *, moves_money: bool) -> bool:
        now = self.clock.monotonic()
        if self.breaker is not None and not self.breaker.admits(now, moves_money=moves_money):
            return False
        self.reached_at.append(now)
        return True

    async def _answers(self) -> bool:
        await asyncio.sleep(0)  # whoever else asks at this moment has left before the answer is missed
        if self.breaker is not None:
            if self.is_dark:
                self.breaker.record_failure(self.clock.monotonic())
            else:
                self.breaker.record_success()
        return not self.is_dark


class Storm:
    """The far sides, the payments to them and the time that passes over both."""

    def __init__(self, breakers: Iterator[Breaker | None]) -> None:
        self.small = a_world(prefund=10**12)
        self.sides = [
            DarkBiller(
                self.small.clock, replace(PROFILE, id=f"biller_{n}", ekpay_id=f"b9{n:03}"), next(breakers)
            )
            for n in range(FAR_SIDES)
        ]
        self.small.billers.known = [*self.sides]
        self._numbers = count()

    @property
    def now(self) -> float:
        return self.small.clock.monotonic()

    def payments(self, side: DarkBiller) -> dict[str, StoredPayment]:
        """Every payment to this far side, by our reference."""
        kept = self.small.books.payments.values()
        return {p.claim.attempt_reference: p for p in kept if p.claim.biller_id == side.profile.id}

    def states(self) -> set[State]:
        return {payment.state for payment in self.small.books.payments.values()}

    async def burst(self, each: int) -> None:
        """So many payments to each far side, all sent before the first answer is missed."""
        await asyncio.gather(*(self.pay(side) for _ in range(each) for side in self.sides))

    async def pay(self, side: DarkBiller) -> None:
        number = next(self._numbers)
        quote = replace(a_quote(f"Q{number}", a_bill(f"{number:012}")), biller_id=side.profile.id)
        await self.small.world.payments.save_quote(quote)
        order = an_order(f"R{number}", quote.quote_id)
        await pay_bill(replace(order, ekpay_biller_id=side.profile.ekpay_id), self.small.world)

    async def under_load(self, seconds: float, pause_seconds: float) -> None:
        """Let time pass with one more payment after each pause, to one far side after the other."""
        for number in range(int(seconds / pause_seconds)):
            await self.pass_by(pause_seconds)
            await self.pay(self.sides[number % FAR_SIDES])

    async def pass_by(self, seconds: float) -> None:
        """Let time pass and the resolver work."""
        until = self.now + seconds
        found = 1
        while self.now < until:
            step = FINE_SECONDS if found else COARSE_SECONDS
            self.small.clock.pass_by(min(step, until - self.now))
            found = await self._resolve_all_due()

    async def _resolve_all_due(self) -> int:
        """What run_resolver does between two pauses: it looks again at once while there is more to do."""
        total = 0
        for _ in range(1_000):
            found = await resolve_due(self.small.world, LEASE_SECONDS)
            total += found
            if not found:
                return total
        raise AssertionError("the resolver would never have paused")

    def let_there_be_light(self) -> None:
        for side in self.sides:
            side.is_dark = False
