"""Billers whose bills arrive as files: every outcome of a payment that makes no call."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of, build
from biller_adapters.rehearsal import order_for
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillMissing, BillQuery, ChargeLine
from ekpay_switch.domain.errors import CommitUnknownError, OverloadedError
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    NoAnswer,
    NotFound,
    Posted,
    Unreached,
)
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.domain.payments.inquiries import DoubtfulSend, NextStep, next_step_after_not_found
from ekpay_switch.domain.scrolls.bill_files import BillStatus, FiledBill
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.conftest import CONFIG, the_manifest
from tests.fakes.bill_files import BillShelf

HOUSES = ("nu_fee", "school_fee", "up_holding_tax")
NOON = datetime(2026, 3, 10, 6, tzinfo=UTC)
TODAY = date(2026, 3, 10)
REFERENCE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class NobodyOnTheWire:
    """A wire over which nothing may go."""

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        raise AssertionError(f"{far_side} was asked: {request}")


@dataclass
class House:
    """One biller of the family, over bills in memory."""

    manifest: Manifest
    shelf: BillShelf
    adapter: BillerAdapter
    clock: StoppedClock

    @property
    def named(self) -> dict[str, str]:
        """The examples of the first group of parameters."""
        return {one.name: one.example for one in self.manifest.parameters if one.group == "A"}

    def filed(self, key: str = "B-1", **changes: object) -> FiledBill:
        bill = FiledBill(
            bill_key=key,
            status=BillStatus.UNPAID,
            parameters={one.name: one.example for one in self.manifest.parameters},
            customer_name="Rahela Khatun",
            period="2026-03",
            issued_on=TODAY - timedelta(days=10),
            due_on=TODAY + timedelta(days=10),
            amount=Money(120_000),
            vat=Money(5_000),
            late_fee=Money(10_000),
            lines=(ChargeLine("tuition", Money(120_000)),),
        )
        bill = replace(bill, **changes)  # type: ignore[arg-type]  # fields of it
        self.shelf.put(bill)
        return bill

    async def bill(self) -> Bill:
        found = await self.adapter.fetch(BillQuery(self.manifest.id, self.named))
        assert isinstance(found, BillFound), found
        return found.bill

    async def order(self, reference: str = REFERENCE, seconds: float = 1.0) -> PayOrder:
        order = order_for(self.manifest.id, await self.bill(), TODAY, seconds)
        return replace(order, reference=reference)


@pytest.fixture(params=HOUSES)
def house(request: pytest.FixtureRequest) -> House:
    manifest, shelf, clock = the_manifest(request.param), BillShelf(), StoppedClock(NOON)
    around = FamilyContext(NobodyOnTheWire(), InMemoryTokens(), clock, {}, bill_files=shelf)
    return House(manifest, shelf, adapter_of(manifest, around), clock)


# ---- fetching


async def test_a_bill_is_found_by_what_names_it_with_its_lines(house: House) -> None:
    house.filed()
    bill = await house.bill()
    assert (bill.bill_key, bill.bill_number, bill.total.minor) == ("B-1", "B-1", 125_000)
    assert (bill.amount.minor, bill.vat.minor, bill.late_fee.minor) == (120_000, 5_000, 0)
    assert bill.charges == (ChargeLine("tuition", Money(120_000)),)
    assert bill.details == {"customer_name": "Rahela Khatun", "period": "2026-03"}
    assert bill.account in {one.example for one in house.manifest.parameters}


async def test_an_overdue_bill_costs_its_late_fee(house: House) -> None:
    house.filed(due_on=TODAY - timedelta(days=1))
    assert ((await house.bill()).late_fee.minor, (await house.bill()).total.minor) == (10_000, 135_000)


async def test_of_several_unpaid_bills_the_one_due_first_is_meant(house: House) -> None:
    house.filed("B-1", due_on=TODAY + timedelta(days=9))
    house.filed("B-2", due_on=TODAY - timedelta(days=30))
    house.filed("B-3", status=BillStatus.PAID, due_on=TODAY - timedelta(days=60))
    bill = await house.bill()
    assert (bill.bill_key, bill.unpaid_count) == ("B-2", 2)


async def test_a_bill_that_nobody_filed_or_that_was_withdrawn_is_missing(house: House) -> None:
    query = BillQuery(house.manifest.id, house.named)
    assert await house.adapter.fetch(query) == BillMissing()
    house.filed(status=BillStatus.WITHDRAWN)
    assert await house.adapter.fetch(query) == BillMissing()


async def test_a_bill_paid_at_the_counter_or_through_us_is_paid(house: House) -> None:
    house.filed(status=BillStatus.PAID)
    assert ((await house.bill()).is_paid, (await house.bill()).bill_number) == (True, "B-1")
    house.filed()
    await house.adapter.pay(await house.order())
    assert (await house.bill()).is_paid


async def test_who_pays_is_no_part_of_the_bills_name(house: House) -> None:
    house.filed()
    told = {**house.named, "mobile": "01712345678"}
    found = await house.adapter.fetch(BillQuery(house.manifest.id, told, {"mobile": "01712345678"}))
    assert isinstance(found, BillFound)


@pytest.mark.parametrize("error", [OverloadedError(), CommitUnknownError()])
async def test_books_that_are_away_know_nothing_of_the_bill(house: House, error: Exception) -> None:
    house.shelf.broken = error
    assert isinstance(await house.adapter.fetch(BillQuery(house.manifest.id, house.named)), BillerSilent)


async def test_before_it_is_in_force_nothing_is_shown_or_taken(house: House) -> None:
    house.filed()
    order = await house.order()
    clock = StoppedClock(datetime(2024, 12, 31, 6, tzinfo=UTC))
    around = FamilyContext(NobodyOnTheWire(), InMemoryTokens(), clock, {}, bill_files=house.shelf)
    early = adapter_of(house.manifest, around)
    assert await early.fetch(BillQuery(house.manifest.id, house.named)) == BillerSilent("not in force yet")
    assert await early.pay(order) == Unreached("not in force yet")


# ---- paying


async def test_paying_takes_the_bill_and_gives_a_receipt_made_from_the_reference(house: House) -> None:
    house.filed()
    outcome = await house.adapter.pay(await house.order())
    assert isinstance(outcome, Approved)
    prefix = house.manifest.family_settings["receipt_prefix"]
    assert outcome.facts == {"receipt": f"{prefix}-{REFERENCE[-12:]}"}
    assert [taking.bill_key for taking in house.shelf.takings.values()] == ["B-1"]


async def test_paying_again_under_the_same_reference_is_the_same_payment(house: House) -> None:
    house.filed()
    order = await house.order()
    assert await house.adapter.pay(order) == await house.adapter.pay(order)
    assert len(house.shelf.takings) == 1


async def test_another_payment_of_the_bill_is_refused(house: House) -> None:
    house.filed()
    first, second = await house.order(), await house.order("OTHER")
    await house.adapter.pay(first)
    assert await house.adapter.pay(second) == Declined("already_paid", "already_paid")


@pytest.mark.parametrize(
    ("newer", "reason"),
    [
        ({"amount": Money(120_100)}, "amount_differs"),
        ({"due_on": TODAY - timedelta(days=1)}, "amount_differs"),
        ({"status": BillStatus.PAID}, "already_paid"),
        ({"status": BillStatus.WITHDRAWN}, "no_such_bill"),
    ],
)
async def test_a_newer_file_between_quote_and_payment_refuses_it(
    house: House, newer: dict[str, object], reason: str
) -> None:
    house.filed()
    order = await house.order()
    house.filed("B-1", **newer)
    outcome = await house.adapter.pay(order)
    assert isinstance(outcome, Declined)
    assert outcome.reason == reason
    assert house.shelf.takings == {}


async def test_a_reference_with_another_amount_is_refused(house: House) -> None:
    house.filed()
    order = await house.order()
    await house.adapter.pay(order)
    other = replace(order, sums=replace(order.sums, amount=Money(1)))
    assert await house.adapter.pay(other) == Declined("refused", "other_content")


async def test_nothing_is_taken_after_the_last_moment(house: House) -> None:
    house.filed()
    assert isinstance(await house.adapter.pay(await house.order(seconds=0.0)), Unreached)
    assert house.shelf.takings == {}


async def test_a_full_queue_is_nothing_done_and_an_unheard_commit_is_a_doubt(house: House) -> None:
    house.filed()
    order = await house.order()
    house.shelf.broken = OverloadedError()
    assert isinstance(await house.adapter.pay(order), Unreached)
    house.shelf.broken = CommitUnknownError()
    assert isinstance(await house.adapter.pay(order), InDoubt)


# ---- asking afterwards


async def test_a_payment_that_holds_its_bill_is_posted_with_its_amount_and_receipt(house: House) -> None:
    house.filed()
    order = await house.order()
    approved = await house.adapter.pay(order)
    assert isinstance(approved, Approved)
    assert await house.adapter.inquire(order) == Posted(REFERENCE, 125_000, approved.facts)


async def test_asked_first_a_payment_is_not_found_and_can_never_come_after(house: House) -> None:
    """A process that stopped between its check and its write wakes up after its payer got the money back."""
    house.filed()
    order = await house.order()
    assert await house.adapter.inquire(order) == NotFound()
    assert isinstance(await house.adapter.pay(order), Unreached)
    assert await house.adapter.inquire(order) == NotFound()
    assert isinstance(await house.adapter.pay(await house.order("OTHER")), Approved)


async def test_not_found_is_final_as_soon_as_it_is_heard_and_is_given_back(house: House) -> None:
    profile = house.adapter.profile
    send = DoubtfulSend(NOON, 1, NOON + timedelta(hours=1))
    assert next_step_after_not_found(send, NOON, profile.safety, profile.timing) is NextStep.GIVE_BACK


@pytest.mark.parametrize(("error", "was_asked"), [(OverloadedError(), False), (CommitUnknownError(), True)])
async def test_books_that_are_away_settle_nothing(house: House, error: Exception, was_asked: bool) -> None:  # noqa: FBT001
    house.filed()
    order = await house.order()
    house.shelf.broken = error
    answer = await house.adapter.inquire(order)
    assert isinstance(answer, NoAnswer)
    assert answer.was_asked is was_asked


# ---- how it is told of bills at all


def test_the_profile_says_that_bills_come_in_files_and_scrolls_go_out(house: House) -> None:
    profile = house.adapter.profile
    assert profile.has_bill_files
    assert (profile.scroll.layout, profile.scroll.cycles, profile.scroll.is_numbered) == ("common", 4, False)


async def test_whoever_hands_over_no_bill_files_gets_billers_without_bills() -> None:
    clock = StoppedClock(NOON)
    plain = build(CONFIG, NobodyOnTheWire(), InMemoryTokens(), clock, {}).by_id("nu_fee")
    assert plain is not None
    assert await plain.fetch(BillQuery("nu_fee", {"application_id": "56200001"})) == BillMissing()
    order = PayOrder(
        UUID(int=1),
        "nu_fee",
        REFERENCE,
        order_for("nu_fee", _a_bill(), TODAY).sums,
        {"bill_no": "B"},
        0,
        TODAY,
        1.0,
    )
    assert isinstance(await plain.pay(order), Declined)
    assert await plain.inquire(order) == NotFound()


async def test_the_bills_that_are_handed_over_reach_the_family() -> None:
    shelf, clock = BillShelf(), StoppedClock(NOON)
    wire = NobodyOnTheWire()
    handed = build(CONFIG, wire, InMemoryTokens(), clock, {}, bill_files=shelf).by_id("nu_fee")
    assert handed is not None
    House(the_manifest("nu_fee"), shelf, handed, clock).filed()
    found = await handed.fetch(BillQuery("nu_fee", {"pay_slip_no": "5600010001"}))
    assert isinstance(found, BillFound)


def _a_bill() -> Bill:
    nothing = Money(0)
    return Bill("B", "B", "", Money(100), nothing, nothing, Money(100))
