"""The switch as it is, except that it kills itself at one point of a payment.

`python -m tests.faults.crashing_switch web --point before_record --after 6 --holds` builds the same processes
as `ekpay serve` and `ekpay worker`. The sixth payment that reaches the point is met by SIGKILL: nothing is
flushed, closed or rolled back by us. With `--holds` the earlier five wait at the point, so that all six are
struck there; without it they go on, and are struck wherever they are.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import uvicorn
import uvloop
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ekpay_switch import telemetry
from ekpay_switch.domain.bill import BillQuery, FetchReply, Quote
from ekpay_switch.domain.claims import Claim, ClaimAnswer, Standing
from ekpay_switch.domain.delivery import PayOrder, RecordAnswer, Recording
from ekpay_switch.domain.outcome import Approved, Inquiry, Outcome
from ekpay_switch.main import WrapWorld, build_app, run_worker
from ekpay_switch.persistence.engine import open_database
from ekpay_switch.ports import BillerAdapter, BillerProfile, Billers, Leased, Payments, World
from ekpay_switch.settings import Settings, read_settings

PAYING = "/update-billPayment"
# A send that is still unanswered after this many seconds has long been written, and sits with a slow biller.
IN_THE_AIR_SECONDS = 0.5

MUTANTS = ("boasts", "sends_twice")


@dataclass(slots=True)
class Fuse:
    """Kills this process when `point` is reached for the `after`-th time."""

    point: str
    after: int
    holds: bool
    reached: int = 0

    async def reach(self, *points: str) -> None:
        """Say that a payment is at a point, which may go by several names."""
        if self.point not in points:
            return
        self.reached += 1
        if self.reached >= self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.holds:
            await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class CrashingPayments:
    """The payments of the product with a fuse before and after every durable step."""

    inner: Payments
    fuse: Fuse
    divisor: float

    async def save_quote(self, quote: Quote) -> None:
        await self.inner.save_quote(quote)

    async def claim(self, claim: Claim) -> ClaimAnswer:
        await self.fuse.reach("before_claim")
        answer = await self.inner.claim(claim)
        await self.fuse.reach("after_claim")
        return answer

    async def record(self, recording: Recording) -> RecordAnswer:
        end = recording.plan.end
        await self.fuse.reach("before_record", f"before_record_{end}")
        answer = await self.inner.record(recording)
        await self.fuse.reach("after_record", f"after_record_{end}")
        return answer

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[Leased]:
        # The resolver's lease is the one waiting time that the product does not divide. A dead worker's lease
        # has to end while we wait; still, it is longer than an inquiry may take.
        leased = await self.inner.lease_due(limit, lease_seconds / self.divisor / 2)
        if leased:
            await self.fuse.reach("after_lease_due")
        return leased

    async def postpone(self, leased: Leased, ask_again_seconds: float, why: str, *, asked: bool) -> None:
        await self.fuse.reach("before_postpone")
        await self.inner.postpone(leased, ask_again_seconds, why, asked=asked)
        await self.fuse.reach("after_postpone")

    async def reopen_send(self, leased: Leased, send_seconds: float, lease_seconds: float) -> bool:
        await self.fuse.reach("before_reopen_send")
        is_ours = await self.inner.reopen_send(leased, send_seconds, lease_seconds)
        await self.fuse.reach("after_reopen_send")
        return is_ours

    async def standing(self, payment_id: UUID) -> Standing | None:
        return await self.inner.standing(payment_id)


@dataclass(frozen=True, slots=True)
class CrashingBiller:
    """A biller with a fuse before, during and after every call about a payment."""

    inner: BillerAdapter
    fuse: Fuse

    @property
    def profile(self) -> BillerProfile:
        return self.inner.profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        return await self.inner.fetch(query)

    async def pay(self, order: PayOrder) -> Outcome:
        await self.fuse.reach("before_pay")
        sending = asyncio.create_task(self.inner.pay(order))
        done, _ = await asyncio.wait({sending}, timeout=IN_THE_AIR_SECONDS)
        if not done:
            await self.fuse.reach("during_pay")
        outcome = await sending
        await self.fuse.reach("after_pay")
        return outcome

    async def inquire(self, order: PayOrder) -> Inquiry:
        await self.fuse.reach("before_inquire")
        inquiry = await self.inner.inquire(order)
        await self.fuse.reach("after_inquire")
        return inquiry


@dataclass(frozen=True, slots=True)
class MutantBiller:
    """A biller as a broken switch would use it: the suite must see what it does."""

    inner: BillerAdapter
    mutant: str

    @property
    def profile(self) -> BillerProfile:
        return self.inner.profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        return await self.inner.fetch(query)

    async def pay(self, order: PayOrder) -> Outcome:
        if self.mutant == "boasts":
            return Approved()
        await self.inner.pay(replace(order, reference=f"{order.reference[:-1]}0"))
        await self.inner.pay(order)
        return Approved()

    async def inquire(self, order: PayOrder) -> Inquiry:
        return await self.inner.inquire(order)


@dataclass(frozen=True, slots=True)
class WrappedBillers:
    """All billers, each behind the fuse or the mutant."""

    inner: Billers
    fuse: Fuse
    mutant: str

    def by_ekpay_id(self, ekpay_id: str) -> BillerAdapter | None:
        return self._wrapped(self.inner.by_ekpay_id(ekpay_id))

    def by_id(self, biller_id: str) -> BillerAdapter | None:
        return self._wrapped(self.inner.by_id(biller_id))

    def all(self) -> Sequence[BillerAdapter]:
        return self.inner.all()

    def _wrapped(self, biller: BillerAdapter | None) -> BillerAdapter | None:
        if biller is None:
            return None
        return MutantBiller(biller, self.mutant) if self.mutant else CrashingBiller(biller, self.fuse)


@dataclass(frozen=True, slots=True)
class CrashingAnswers:
    """The HTTP side with a fuse before the answer to a payment leaves."""

    inner: ASGIApp
    fuse: Fuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_or_die(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"].endswith(PAYING):
                await self.fuse.reach("before_answer")
            await send(message)

        await self.inner(scope, receive, send_or_die)


def wrapping(fuse: Fuse, mutant: str, divisor: float) -> WrapWorld:
    """What stands between the flows and the world."""

    def wrap(world: World) -> World:
        return replace(
            world,
            payments=CrashingPayments(world.payments, fuse, divisor),
            billers=WrappedBillers(world.billers, fuse, mutant),
        )

    return wrap


def serve(settings: Settings, fuse: Fuse, wrap: WrapWorld) -> None:
    """The web process, served as `ekpay serve` serves it."""
    app = CrashingAnswers(build_app(settings, open_database(settings), wrap), fuse)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
    )
    uvicorn.Server(config).run()


def main() -> None:
    """Run one process until it dies."""
    parser = argparse.ArgumentParser(description="A switch that kills itself at one point.")
    parser.add_argument("process", choices=("web", "worker"))
    parser.add_argument("--point", default="never")
    parser.add_argument("--after", type=int, default=1)
    parser.add_argument("--holds", action="store_true")
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    asked = parser.parse_args()
    telemetry.configure(asked.process)
    settings = read_settings()
    fuse = Fuse(asked.point, asked.after, asked.holds)
    wrap = wrapping(fuse, asked.mutant, settings.time_divisor)
    if asked.process == "web":
        serve(settings, fuse, wrap)
    else:
        uvloop.run(run_worker(settings, open_database(settings), asyncio.Event(), wrap))


if __name__ == "__main__":
    main()
