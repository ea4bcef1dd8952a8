"""Two ways to one biller: which call goes where, and what the second makes of what the first has fetched."""

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest

from biller_adapters.families.aggregator import Aggregator
from biller_adapters.manifest import Manifest
from biller_adapters.registry import build
from biller_adapters.rehearsal import EXAMPLE_REFERENCE, order_for
from biller_adapters.two_routes import SECOND_ROUTE, TwoRoutes
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillMissing, BillQuery, FetchReply
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, Inquiry, NotFound, Outcome, Unreached
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.conftest import CONFIG, the_manifest
from tests.biller_adapters.families.aggregator.aggregator_stage import (
    DPDC,
    INFO,
    PAYMENT,
    STATUS,
    AggregatorDesk,
    AggregatorStage,
    aggregator_stage,
    bill_data,
    refused,
    told,
)
from tests.biller_adapters.far_side_stage import rude_manners
from tests.wire.conftest import HandClock
from tests.wire.scripted_peer import Manners

QUERY = BillQuery("dpdc_postpaid", {"customer_no": "23456789", "bill_period": "202509"})
OWED = Money(106_000)
DERIVED = f"P{EXAMPLE_REFERENCE}"
RUDE = rude_manners(b'{"status": "111"}')
PAID = {"core_transaction_id": EXAMPLE_REFERENCE, "lid": "L90001", "amount": "1060.00"}


def a_bill(**quote: str) -> Bill:
    return Bill("23456789/202509", "", "23456789", OWED, ZERO, ZERO, OWED, biller_quote=quote)


def an_order(bill: Bill, step: str = SECOND_ROUTE, seconds: float = 1e12) -> PayOrder:
    return replace(order_for(QUERY.biller_id, bill, date(2025, 10, 20), seconds), step=step)


@dataclass
class OneWay:
    """One way of a biller that answers as it is told; implements the port `BillerAdapter`."""

    manifest: Manifest
    found: FetchReply
    steps: tuple[str, ...] = ("pay",)
    paid: list[PayOrder] = field(default_factory=list)
    asked: list[PayOrder] = field(default_factory=list)

    @property
    def profile(self) -> BillerProfile:
        return replace(self.manifest.profile(), steps=self.steps)

    async def fetch(self, query: BillQuery) -> FetchReply:
        del query
        return self.found

    async def pay(self, order: PayOrder) -> Outcome:
        self.paid.append(order)
        return Approved()

    async def inquire(self, order: PayOrder) -> Inquiry:
        self.asked.append(order)
        return NotFound()


def ways(first: FetchReply, second: FetchReply) -> tuple[OneWay, OneWay, TwoRoutes]:
    direct = OneWay(the_manifest("dpdc_postpaid"), first)
    other = OneWay(the_manifest(DPDC.biller_id), second, ("tell",))
    return direct, other, TwoRoutes(direct, other)


FIRST, SECOND = BillFound(a_bill(theirs="1")), BillFound(a_bill(aggregator_transaction="abc"))
SILENT = BillerSilent("connection refused")


# ---- which way a call goes ---------------------------------------------------------------------------------


def test_it_is_the_first_biller_with_another_way() -> None:
    direct, _, both = ways(FIRST, SECOND)
    assert both.profile == replace(direct.profile, second_route=SECOND_ROUTE)


async def test_a_bill_of_the_first_way_keeps_what_was_asked() -> None:
    *_, both = ways(FIRST, SECOND)
    assert await both.fetch(QUERY) == BillFound(a_bill(theirs="1", **QUERY.parameters))


@pytest.mark.parametrize("says", [BillMissing(), BillFound(replace(a_bill(), is_paid=True))])
async def test_any_answer_of_the_first_way_is_the_answer(says: FetchReply) -> None:
    *_, both = ways(says, SECOND)
    assert type(await both.fetch(QUERY)) is type(says)


async def test_a_bill_of_the_second_way_is_marked_and_never_paid_on_the_first() -> None:
    direct, other, both = ways(SILENT, SECOND)
    found = await both.fetch(QUERY)
    assert isinstance(found, BillFound)
    order = an_order(found.bill, "pay")
    assert await both.pay(order) == Unreached("the bill was fetched on the other route")
    assert isinstance(await both.pay(replace(order, step=SECOND_ROUTE)), Approved)
    assert (len(direct.paid), [paid.step for paid in other.paid]) == (0, ["tell"])
    assert other.paid[0].biller_quote["aggregator_transaction"] == "abc"


async def test_where_both_ways_are_silent_both_say_why() -> None:
    *_, both = ways(SILENT, BillerSilent("HTTP 503"))
    assert await both.fetch(QUERY) == BillerSilent("connection refused; the other route: HTTP 503")


async def test_a_bill_that_only_the_second_way_knows_nothing_of_is_missing() -> None:
    *_, both = ways(SILENT, BillMissing())
    assert await both.fetch(QUERY) == BillMissing()


@pytest.mark.parametrize("step", ["pay", SECOND_ROUTE])
async def test_payment_and_question_go_the_way_of_the_step(step: str) -> None:
    direct, other, both = ways(FIRST, SECOND)
    order = an_order(a_bill(**QUERY.parameters), step)
    await both.pay(order)
    await both.inquire(order)
    taken, left = (direct, other) if step == "pay" else (other, direct)
    assert len(taken.paid) == len(taken.asked) == 1
    assert left.paid == left.asked == []


def test_a_way_of_several_steps_is_refused() -> None:
    direct, other, _ = ways(FIRST, SECOND)
    for first, second in (
        (replace(direct, steps=("a", "b")), other),
        (direct, replace(other, steps=("a", "b"))),
    ):
        with pytest.raises(ManifestError, match="one step"):
            TwoRoutes(first, second)


def test_a_way_that_needs_to_know_more_is_refused() -> None:
    direct, _, _ = ways(FIRST, SECOND)
    with pytest.raises(ManifestError, match="account_no"):
        TwoRoutes(direct, OneWay(the_manifest("bpdb_postpaid"), SECOND))


# ---- what the aggregator does with a bill that another way has fetched -------------------------------------


async def rerouted(desk: AggregatorDesk, order: PayOrder) -> tuple[Outcome, AggregatorStage]:
    async with aggregator_stage(the_manifest(DPDC.biller_id), DPDC, desk) as stage:
        return await stage.far.adapter.pay(order), stage


def a_desk(**changes: object) -> AggregatorDesk:
    return AggregatorDesk(bill_data("23456789", **changes))


async def test_it_is_looked_up_again_under_a_number_made_of_the_reference_and_paid() -> None:
    order = an_order(a_bill(**QUERY.parameters, their_account="23456789"))
    async with aggregator_stage(the_manifest(DPDC.biller_id), DPDC, a_desk()) as stage:
        first = await stage.far.adapter.pay(order)
        again = await stage.far.adapter.pay(order)
        await stage.far.adapter.inquire(order)
        assert isinstance(stage.far.adapter, Aggregator)
        await stage.far.adapter.undo(order)
    assert isinstance(first, Approved)
    assert first == again
    assert {asked["transaction_id"] for call in (INFO, PAYMENT, STATUS) for asked in stage.sent(call)} == {
        DERIVED
    }
    assert [asked["account_number"] for asked in stage.sent(INFO)] == ["23456789"] * 2


async def test_another_amount_is_declined_before_anything_is_paid() -> None:
    desk = a_desk(amount="1000.01", total="1060.01", payable="1060.01")
    outcome, stage = await rerouted(desk, an_order(a_bill(**QUERY.parameters)))
    assert outcome == Declined("amount_differs")
    assert stage.calls() == [INFO]


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE)
async def test_silence_about_the_bill_is_unreached(manners: Manners) -> None:
    order = an_order(a_bill(**QUERY.parameters))
    outcome, stage = await rerouted(AggregatorDesk(rude={INFO: manners}), order)
    assert isinstance(outcome, Unreached)
    assert stage.calls() == [INFO]


async def test_a_bill_that_the_aggregator_does_not_know_is_declined() -> None:
    order = an_order(a_bill(**QUERY.parameters))
    outcome, stage = await rerouted(AggregatorDesk(answers={INFO: refused("901")}), order)
    assert outcome == Declined("no_such_bill")
    assert stage.calls() == [INFO]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (refused("906"), Declined),
        (told(**PAID), Approved),
        (told(**{**PAID, "amount": "1.00"}), InDoubt),
        (refused("777"), InDoubt),
        (b"{}", InDoubt),
    ],
)
async def test_a_bill_that_is_paid_may_have_been_paid_by_this_very_order(
    status: bytes, outcome: type[Outcome]
) -> None:
    desk = AggregatorDesk(answers={INFO: refused("902"), STATUS: status})
    came_of_it, stage = await rerouted(desk, an_order(a_bill(**QUERY.parameters)))
    assert isinstance(came_of_it, outcome)
    assert stage.calls() == [INFO, STATUS]


async def test_a_quote_that_names_no_bill_cannot_be_paid() -> None:
    outcome, stage = await rerouted(a_desk(), an_order(a_bill(customer_no="23456789")))
    assert isinstance(outcome, Unreached)
    assert stage.calls() == []


async def test_after_the_last_moment_not_even_the_bill_is_looked_up() -> None:
    outcome, stage = await rerouted(a_desk(), an_order(a_bill(**QUERY.parameters), seconds=0.0))
    assert isinstance(outcome, Unreached)
    assert stage.calls() == []


# ---- the catalogue -----------------------------------------------------------------------------------------

DIRECT_TEXT, OTHER_TEXT = (
    (CONFIG / "billers" / f"{name}.toml").read_text(encoding="utf-8")
    for name in ("dpdc_postpaid", "dpdc_postpaid_aggregator")
)


def second_routes(folder: Path, **files: str) -> dict[str, str]:
    (folder / "billers").mkdir()
    for name, text in files.items():
        (folder / "billers" / f"{name}.toml").write_text(text, encoding="utf-8")
    clock = HandClock()
    billers = build(folder, HttpWire(clock), InMemoryTokens(), clock, {})
    return {adapter.profile.id: adapter.profile.second_route for adapter in billers.all()}


def test_a_route_is_no_biller_of_its_own(tmp_path: Path) -> None:
    both = {"dpdc_postpaid": DIRECT_TEXT, "dpdc_postpaid_aggregator": OTHER_TEXT}
    assert second_routes(tmp_path, **both) == {"dpdc_postpaid": SECOND_ROUTE}


def test_a_route_that_is_down_is_not_taken(tmp_path: Path) -> None:
    down = OTHER_TEXT.replace('status = "active"', 'status = "down"')
    both = {"dpdc_postpaid": DIRECT_TEXT, "dpdc_postpaid_aggregator": down}
    assert second_routes(tmp_path, **both) == {"dpdc_postpaid": ""}


def test_a_route_to_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="dpdc_postpaid is no biller"):
        second_routes(tmp_path, dpdc_postpaid_aggregator=OTHER_TEXT)


def test_a_third_way_is_refused(tmp_path: Path) -> None:
    third = OTHER_TEXT.replace('id = "dpdc_postpaid_aggregator"', 'id = "dpdc_postpaid_third"', 1)
    files = {
        "dpdc_postpaid": DIRECT_TEXT,
        "dpdc_postpaid_aggregator": OTHER_TEXT,
        "dpdc_postpaid_third": third,
    }
    with pytest.raises(ManifestError, match="a second route already"):
        second_routes(tmp_path, **files)


def test_a_route_of_a_route_is_refused(tmp_path: Path) -> None:
    third = OTHER_TEXT.replace('id = "dpdc_postpaid_aggregator"', 'id = "dpdc_postpaid_third"', 1)
    third = third.replace('route_of = "dpdc_postpaid"', 'route_of = "dpdc_postpaid_aggregator"')
    files = {
        "dpdc_postpaid": DIRECT_TEXT,
        "dpdc_postpaid_aggregator": OTHER_TEXT,
        "dpdc_postpaid_third": third,
    }
    with pytest.raises(ManifestError, match="dpdc_postpaid_aggregator is no biller"):
        second_routes(tmp_path, **files)
