"""An installation under load, and the proof that whatever happened to it lost and doubled nothing."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.group_commit.committer import GroupCommitLimits
from tests.faults.crashes.kill_matrix import Row
from tests.faults.crashes.paying_partner import FULL, Shopper, shopping
from tests.faults.crashes_under_load.history import History, verdict_on
from tests.faults.crashes_under_load.history_recorder import FAR_SIDE, LATE, Recorder, Rules
from tests.faults.crashes_under_load.partners import Customer, watch_balance
from tests.faults.crashes_under_load.process_kills import managed
from tests.faults.installation import PATIENCE_SECONDS, Installation

SEED = 20_261_125
# Two customers each of three partners, and one of a partner whose money does not last.
PREFUNDS, CUSTOMERS_EACH = (FULL, FULL, FULL, Money(100_000_00)), (2, 2, 2, 1)
# As tests/faults/installation.py lets the manifest be; two workers may ask about sixteen payments each.
RULES = Rules(
    inquiries_per_second=50,
    inquiries_at_once=32,
    spacing_seconds=1,
    unsure_after_seconds=GroupCommitLimits().reconnect_seconds,
)


@dataclass(slots=True)
class Rehearsal:
    """The load on one installation, and all that is known of it."""

    site: Installation
    history: Recorder
    shoppers: Sequence[Shopper]
    customers: Sequence[Customer]
    struck_at: float
    kills: int = 0
    # Partners whose payments the worker asks about as well, and who are judged by themselves.
    bystanders: list[str] = field(default_factory=list)

    async def recover(self) -> None:
        """Wait until a payment that was asked for after the last strike is acknowledged."""
        await self.history.success_since(self.struck_at)

    def note_strike(self, *victims: str) -> None:
        """Note who is struck now."""
        self.struck_at = self.history.note("kill", victims=victims)
        self.kills += len(victims)

    async def settle(self) -> float:
        """Repeat every payment until it is final; how many seconds after the last strike all were."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(customer.settle() for customer in self.customers))
        return time.monotonic() - self.struck_at

    async def written(self) -> History:
        """The history with both sides' books in it."""
        partners = [shopper.partner_id for shopper in self.shoppers]
        await self.history.add_the_books(self.site, partners, self.bystanders)
        return History.read(self.history.path)

    async def has_met_a_lease(self) -> bool:
        """Whether an answer came after its lease was over: who was struck held a payment on its way."""
        connection = await self.site.database.connect("audit")
        try:
            partners = [shopper.partner_id for shopper in self.shoppers]
            return bool(await connection.fetch(LATE, partners))
        finally:
            await connection.close()

    async def row(self, process: str, point: str) -> tuple[Row, History]:
        """Settle, and judge all that happened: the line of the matrix and what it was drawn from."""
        seconds = await self.settle()
        history = await self.written()
        bills = {line["bill"] for line in history.lines["payment"]}
        saved = sum(line["bill"] in bills for line in history.lines["saved"])
        payments = len(history.lines["payment"])
        return Row(process, point, self.kills, payments, saved, seconds, verdict_on(history)), history


@asynccontextmanager
async def rehearsing(site: Installation, path: Path) -> AsyncIterator[Rehearsal]:
    """An installation whose processes are started again whenever they die, and partners to load it."""
    history = Recorder(path)
    async with AsyncExitStack() as stack:
        shoppers = [await stack.enter_async_context(shopping(site, prefund)) for prefund in PREFUNDS]
        customers = [
            Customer(shopper, history, random.Random(f"{SEED}/{shopper_no}/{number}"))  # noqa: S311 - a rehearsal
            for shopper_no, (shopper, many) in enumerate(zip(shoppers, CUSTOMERS_EACH, strict=True))
            for number in range(many)
        ]
        site.kill("worker")
        await stack.enter_async_context(managed(site, "--questions", str(history.questions)))
        await stack.enter_async_context(history.watching(FAR_SIDE, site.ask_far_side, RULES))
        yield Rehearsal(site, history, shoppers, customers, time.monotonic())


@asynccontextmanager
async def loading(rehearsal: Rehearsal) -> AsyncIterator[None]:
    """Customers and accountants at work meanwhile; what they have begun they end."""
    closing = asyncio.Event()
    load = [asyncio.create_task(customer.shop(closing)) for customer in rehearsal.customers]
    load += [
        asyncio.create_task(watch_balance(shopper, rehearsal.history, closing))
        for shopper in rehearsal.shoppers
    ]
    try:
        yield
    finally:
        closing.set()
        await asyncio.gather(*load)
