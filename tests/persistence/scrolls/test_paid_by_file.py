"""A payment that makes no call, over real books: whenever its process dies, it has exactly one outcome."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from biller_adapters.manifest import read_manifest
from biller_adapters.registry import adapter_of
from ekpay_switch.domain.bill import Bill, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Inquiry, Outcome
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.domain.scrolls.bill_files import BillFile, BillStatus, FiledBill
from ekpay_switch.domain.scrolls.scroll import RowType, ScrollTerms
from ekpay_switch.flows.payments.pay_bill import PartnerPayOrder, PaymentAnswer, pay_bill
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.persistence.group_commit.steps import SaveQuote
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.persistence.scrolls.bill_files import PostgresBillFiles
from ekpay_switch.persistence.scrolls.store import ScrollOrder, Scrolls
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.billers import BillerAdapter, BillerProfile
from ekpay_switch.ports.world import WireReply, WireRequest, World
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from tests.factories import a_quote
from tests.fakes.world import SmallWorld
from tests.persistence.books import Books
from tests.persistence.scrolls.scroll_setup import today

HOUSE = "nu_fee"
MANIFEST = Path(__file__).parents[3] / "config" / "billers" / f"{HOUSE}.toml"
OWED = 48_500
DUE = """
UPDATE payments SET next_action_at = now() - interval '1 second', lease_until = NULL
WHERE state = 'delivering'
"""
TOO_LATE = "UPDATE attempts SET send_until = now() - interval '1 second'"


class DiedError(BaseException):
    """The process is gone; nothing of it runs any more."""


class NobodyOnTheWire:
    """A wire over which nothing may go."""

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        raise AssertionError(f"{far_side} was asked: {request}")


@dataclass
class Mortal:
    """The biller, in a process that dies `before` or `after` it took a bill, or sleeps in between."""

    living: BillerAdapter
    dies: str = ""

    @property
    def profile(self) -> BillerProfile:
        return self.living.profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        return await self.living.fetch(query)

    async def pay(self, order: PayOrder) -> Outcome:
        if self.dies == "before":
            raise DiedError
        outcome = await self.living.pay(order)
        if self.dies == "after":
            raise DiedError
        return outcome

    async def inquire(self, order: PayOrder) -> Inquiry:
        return await self.living.inquire(order)

    def by_ekpay_id(self, ekpay_id: str) -> BillerAdapter:
        del ekpay_id
        return self

    def by_id(self, biller_id: str) -> BillerAdapter:
        del biller_id
        return self

    def all(self) -> Sequence[BillerAdapter]:
        return [self]


@dataclass
class Counter:
    """One test's switch, its bills and its biller."""

    books: Books
    files: PostgresBillFiles
    transactions: ShortTransactions
    payments: PostgresPayments
    biller: Mortal

    @property
    def world(self) -> World:
        clock = SystemClock()
        return replace(SmallWorld().world, payments=self.payments, billers=self.biller, clock=clock)

    async def bill(self) -> Bill:
        found = await self.biller.fetch(BillQuery(HOUSE, {"application_id": "56200001"}))
        assert isinstance(found, BillFound), found
        return found.bill

    async def order(self, number: int = 1) -> PartnerPayOrder:
        """A quote of the bill as it stands, and the order to pay it."""
        quote = a_quote(f"Q{number}", await self.bill())
        quote = replace(quote, biller_id=HOUSE, expires_at=datetime.now(UTC) + timedelta(minutes=15))
        await self.books.submit(SaveQuote(quote, 0))
        deadline = SystemClock().monotonic() + 20
        return PartnerPayOrder(
            "bank1", 0, f"R{number}", b"f", quote.quote_id, "b9091", quote.bill.total, None, None, deadline
        )

    async def pay(self, number: int = 1) -> object:
        return await pay_bill(await self.order(number), self.world)

    async def resolve(self) -> None:
        """What the worker does once the payment is due."""
        await self.books.tell(DUE)
        await self.books.tell(TOO_LATE)
        for leased in await self.payments.lease_due(10, 45.0):
            await resolve_in_doubt(leased, self.world)

    async def states(self) -> list[str]:
        return [row[0] for row in await self.books.rows("SELECT state FROM payments ORDER BY reference")]


@pytest.fixture
async def counter(books: Books, payments: PostgresPayments) -> AsyncIterator[Counter]:
    await books.partner(prefund=10_000_000)
    transactions = ShortTransactions(books.database.connect_hot)
    files = PostgresBillFiles(transactions)
    around = FamilyContext(NobodyOnTheWire(), InMemoryTokens(), SystemClock(), {}, bill_files=files)
    adapter = adapter_of(read_manifest(MANIFEST), around)
    await files.load(a_file(1, BillStatus.UNPAID))
    yield Counter(books, files, transactions, payments, Mortal(adapter))
    await transactions.close()


def a_file(number: int, status: BillStatus) -> BillFile:
    names = {"pay_slip_no": "5600010001", "application_id": "56200001"}
    nothing = Money(0)
    bill = FiledBill(
        "NU-1", status, names, "X", "2099", None, date(2099, 1, 1), Money(OWED), nothing, nothing
    )
    return BillFile(HOUSE, number, date(2099, 1, 1), f"{number}".encode(), (bill,), Money(OWED))


async def test_a_bill_of_a_file_is_paid_once_and_leaves_in_the_scroll(counter: Counter) -> None:
    paid = await counter.pay()
    assert isinstance(paid, PaymentAnswer)
    assert paid.state is State.COMPLETED
    assert (await counter.bill()).is_paid

    terms = ScrollTerms(cycles=4)
    (row,) = (await Scrolls(counter.transactions).make(ScrollOrder(HOUSE, today(), 1, terms))).rows

    assert (row.row_type, row.bill_ref, row.lines.total.minor) == (RowType.PAY, "NU-1", OWED)
    assert row.biller_ack_ref.startswith("NUF-")
    assert await counter.books.audit() is None


async def test_who_dies_after_taking_the_bill_has_paid_it(counter: Counter) -> None:
    counter.biller.dies = "after"
    with pytest.raises(DiedError):
        await counter.pay()
    assert await counter.states() == ["delivering"]

    await counter.resolve()

    assert await counter.states() == ["completed"]
    assert (await counter.bill()).is_paid
    assert await counter.books.audit() is None


async def test_who_dies_before_taking_the_bill_has_not_paid_it_and_the_bill_is_free(counter: Counter) -> None:
    counter.biller.dies = "before"
    with pytest.raises(DiedError):
        await counter.pay()

    await counter.resolve()

    counter.biller.dies = ""
    assert await counter.states() == ["refunded"]
    again = await counter.pay(2)
    assert isinstance(again, PaymentAnswer)
    assert again.state is State.COMPLETED
    assert await counter.books.audit() is None


async def test_who_sleeps_between_claim_and_taking_wakes_up_too_late(counter: Counter) -> None:
    """The payment was given back meanwhile, so its bill must not be taken under its reference."""
    woken, asleep = asyncio.Event(), asyncio.Event()
    living = counter.biller.living

    @dataclass
    class Sleeper(Mortal):
        async def pay(self, order: PayOrder) -> Outcome:
            asleep.set()
            await woken.wait()
            return await self.living.pay(order)

    counter.biller = Sleeper(living)
    paying = asyncio.create_task(counter.pay())
    await asleep.wait()
    await counter.resolve()
    assert await counter.states() == ["refunded"]
    woken.set()
    late = await paying

    assert isinstance(late, PaymentAnswer)
    assert late.state is State.REFUNDED
    assert await counter.states() == ["refunded"]
    assert not (await counter.bill()).is_paid
    assert await counter.books.audit() is None


async def test_a_bill_paid_at_the_counter_since_it_was_quoted_is_refused(counter: Counter) -> None:
    order = await counter.order()
    await counter.files.load(a_file(2, BillStatus.PAID))
    refused = await pay_bill(order, counter.world)
    assert isinstance(refused, PaymentAnswer)
    assert (refused.state, str(refused.refusal)) == (State.REFUNDED, "biller_refused")
    assert await counter.books.audit() is None
