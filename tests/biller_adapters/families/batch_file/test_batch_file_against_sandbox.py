"""Files between the family and the simulated offices over real HTTP: bills come, scrolls go."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date
from pathlib import Path
from uuid import UUID

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import order_for
from ekpay_switch.domain.bill import BillFound, BillMissing, BillQuery, FetchReply
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Declined, Posted
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.domain.scrolls.bill_file_reading import NamingParameter, read_bill_file
from ekpay_switch.domain.scrolls.bill_files import BillFile
from ekpay_switch.domain.scrolls.layouts import content_of, with_digest
from ekpay_switch.domain.scrolls.scroll import (
    BookedAt,
    PaidRow,
    ScrollFile,
    ScrollListing,
    ScrollPayment,
    ScrollRefund,
    rows_due,
    split_lines,
)
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.batch_file.test_batch_file import HOUSES, NobodyOnTheWire
from tests.fakes.bill_files import BillShelf
from tests.sandbox.billers.batch.caller import BatchCaller, batch_at
from tests.sandbox.caller import NOON, Json, SetClock

TODAY = date(2026, 3, 10)


@dataclass
class Exchange:
    """One biller: its manifest, its bills as we hold them, its office."""

    manifest: Manifest
    office: BatchCaller
    shelf: BillShelf
    adapter: BillerAdapter

    @property
    def id(self) -> str:
        return self.manifest.id

    async def load(self, *, is_next: bool = False) -> BillFile:
        content = await self.office.bill_file(self.id, is_next=is_next)
        naming = [
            NamingParameter(one.name, one.pattern, one.group, one.is_required)
            for one in self.manifest.parameters
        ]
        read = read_bill_file(content.encode(), self.id, naming)
        assert isinstance(read, BillFile), read
        ours = {taking.bill_key for taking in self.shelf.takings.values()}
        self.shelf.put(*(bill for bill in read.bills if bill.bill_key not in ours))
        return read

    async def fetch(self, kind: str, nth: int = 0) -> FetchReply:
        cast = await self.office.cast(self.id, kind, nth)
        return await self.adapter.fetch(BillQuery(self.id, cast["fields"]))

    async def order(self, kind: str, nth: int = 0) -> PayOrder:
        found = await self.fetch(kind, nth)
        assert isinstance(found, BillFound), found
        order = order_for(self.id, found.bill, TODAY)
        return replace(order, reference=f"{kind.upper()}{nth}".ljust(26, "X"))

    def scroll(self, *payments: ScrollPayment, cycle: int = 1, first: int = 1) -> ScrollFile:
        terms = self.adapter.profile.scroll
        rows = rows_due(payments, TODAY, first, terms)
        return with_digest(ScrollFile(self.id, TODAY, cycle, is_last=False, layout=terms.layout, rows=rows))

    async def bring(self, file: ScrollFile) -> Json:
        return await self.office.bring(self.id, content_of(file))


def paid(order: PayOrder, receipt: str, minute: int = 0) -> ScrollPayment:
    """A payment as the books tell the scroll of it."""
    billed, nothing = order.sums.billed_amount, Money(0)
    stated = {"amount": billed, "vat": nothing, "late_fee": nothing}
    return ScrollPayment(
        payment_id=order.payment_id,
        number=0,
        number_date=TODAY,
        office_code="",
        bill_ref=order.biller_quote["bill_no"],
        account_ref="",
        ekpay_ref=order.reference,
        collector_ref="R1",
        biller_ack_ref=receipt,
        channel="prefund",
        collector_code="bank1",
        lines=split_lines(billed, stated, {}),
        exact=billed,
        posted=BookedAt(TODAY, NOON.replace(minute=minute)),
    )


@pytest.fixture(params=HOUSES)
async def exchange(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Exchange]:
    manifest, shelf = the_manifest(request.param), BillShelf()
    clock = StoppedClock(NOON.astimezone(UTC))
    around = FamilyContext(NobodyOnTheWire(), InMemoryTokens(), clock, {}, bill_files=shelf)
    async with batch_at(tmp_path, SetClock()) as office:
        exchange = Exchange(manifest, office, shelf, adapter_of(manifest, around))
        await exchange.load()
        yield exchange


async def test_bills_come_are_paid_and_leave_as_a_scroll_that_the_office_posts(exchange: Exchange) -> None:
    orders = [await exchange.order("normal", nth) for nth in range(3)]
    scrolled = []
    for minute, order in enumerate(orders):
        outcome = await exchange.adapter.pay(order)
        assert isinstance(outcome, Approved)
        assert await exchange.adapter.pay(order) == outcome
        receipt = outcome.facts["receipt"]
        assert await exchange.adapter.inquire(order) == Posted(
            order.reference, order.sums.billed_amount.minor, {"receipt": receipt}
        )
        scrolled.append(replace(paid(order, receipt, minute), payment_id=UUID(int=minute + 1)))
        again = await exchange.fetch("normal", minute)
        assert isinstance(again, BillFound)
        assert again.bill.is_paid

    answer = await exchange.bring(exchange.scroll(*scrolled))

    assert (answer["code"], answer["posted"], answer["rejected"]) == ("200", 3, [])
    posted = {payment["reference"]: payment["amount_paisa"] for payment in await exchange.office.payments()}
    assert posted == {order.reference: order.sums.billed_amount.minor for order in orders}
    assert (await exchange.bring(exchange.scroll(*scrolled)))["code"] == "409"
    assert (await exchange.load(is_next=True)).number == 2


async def test_a_payment_given_back_is_taken_back_by_the_next_scroll(exchange: Exchange) -> None:
    order = await exchange.order("normal")
    payment = paid(order, "A")
    first = exchange.scroll(payment)
    await exchange.bring(first)
    told = PaidRow(TODAY, first.rows[0].scroll_no, payment.lines)
    back = ScrollRefund(order.payment_id, TODAY, NOON, payment.exact)
    given = replace(payment, refunds=(back,), listing=ScrollListing(paid_row=told))
    answer = await exchange.bring(exchange.scroll(given, cycle=2, first=2))
    assert (answer["taken_back"], answer["rejected"]) == (1, [])
    assert [payment["state"] for payment in await exchange.office.payments()] == ["cancelled"]


async def test_unknown_and_paid_bills_answer_as_such(exchange: Exchange) -> None:
    assert await exchange.fetch("unknown") == BillMissing()
    found = await exchange.fetch("already_paid")
    assert isinstance(found, BillFound)
    assert found.bill.is_paid


async def test_of_three_bills_the_oldest_is_paid_first(exchange: Exchange) -> None:
    account = {one.name for one in exchange.manifest.parameters if one.wire_name == "bllr_accno"}
    cast = await exchange.office.cast(exchange.id, "three_bills")
    found = [
        bill for bill in exchange.shelf.bills.values() if _is_of(bill.parameters, cast["number"], account)
    ]
    assert len(found) == 3
    order = await exchange.order("three_bills")
    assert order.biller_quote["bill_no"] == min(found, key=lambda bill: bill.due_on).bill_key


def _is_of(parameters: object, number: str, account: set[str]) -> bool:
    assert isinstance(parameters, dict)
    return any(parameters[name] == number for name in account)


@pytest.mark.parametrize(
    ("event", "reason"), [("counter_payment", "already_paid"), ("withdraw", "no_such_bill")]
)
async def test_what_the_next_file_says_refuses_a_payment_of_the_old_quote(
    exchange: Exchange, event: str, reason: str
) -> None:
    order = await exchange.order("normal", 5)
    bill = order.biller_quote["bill_no"]
    await exchange.office.admin("POST", event, {"house": exchange.id, "bill": bill})
    await exchange.load(is_next=True)
    assert await exchange.adapter.pay(order) == Declined(reason, reason)


async def test_an_amount_that_grew_in_the_next_file_refuses_the_old_quote_and_is_paid_anew(
    exchange: Exchange,
) -> None:
    old = await exchange.order("amount_changes")
    await exchange.load(is_next=True)
    assert await exchange.adapter.pay(old) == Declined("amount_differs", "amount_differs")
    new = replace(await exchange.order("amount_changes"), reference="NEW".ljust(26, "X"))
    assert new.sums.billed_amount == old.sums.billed_amount + Money(100)
    assert isinstance(await exchange.adapter.pay(new), Approved)
    assert (await exchange.bring(exchange.scroll(paid(new, "A"))))["posted"] == 1


async def test_no_wire_no_answer_that_is_lost_so_odd_accounts_are_paid_like_others(
    exchange: Exchange,
) -> None:
    kinds = ("lost_paid", "lost_unpaid", "slow", "html", "echoes_other")
    payments = []
    for number, kind in enumerate(kinds, 1):
        order = await exchange.order(kind)
        assert isinstance(await exchange.adapter.pay(order), Approved)
        payments.append(replace(paid(order, "A", number), payment_id=UUID(int=number)))
    assert (await exchange.bring(exchange.scroll(*payments)))["posted"] == len(kinds)


async def test_what_the_office_refuses_to_post_is_named_by_its_row(exchange: Exchange) -> None:
    order = await exchange.order("refuses")
    assert isinstance(await exchange.adapter.pay(order), Approved)
    answer = await exchange.bring(exchange.scroll(paid(order, "A")))
    assert answer["rejected"] == [{"seq": 1, "reason": "refused"}]
