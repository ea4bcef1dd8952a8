"""A biller in memory, with a book of its own; it approves what it is not told to treat otherwise."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ekpay_switch.domain.bill import Bill, BillFound, BillMissing, BillQuery, FetchReply
from ekpay_switch.domain.outcome import Approved, InDoubt, Inquiry, NotFound, Outcome, Posted, Unreached
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.domain.payments.inquiries import SafetyFacts, Timing
from ekpay_switch.ports.billers import BillerAdapter, BillerProfile, Parameter
from tests.fakes.connectors import PassingClock
from tests.fakes.crash_points import Steps


@dataclass(frozen=True)
class Deed:
    """What a biller does with one payment: whether it takes it into its book, and what it says."""

    says: Outcome
    posts: bool = False


APPROVES = Deed(Approved({"receipt_no": "D-1"}), posts=True)
LOSES_ANSWER = Deed(InDoubt("the answer was cut off"), posts=True)
LOSES_ORDER = Deed(InDoubt("the answer was cut off"))
LATE = Unreached("the deadline to send passed")

SAFETY = SafetyFacts(
    deduplicates=True,
    can_be_asked=True,
    not_found_settle_seconds=120,
    can_be_undone=False,
    echoes_amount=True,
)
TIMING = Timing(
    answer_seconds=20,
    send_seconds=10,
    ask_after_seconds=(90, 300, 3600),
    ask_every_seconds=3600,
    settle_margin_seconds=60,
    quote_life_seconds=900,
)
BILL_NUMBER = Parameter(
    "bill_no", "bll_no", "Bill number", "বিল নম্বর", "^[0-9]{12}$", "092512345678", "A", is_required=True
)
PROFILE = BillerProfile(
    id="desco_postpaid",
    ekpay_id="b025",
    name_en="DESCO (postpaid)",
    name_bn="ডেসকো (পোস্টপেইড)",
    category="electricity",
    bucket="postpaid",
    status="active",
    parameters=(BILL_NUMBER,),
    takes_bill_once=True,
    has_scroll=True,
    safety=SAFETY,
    timing=TIMING,
    inquiries_per_second=5,
)


@dataclass
class FakeBiller:
    """A biller with a book of its own; it approves what it is not told to treat otherwise."""

    clock: PassingClock
    steps: Steps
    profile: BillerProfile = PROFILE
    bills: dict[str, Bill] = field(default_factory=dict)
    deeds: deque[Deed] = field(default_factory=deque)
    replies: deque[FetchReply] = field(default_factory=deque)
    inquiries: deque[Inquiry] = field(default_factory=deque)
    book: dict[str, int] = field(default_factory=dict)
    orders: list[PayOrder] = field(default_factory=list)
    stalls_seconds: float = 0.0
    gate: asyncio.Event | None = None
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def fetch(self, query: BillQuery) -> FetchReply:
        with self.steps.step("fetch"):
            if self.gate is not None:
                await self.gate.wait()
            if self.replies:
                return self.replies.popleft()
            bill = self.bills.get(query.parameters.get("bill_no", ""))
            return BillMissing() if bill is None else BillFound(bill)

    async def pay(self, order: PayOrder) -> Outcome:
        with self.steps.step("pay"):
            self.clock.pass_by(self.stalls_seconds)
            if self.clock.monotonic() >= order.send_before:
                return LATE
            self.orders.append(order)
            self.was_asked.set()
            deed = self.deeds.popleft() if self.deeds else APPROVES
            if deed.posts:
                self.book.setdefault(order.reference, order.sums.billed_amount.minor)
            if self.gate is not None:
                await self.gate.wait()
            return deed.says

    async def inquire(self, order: PayOrder) -> Inquiry:
        with self.steps.step("inquire"):
            if self.inquiries:
                return self.inquiries.popleft()
            amount = self.book.get(order.reference)
            return NotFound() if amount is None else Posted(order.reference, amount, {"receipt_no": "D-1"})


@dataclass
class FakeUndoingBiller(FakeBiller):
    """A biller that undoes an accepted payment, or answers as it is told to."""

    undo_answers: deque[Outcome] = field(default_factory=deque)

    async def undo(self, order: PayOrder) -> Outcome:
        with self.steps.step("undo"):
            if self.undo_answers:
                return self.undo_answers.popleft()
            self.book.pop(order.reference, None)
            return Approved()


@dataclass
class FakeBillers:
    known: list[BillerAdapter] = field(default_factory=list)

    def by_ekpay_id(self, ekpay_id: str) -> BillerAdapter | None:
        return next((biller for biller in self.known if biller.profile.ekpay_id == ekpay_id), None)

    def by_id(self, biller_id: str) -> BillerAdapter | None:
        return next((biller for biller in self.known if biller.profile.id == biller_id), None)

    def all(self) -> Sequence[BillerAdapter]:
        return self.known
