"""The switch as it is, except that it kills itself at one point of a payment.

`python -m tests.faults.crashes.crashing_switch web --point before_record --after 6 --holds` builds the same
processes as `ekpay serve` and `ekpay worker`. The sixth payment that reaches the point is met by SIGKILL:
nothing is flushed, closed or rolled back by us. With `--holds` the earlier five wait at the point, so that
all six are struck there; without it they go on, and are struck wherever they are. Points with commas between
them are struck together, each with so many payments. With `--stops` the process is only stopped there, by
SIGSTOP, until somebody lets it go on. With `--questions FILE` every inquiry is noted in the file, as a line
of a history (tests/faults/crashes_under_load/history.py).
"""

import argparse
import asyncio
import signal
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import orjson
import uvicorn
import uvloop
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ekpay_switch import telemetry
from ekpay_switch.composition.http_app import build_app
from ekpay_switch.composition.switch import WrapWorld
from ekpay_switch.composition.worker import run_worker
from ekpay_switch.domain.bill import BillQuery, FetchReply, Quote
from ekpay_switch.domain.outcome import Approved, Inquiry, Outcome
from ekpay_switch.domain.payments.claims import Claim, ClaimAnswer, PaymentRecord
from ekpay_switch.domain.payments.delivery import NextSend, PayOrder, RecordAnswer, Recording, SendAnswer
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.persistence.engine import open_database
from ekpay_switch.ports.billers import BillerAdapter, BillerProfile, Billers
from ekpay_switch.ports.world import LeasedPayment, Payments, World
from ekpay_switch.settings import Settings, read_settings
from tests.faults.crashes.crash_points import Fuse, GateDeadline
from tests.faults.crashes.wallet_crash_ports import (
    WALLET_MUTANTS,
    CrashingCallbacks,
    CrashingCollections,
    CrashingRefunds,
    WrappedConnectors,
)

PAYING = "/update-billPayment"
AT_THE_GATE = "at_the_gate"

BILLER_MUTANTS = ("boasts", "sends_twice")


@dataclass(frozen=True, slots=True)
class CrashingPayments:
    """The payments of the product with a fuse before and after every durable step."""

    inner: Payments
    fuse: Fuse

    async def save_quote(self, quote: Quote) -> None:
        await self.inner.save_quote(quote)

    async def claim(self, claim: Claim) -> ClaimAnswer:
        return await self.fuse.around("claim", self.inner.claim(claim))

    async def record(self, recording: Recording) -> RecordAnswer:
        end = recording.plan.end
        await self.fuse.reach("before_record", f"before_record_{end}")
        answer = await self.inner.record(recording)
        await self.fuse.reach("after_record", f"after_record_{end}")
        return answer

    async def lease_due(
        self,
        limit: int,
        lease_seconds: float,
        *,
        per_far_side: int = 16,
        passing_over: Collection[str] = (),
    ) -> Sequence[LeasedPayment]:
        # A dead worker's lease has to end while we wait. The product divides it only down to five seconds;
        # half of them is still longer than an inquiry may take.
        leased = await self.inner.lease_due(
            limit, lease_seconds / 2, per_far_side=per_far_side, passing_over=passing_over
        )
        if leased:
            await self.fuse.reach("after_lease_due")
        return leased

    async def postpone(
        self, leased: LeasedPayment, ask_again_seconds: float | None, why: str, *, was_asked: bool
    ) -> None:
        await self.fuse.around(
            "postpone", self.inner.postpone(leased, ask_again_seconds, why, was_asked=was_asked)
        )

    async def begin_send(self, send: NextSend) -> SendAnswer:
        return await self.fuse.around("begin_send", self.inner.begin_send(send))

    async def by_id(self, payment_id: UUID) -> PaymentRecord | None:
        return await self.inner.by_id(payment_id)

    async def tokens(self, payment_id: UUID) -> Sequence[TokenLine]:
        return await self.inner.tokens(payment_id)


@dataclass(frozen=True, slots=True)
class CrashingBiller:
    """A biller with a fuse before, during and after every call about a payment."""

    inner: BillerAdapter
    fuse: Fuse
    questions: Path | None

    @property
    def profile(self) -> BillerProfile:
        return self.inner.profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        return await self.inner.fetch(query)

    async def pay(self, order: PayOrder) -> Outcome:
        if self.fuse.point == AT_THE_GATE:
            order = replace(order, send_before=GateDeadline.of(order.send_before, self.fuse))
        return await self.fuse.in_the_air("pay", self.inner.pay(order))

    async def inquire(self, order: PayOrder) -> Inquiry:
        return await self.fuse.around("inquire", self._asked(order))

    async def _asked(self, order: PayOrder) -> Inquiry:
        self._note_question(order)
        return await self.inner.inquire(order)

    def _note_question(self, order: PayOrder) -> None:
        if self.questions is not None:
            line = {"kind": "question", "at": time.monotonic(), "payment": str(order.payment_id)}
            # One write of an appended file is whole or not there, whoever is killed meanwhile.
            with self.questions.open("ab", buffering=0) as file:
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


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
    questions: Path | None

    def by_ekpay_id(self, ekpay_id: str) -> BillerAdapter | None:
        return self._wrapped(self.inner.by_ekpay_id(ekpay_id))

    def by_id(self, biller_id: str) -> BillerAdapter | None:
        return self._wrapped(self.inner.by_id(biller_id))

    def all(self) -> Sequence[BillerAdapter]:
        return self.inner.all()

    def _wrapped(self, biller: BillerAdapter | None) -> BillerAdapter | None:
        if biller is None:
            return None
        if self.mutant in BILLER_MUTANTS:
            return MutantBiller(biller, self.mutant)
        return CrashingBiller(biller, self.fuse, self.questions)


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


def wrapping(fuse: Fuse, mutant: str, questions: Path | None) -> WrapWorld:
    """What stands between the flows and the world."""

    def wrap(world: World) -> World:
        return replace(
            world,
            payments=CrashingPayments(world.payments, fuse),
            billers=WrappedBillers(world.billers, fuse, mutant, questions),
            connectors=WrappedConnectors(world.connectors, fuse, mutant, world.clock),
            collections=CrashingCollections(world.collections, fuse),
            callbacks=CrashingCallbacks(world.callbacks, fuse),
            refunds=CrashingRefunds(world.refunds, fuse),
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
    parser.add_argument("--stops", action="store_true")
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--mutant", choices=(*BILLER_MUTANTS, *WALLET_MUTANTS), default="")
    asked = parser.parse_args()
    telemetry.configure(asked.process)
    settings = read_settings()
    fuse = Fuse(asked.point, asked.after, asked.holds, signal.SIGSTOP if asked.stops else signal.SIGKILL)
    wrap = wrapping(fuse, asked.mutant, asked.questions)
    if asked.process == "web":
        serve(settings, fuse, wrap)
    else:
        uvloop.run(run_worker(settings, open_database(settings), asyncio.Event(), wrap))


if __name__ == "__main__":
    main()
