"""A connector in memory, with a book of its own; it does what it is not told to do otherwise."""

import hashlib
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar
from urllib.parse import parse_qsl

from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    CollectInquiry,
    CollectOrder,
    CreateOutcome,
    ExecuteOutcome,
    NeverPaid,
    NoHint,
    PageCreated,
    RefundInquiry,
    RefundLine,
    RefundOrder,
    RefundOutcome,
    RefundsFound,
)
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.payments.inquiries import SafetyFacts, Timing
from ekpay_switch.ports.connectors import Connector, ConnectorProfile, RefundRules
from ekpay_switch.ports.world import Clock
from tests.fakes.crash_points import Steps

BKASH = ConnectorProfile(
    id="bkash",
    name_en="bKash",
    name_bn="বিকাশ",
    instrument="wallet",
    status="active",
    amount_min=Money(100),
    amount_max=Money(3_000_000),
    executes=True,
    page_life_seconds=86_400,
    refunds=RefundRules(days_max=60, parts_max=10),
    charge_basis_points=150,
    safety=SafetyFacts(
        deduplicates=True,
        can_be_asked=True,
        not_found_settle_seconds=None,
        can_be_undone=True,
        echoes_amount=True,
    ),
    timing=Timing(
        answer_seconds=32,
        send_seconds=10,
        ask_after_seconds=(90, 300, 3600),
        ask_every_seconds=3600,
        settle_margin_seconds=60,
        quote_life_seconds=900,
    ),
    inquiries_per_second=5,
    page_ask_after_seconds=(180, 360, 720, 1500),
    url="https://bkash.example",
    payer_charge_basis_points=150,
)
Said_co = TypeVar("Said_co", covariant=True)


@dataclass(frozen=True)
class Move(Generic[Said_co]):
    """What a connector says to one call, and whether it does it all the same."""

    says: Said_co
    moves: bool = False


class PassingClock(Clock, Protocol):
    """A clock that a test moves on."""

    def pass_by(self, seconds: float) -> None:
        """So much time is over."""
        ...


LOST: Move[InDoubt] = Move(InDoubt("the answer was cut off"), moves=True)
LOST_ORDER: Move[InDoubt] = Move(InDoubt("the answer was cut off"))


@dataclass
class Page:
    """One payment as the provider has it."""

    order: CollectOrder
    is_agreed: bool = False
    is_gone: bool = False
    transaction: str = ""
    refunds: list[tuple[str, RefundLine]] = field(default_factory=list)

    @property
    def given_back(self) -> Money:
        return total(line.amount for _, line in self.refunds)


@dataclass
class FakeConnector:
    """Answers from its book, unless a test has put something else in its mouth."""

    clock: PassingClock
    steps: Steps
    profile: ConnectorProfile = BKASH
    pages: dict[str, Page] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    orders: list[CollectOrder] = field(default_factory=list)
    refund_orders: list[RefundOrder] = field(default_factory=list)
    creates: deque[CreateOutcome] = field(default_factory=deque)
    executes: deque[Move[ExecuteOutcome]] = field(default_factory=deque)
    inquiries: deque[CollectInquiry] = field(default_factory=deque)
    refunds: deque[Move[RefundOutcome]] = field(default_factory=deque)
    stalls_seconds: float = 0.0

    # ---- what a test asks and does ------------------------------------------------------------

    def only(self) -> Page:
        (page,) = self.pages.values()
        return page

    def latest(self) -> Page:
        return list(self.pages.values())[-1]

    def taken(self) -> int:
        """What payers have paid here, in minor units."""
        return sum(page.order.amount.minor for page in self.pages.values() if page.transaction)

    def given_back(self) -> int:
        return sum(page.given_back.minor for page in self.pages.values())

    def take(self, page: Page) -> None:
        """The payer's money moves, without our word: what a second success looks like from outside."""
        page.transaction = page.transaction or f"TRX{len(self.pages)}-{page.order.provider_reference}"

    # ---- the port Connector ------------------------------------------------------------

    async def create(self, order: CollectOrder) -> CreateOutcome:
        with self.steps.step("create"):
            if self._is_late("create", order.send_before):
                return LATE
            self.orders.append(order)
            if self.creates:
                return self.creates.popleft()
            name = f"P{len(self.pages) + 1}"
            self.pages[name] = Page(replace(order, provider_reference=name))
            return PageCreated(name, f"https://bkash.example/pay/{name}", {"created": "yes"})

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        with self.steps.step("execute"):
            if self._is_late("execute", order.send_before):
                return LATE
            self.orders.append(order)
            page = self.pages[order.provider_reference]
            move = self.executes.popleft() if self.executes else None
            if (move is None or move.moves) and page.is_agreed and not page.is_gone:
                self.take(page)
            return self._found(page) if move is None else move.says

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        with self.steps.step("inquire_payment"):
            self.asked["inquire"] += 1
            if self.inquiries:
                return self.inquiries.popleft()
            page = self.pages[order.provider_reference]
            found = self._found(page)
            if isinstance(found, Declined):
                return NeverPaid(found.reason)
            return found

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        with self.steps.step("refund"):
            if self._is_late("refund", order.send_before):
                return LATE
            self.refund_orders.append(order)
            if order.may_have_been_heard:
                earlier = self._earlier(order)
                if earlier is not None:
                    return earlier
            move = self.refunds.popleft() if self.refunds else None
            done = self._give_back(order) if move is None or move.moves else None
            if move is not None:
                return move.says
            return done or Declined("exceeds what was paid", "2072")

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        self.asked["inquire_refunds"] += 1
        page = self.pages[order.provider_reference]
        return RefundsFound(tuple(line for _, line in page.refunds))

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """A query like the one that bKash's page sends the browser back with."""
        if headers.get("x-proof") == "wrong":
            return NoHint("the proof is wrong", is_forged=True)
        told = dict(parse_qsl(body.decode()))
        claims = told.get("status", "")
        if not claims:
            return NoHint("no payment and status")
        name = hashlib.sha256(body).hexdigest()[:16]
        return CallbackHint(
            name,
            told.get("paymentID", ""),
            claims,
            reference=told.get("reference", ""),
            is_agreed=claims == "success",
            consent=told.get("consent", ""),
        )

    # ---- how it is done ------------------------------------------------------------

    def _is_late(self, call: str, send_before: float) -> bool:
        self.clock.pass_by(self.stalls_seconds)
        is_late = self.clock.monotonic() >= send_before
        self.asked[call] += not is_late
        return is_late

    def _found(self, page: Page) -> Collected | AwaitingPayer | Declined:
        if page.transaction:
            return Collected(page.order.reference, page.order.amount, page.transaction, {"payer": "0171"})
        if page.is_gone:
            return Declined("cancelled over there", "2029")
        return AwaitingPayer(may_execute=page.is_agreed)

    def _earlier(self, order: RefundOrder) -> RefundLine | InDoubt | None:
        """What the provider has and no other record of ours knows: this refund, sent before."""
        page = self.pages[order.provider_reference]
        lines = [line for _, line in page.refunds if line.provider_refund not in order.known_refunds]
        ours = next((line for line in lines if line.amount == order.amount), None)
        return InDoubt("a refund that no record of ours holds") if lines and ours is None else ours

    def _give_back(self, order: RefundOrder) -> RefundLine | None:
        page = self.pages[order.provider_reference]
        if (page.given_back + order.amount).minor > page.order.amount.minor or not page.transaction:
            return None
        line = RefundLine(f"{page.transaction}-R{len(page.refunds) + 1}", order.amount, is_done=True)
        page.refunds.append((order.reference, line))
        return line


LATE = Unreached("the deadline to send passed")


@dataclass
class FakeConnectors:
    known: list[Connector] = field(default_factory=list)

    def by_id(self, connector_id: str) -> Connector | None:
        return next((one for one in self.known if one.profile.id == connector_id), None)

    def all(self) -> Sequence[Connector]:
        return self.known
