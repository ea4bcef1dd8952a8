"""A small world in memory that implements every port, for tests of flows and of the API."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.alarms import RaisedAlarm
from ekpay_switch.domain.bill import Bill, BillQuery, LockedBill
from ekpay_switch.domain.fees import ANY, FeeRow, FeeTable
from ekpay_switch.domain.ledger.posting_rules import prefund_account
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.addresses import caller_of
from ekpay_switch.ports.world import Clock, NotSent, Partner, WireReply, WireRequest, World
from tests.fakes.billers import FakeBiller, FakeBillers
from tests.fakes.collections.refunds import FakeRefunds
from tests.fakes.collections.store import FakeCallbacks, FakeClients, FakeCollections
from tests.fakes.collections.tables import CollectTables
from tests.fakes.connectors import FakeConnector, FakeConnectors
from tests.fakes.crash_points import Steps
from tests.fakes.merchants import FakeMerchantPayments, FakeMerchants
from tests.fakes.payments import FakePayments
from tests.fakes.routing import FakeRouting
from tests.fakes.sends import FakeLostPayments, FakeLostSends, FakeSends

NOON = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)  # 12:00 in Dhaka


@dataclass
class FakeClock:
    """Time that passes only when somebody waits or a test says so."""

    instant: datetime = NOON
    reading: float = 1_000.0

    def monotonic(self) -> float:
        return self.reading

    def now(self) -> datetime:
        return self.instant

    async def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)
        await asyncio.sleep(0)

    def pass_by(self, seconds: float) -> None:
        self.reading += seconds
        self.instant += timedelta(seconds=seconds)


@dataclass
class FakeAlarms:
    raised: list[tuple[str, UUID]] = field(default_factory=list)

    async def raise_alarm(self, alarm: RaisedAlarm) -> None:
        assert alarm.payment_id is not None, "every alarm of a flow is about a payment"
        self.announce(alarm.kind, alarm.payment_id)

    def announce(self, event: str, payment_id: UUID, **_: str) -> None:
        self.raised.append((event, payment_id))


@dataclass
class FakeBudget:
    """Questions spaced evenly, as the real one spaces them."""

    clock: Clock
    steps: Steps
    next_at: dict[str, float] = field(default_factory=dict)

    async def take(self, far_side: str, per_second: float) -> float:
        with self.steps.step("budget"):
            now = self.clock.monotonic()
            wait_seconds = self.next_at.get(far_side, now) - now
            if wait_seconds <= 0:
                self.next_at[far_side] = now + 1 / per_second
            return max(wait_seconds, 0.0)


@dataclass
class FakeTokens:
    """One token a far side, and one holder of the right to fetch it."""

    clock: Clock
    kept: dict[str, tuple[str, float]] = field(default_factory=dict)
    leased_until: dict[str, float] = field(default_factory=dict)
    epochs: Counter[str] = field(default_factory=Counter)
    logins_at: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def current(self, far_side: str) -> str | None:
        token, until = self.kept.get(far_side, ("", 0.0))
        return token if until > self.clock.monotonic() else None

    async def lease(self, far_side: str, seconds: float) -> int | None:
        now = self.clock.monotonic()
        if self.leased_until.get(far_side, 0.0) > now:
            return None
        self.leased_until[far_side] = now + seconds
        self.epochs[far_side] += 1
        return self.epochs[far_side]

    async def count_login(self, far_side: str, epoch: int, per_hour: int) -> bool:
        now = self.clock.monotonic()
        recent = [instant for instant in self.logins_at[far_side] if instant > now - 3600]
        if self.epochs[far_side] != epoch or len(recent) >= per_hour:
            return False
        self.logins_at[far_side] = [*recent, now]
        return True

    async def uncount_login(self, far_side: str, epoch: int) -> None:
        if self.epochs[far_side] == epoch:
            self.logins_at[far_side] = self.logins_at[far_side][:-1]

    async def store(self, far_side: str, epoch: int, token: str, life_seconds: float) -> bool:
        if self.epochs[far_side] != epoch:
            return False
        self.kept[far_side] = (token, self.clock.monotonic() + life_seconds)
        self.leased_until.pop(far_side, None)
        return True

    async def release(self, far_side: str, epoch: int) -> None:
        if self.epochs[far_side] == epoch:
            self.leased_until.pop(far_side, None)

    async def drop(self, far_side: str, token: str) -> None:
        if self.kept.get(far_side, ("", 0.0))[0] == token:
            del self.kept[far_side]


@dataclass
class FakeHeldBills:
    """Bills that a fetch has locked, and who may ask for one."""

    clock: FakeClock
    steps: Steps
    held: dict[str, LockedBill] = field(default_factory=dict)
    asking_until: dict[str, datetime] = field(default_factory=dict)
    epochs: Counter[str] = field(default_factory=Counter)

    async def current(self, biller_id: str, bill_name: str) -> LockedBill | None:
        held = self.held.get(f"{biller_id} {bill_name}")
        return held if held is not None and held.until > self.clock.now() else None

    async def lease(self, biller_id: str, bill_name: str, seconds: float) -> int | None:
        name, now = f"{biller_id} {bill_name}", self.clock.now()
        with self.steps.step("lease_bill"):
            if self.asking_until.get(name, now) > now:
                return None
            self.asking_until[name] = now + timedelta(seconds=seconds)
            self.epochs[name] += 1
            return self.epochs[name]

    async def keep(self, query: BillQuery, epoch: int, bill: Bill, life_seconds: float) -> LockedBill:
        name = f"{query.biller_id} {query.bill_name}"
        kept = LockedBill(bill, self.clock.now() + timedelta(seconds=life_seconds))
        with self.steps.step("keep_bill"):
            if self.epochs[name] == epoch:
                self.held[name] = kept
                self.asking_until.pop(name, None)
        return kept

    async def release(self, biller_id: str, bill_name: str, epoch: int) -> None:
        name = f"{biller_id} {bill_name}"
        if self.epochs[name] == epoch:
            self.asking_until.pop(name, None)


@dataclass
class FakeWire:
    """Answers in the order given; without one, not a byte leaves."""

    replies: deque[WireReply] = field(default_factory=deque)
    sent: list[tuple[str, WireRequest]] = field(default_factory=list)

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        if not self.replies:
            return NotSent("no reply was prepared")
        self.sent.append((far_side, request))
        return self.replies.popleft()


@dataclass
class FakePartners:
    """The port `PartnerDirectory` over the fake books."""

    books: FakePayments
    known: dict[str, Partner] = field(default_factory=dict)

    def add(self, partner: Partner) -> None:
        self.known[partner.id] = partner

    async def by_user_id(self, user_id: str) -> Partner | None:
        return next((found for found in self.known.values() if found.user_id == user_id), None)

    async def by_id(self, partner_id: str, generation: int = 0) -> Partner | None:  # noqa: ARG002 - never old
        return self.known.get(partner_id)

    async def prefunds(self, partner_id: str) -> Mapping[str, Money]:
        buckets = ("postpaid", "prepaid")
        return {bucket: Money(self.books.balance(prefund_account(partner_id, bucket))) for bucket in buckets}


@dataclass
class FakeFailedLogins:
    """The port `FailedLogins`: so often by address, so often with one name; the clock forgives nothing."""

    at_once: int = 20
    of_address: int = 200
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def count(self, address: str, name: str) -> bool:
        caller = caller_of(address)
        self.failures[caller, ""] += 1
        if self.failures[caller, ""] > self.of_address:
            return False
        self.failures[caller, name] += bool(name)
        return self.failures[caller, name] <= (self.at_once if name else self.of_address)


@dataclass
class FakePermits:
    """The port `Permits`: so many permits at once, refilled evenly by the clock."""

    clock: Clock
    taken: dict[str, tuple[float, float]] = field(default_factory=dict)

    async def take(self, holder: str, per_second: int) -> bool:
        now = self.clock.monotonic()
        left, since = self.taken.get(holder, (float(per_second), now))
        left = min(per_second, left + (now - since) * per_second)
        self.taken[holder] = (left - 1 if left >= 1 else left, now)
        return left >= 1


FIVE_TAKA = FeeRow(
    payee=ANY,
    instrument=ANY,
    amount_max=None,
    fixed=500,
    rate_basis_points=0,
    vat_basis_points=1_500,
    is_vat_inside=False,
    effective_from=date(2025, 1, 1),
)


class SmallWorld:
    """Every fake, and the `BkashWallets` that they make."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.steps = Steps()
        self.books = FakePayments(self.clock, self.steps)
        self.biller = FakeBiller(self.clock, self.steps)
        self.billers = FakeBillers([self.biller])
        self.held_bills = FakeHeldBills(self.clock, self.steps)
        self.budget = FakeBudget(self.clock, self.steps)
        self.alarms = FakeAlarms()
        self.partners = FakePartners(self.books)
        self.connector = FakeConnector(self.clock, self.steps)
        self.connectors = FakeConnectors([self.connector])
        self.tables = CollectTables(self.clock, self.steps, self.books)
        self.collections = FakeCollections(self.tables)
        self.callbacks = FakeCallbacks(self.tables)
        self.refunds = FakeRefunds(self.tables)
        self.routing = FakeRouting(self.clock, self.steps, self.connectors, self.tables)
        self.tables.tell_routing = self.routing.record
        self.clients = FakeClients()
        self.merchants, self.merchant_payments = FakeMerchants(), FakeMerchantPayments()
        self.sends, self.lost_sends = FakeSends(), FakeLostSends()
        self.world = World(
            billers=self.billers,
            connectors=self.connectors,
            payments=self.books,
            collections=self.collections,
            callbacks=self.callbacks,
            refunds=self.refunds,
            routing=self.routing,
            locked_bills=self.held_bills,
            fees=FeeTable("test", (FIVE_TAKA,)),
            budget=self.budget,
            clock=self.clock,
            alarms=self.alarms,
            public_url="https://pay.example",
            merchants=self.merchants,
            merchant_payments=self.merchant_payments,
            sends=self.sends,
            lost_payments=FakeLostPayments(self.lost_sends, self.books),
        )
