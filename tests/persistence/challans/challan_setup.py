"""Treasury challans over real books: a shop, its requests, and a treasury in memory, a line each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.challans import BILLER, ChallanOrder, StoredChallan, challan_prefund
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.fees import FeeTable
from ekpay_switch.flows.challans.raise_challan import continue_challan, raise_challan
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.persistence.challans.store import PostgresChallans
from ekpay_switch.persistence.challans.users import ChallanAccess, ChallanKey, PostgresChallanUsers
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.challans import ChallanPorts
from ekpay_switch.ports.world import World
from ekpay_switch.system_clock import SystemClock
from tests.fakes.challans import ACCOUNTS, TREASURY, FakeTreasury, an_order
from tests.fakes.crash_points import Steps
from tests.fakes.world import FIVE_TAKA, FakeClock, SmallWorld
from tests.persistence.books import SEALER, Books
from tests.persistence.collections.merchant_money_setup import AMOUNT, OWN, Stall, open_stall

BIN = "001234560-0001"
DUE = "UPDATE challan_work SET next_action_at = now() - interval '1 second' WHERE next_action_at IS NOT NULL"
DOUBTS_DUE = """
UPDATE payments SET next_action_at = now() - interval '1 second', lease_until = NULL
WHERE next_action_at IS NOT NULL
"""
SEND_LONG_OVER = "UPDATE attempts SET send_until = now() - interval '1 day' WHERE leg = 'delivery'"


class MachineClock(FakeClock):
    """The machine's time, which real books are written by; nothing in a test makes it pass."""

    def monotonic(self) -> float:
        return SystemClock().monotonic()

    def now(self) -> datetime:
        return SystemClock().now()

    def pass_by(self, seconds: float) -> None:
        assert seconds == 0


class FreeBudget:
    """Every question may be asked."""

    async def take(self, far_side: str, per_second: float) -> float:  # noqa: ARG002 - the port's names
        return 0.0


@dataclass
class Counter:
    """One test's shop, its challans, and whoever pays them."""

    stall: Stall
    engine: AsyncEngine
    challans: PostgresChallans
    access: ChallanAccess
    users: PostgresChallanUsers
    treasury: FakeTreasury
    steps: Steps
    world: World

    @property
    def books(self) -> Books:
        return self.stall.books

    @property
    def office(self) -> ChallanPorts:
        return ChallanPorts(self.world, self.challans, ACCOUNTS)

    async def given(self, partner_id: str = "shop") -> ChallanKey:
        return await self.access.grant(partner_id, f"{partner_id}_challan_test", BIN, "Rahima")

    async def order_for(self, held: LockedTry, request_id: str = "R1", *amounts: int) -> ChallanOrder:
        """What the shop asks for against a payment, named by the shop's own transaction id."""
        payment = await self.stall.shop.seen(held.payment_id)
        return an_order(request_id, *amounts, pay_trxid=payment.text.trnx_id)

    async def raised(self, order: ChallanOrder) -> StoredChallan:
        answer = await raise_challan(order, self.office)
        assert isinstance(answer, StoredChallan), answer
        return answer

    async def worker_round(self) -> None:
        """The resolver, then the clerk, both long after."""
        await self.books.tell(DOUBTS_DUE)
        await self.books.tell(SEND_LONG_OVER)
        for leased in await self.world.payments.lease_due(16, 60.0):
            await resolve_in_doubt(leased, self.world)
        await self.books.tell(DUE)
        for challan in await self.challans.lease_due(8, 60.0):
            await continue_challan(challan, self.office)

    async def balances(self) -> tuple[int, int, int, int]:
        """What is in the prefund, in flight, owed to the treasury, and owed to the shop."""
        held = await self.stall.till.balances()
        accounts = (challan_prefund("shop"), "in_flight", f"payable:{BILLER}", OWN)
        told = tuple(-held.get(account, 0) for account in accounts)
        return told[0], told[1], told[2], told[3]

    async def adds_up(self, paid: int, sold: int = AMOUNT) -> None:
        """The treasury has exactly so much, the shop is owed the rest, and nothing is on its way."""
        assert await self.balances() == (0, 0, paid, sold - paid)
        assert await self.stall.owed() == sold - paid
        assert sum(self.treasury.book.values()) == paid
        assert await self.books.count("challan_work", "next_action_at IS NOT NULL") == 0
        assert await self.books.audit() is None


@asynccontextmanager
async def open_counter(books: Books) -> AsyncIterator[Counter]:
    """A shop with challan access upon these books."""
    engine, transactions = books.database.engine(), ShortTransactions(books.database.connect_hot)
    small, steps = SmallWorld(), Steps()
    clock = MachineClock()
    treasury = FakeTreasury(clock, steps, TREASURY)
    small.billers.known = [treasury]
    world = replace(
        small.world,
        payments=PostgresPayments(engine, books.group_commit, 16, SEALER),
        fees=FeeTable("test", (replace(FIVE_TAKA, fixed=0),)),
        budget=FreeBudget(),
        clock=clock,
    )
    async with open_stall(books, connections=8) as stall:
        await stall.shop.merchant()
        counter = Counter(
            stall,
            engine,
            PostgresChallans(transactions),
            ChallanAccess(engine),
            PostgresChallanUsers(engine),
            treasury,
            steps,
            world,
        )
        yield counter
    await transactions.close()
    await engine.dispose()
