"""aggregator against its simulator over real HTTP: every utility, whatever goes wrong there."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from biller_adapters.families.aggregator import Aggregator
from biller_adapters.two_routes import SECOND_ROUTE, TwoRoutes
from ekpay_switch.domain.bill import AmountRefused, BillerSilent, BillFound, BillMissing
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NoAnswer, NotFound, Posted, Unreached
from sandbox.billers.aggregator.family import AggregatorFamily
from sandbox.billers.direct.family import DirectFamily as Direct
from sandbox.registry import DEFAULT_PORTS, InstitutionName
from tests.biller_adapters.conftest import MANIFESTS, the_manifest
from tests.biller_adapters.sandbox_stage import HouseStage, house_stage

BILLERS = tuple(manifest.id for manifest in MANIFESTS if manifest.family == "aggregator")
METERED, STATED, WASA, ROUTE = "titas_metered", "titas_nonmetered", "dhaka_wasa", "dpdc_postpaid_aggregator"
TAX = {
    "source_tax_amount": "50.00",
    "challan_no": "2526-0001234567",
    "challan_date": "2026-03-05",
    "challan_bank": "Example Bank",
}


@pytest.fixture
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HouseStage]:
    async with house_stage(the_manifest(request.param), AggregatorFamily, tmp_path) as stage:
        yield stage


def at(*houses: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("house", houses, indirect=True)


every_house = at(*BILLERS)


def undoing(house: HouseStage) -> Aggregator:
    assert isinstance(house.adapter, Aggregator)
    return house.adapter


def test_every_house_of_the_simulator_has_its_biller() -> None:
    assert {house.id for house in AggregatorFamily.institutions} == {*BILLERS, "rehearsal"}


@pytest.mark.parametrize("biller", BILLERS)
def test_a_biller_finds_its_house_where_nothing_is_set(biller: str) -> None:
    place = f"http://127.0.0.1:{DEFAULT_PORTS[InstitutionName.AGGREGATOR]}{AggregatorFamily.base_path}"
    assert the_manifest(biller).endpoint.url_default == place
    assert the_manifest(biller).operations["info"].path == f"/{biller}/bill-info"


@every_house
async def test_a_bill_is_fetched_paid_paid_again_and_asked_about(house: HouseStage) -> None:
    order = await house.order()
    first, again = await house.adapter.pay(order), await house.adapter.pay(order)
    asked = await house.adapter.inquire(order)
    (taken,) = await house.payments()
    facts = {
        "message": "SUCCESS",
        "receipt": taken["receipt"],
        "transaction_id": order.biller_quote["aggregator_transaction"],
    }
    assert first == again == Approved(facts)
    assert asked == Posted(order.reference, order.sums.billed_amount.minor, facts | {"message": "OK"})
    assert (taken["reference"], taken["amount_paisa"]) == (order.reference, order.sums.billed_amount.minor)


@every_house
async def test_a_paid_bill_is_fetched_as_paid_and_not_paid_by_another(house: HouseStage) -> None:
    order, rival = await house.order(), await house.order()
    assert isinstance(await house.adapter.pay(order), Approved)
    reply = await house.fetch()
    assert isinstance(reply, BillFound)
    assert reply.bill.is_paid
    assert await house.adapter.pay(rival) == Declined("already_paid", "902")
    same_info = replace(order, reference="ANOTHER0000000000000000001")
    assert await house.adapter.pay(same_info) == Declined("already_paid", "902")
    assert isinstance(await house.adapter.inquire(same_info), NoAnswer)


@every_house
async def test_a_bill_that_was_always_paid_and_nobodys_bill(house: HouseStage) -> None:
    reply = await house.fetch("already_paid")
    assert isinstance(reply, BillFound)
    assert reply.bill.is_paid
    assert await house.fetch("unknown") == BillMissing()


@every_house
async def test_another_amount_than_is_owed_and_a_refusal_are_declines(house: HouseStage) -> None:
    order = await house.order("amount_changes")
    assert await house.adapter.pay(order) == Declined("amount_differs", "903")
    assert await house.adapter.inquire(order) == NotFound()
    assert await house.adapter.pay(await house.order("refuses")) == Declined("refused", "900")


@every_house
@pytest.mark.parametrize("kind", ["lost_paid", "html"])
async def test_a_payment_that_was_taken_without_an_answer_is_found(house: HouseStage, kind: str) -> None:
    order = await house.order(kind)
    assert isinstance(await house.adapter.pay(order), InDoubt)
    asked = await house.adapter.inquire(order)
    assert isinstance(asked, Posted)
    assert asked.amount_minor == order.sums.billed_amount.minor


@every_house
async def test_a_payment_that_was_lost_is_not_found_and_may_be_sent_again(house: HouseStage) -> None:
    order = await house.order("lost_unpaid")
    assert isinstance(await house.adapter.pay(order), InDoubt)
    assert await house.adapter.inquire(order) == NotFound()
    assert isinstance(await house.adapter.pay(order), Approved)
    assert len(await house.payments()) == 1


@every_house
async def test_an_echo_of_another_amount_is_told_as_it_is(house: HouseStage) -> None:
    order = await house.order("echoes_other")
    assert isinstance(await house.adapter.pay(order), InDoubt)
    asked = await house.adapter.inquire(order)
    assert isinstance(asked, Posted)
    assert asked.amount_minor == order.sums.billed_amount.minor + 100


@every_house
async def test_what_is_in_process_is_neither_paid_nor_lost(house: HouseStage) -> None:
    order = await house.order("slow")
    assert isinstance(await house.adapter.pay(order), Approved)
    # The house's clock stands, so that for it the payment has only just come in.
    assert await house.adapter.inquire(order) == NoAnswer("reply code 777")
    assert isinstance(await house.adapter.pay(order), InDoubt)
    house.clock.advance(seconds=1)
    assert isinstance(await house.adapter.inquire(order), Posted)


@every_house
async def test_a_payment_of_today_is_taken_back_and_its_bill_owed_again(house: HouseStage) -> None:
    order = await house.order()
    assert await undoing(house).undo(order) == Declined("nothing_saved", "906")
    assert isinstance(await house.adapter.pay(order), Approved)
    for _ in range(2):
        assert isinstance(await undoing(house).undo(order), Approved)
    assert await house.adapter.inquire(order) == NotFound()
    again = await house.order()
    assert isinstance(await house.adapter.pay(again), Approved)
    house.clock.advance(days=1)
    assert await undoing(house).undo(again) == Declined("not_open", "907")


@at(WASA)
async def test_a_water_account_stands_for_its_oldest_bill_under_the_same_key(house: HouseStage) -> None:
    number = (await house.desk.admin("GET", f"cast?house={WASA}&kind=three_bills"))["number"]
    by_number, query = await house.bill("three_bills"), await house.query("three_bills")
    reply = await house.adapter.fetch(replace(query, parameters={"account_no": number}))
    assert isinstance(reply, BillFound)
    assert reply.bill.bill_key == by_number.bill_key
    assert (reply.bill.unpaid_count, reply.bill.total) == (3, by_number.total)


@at(METERED)
async def test_a_bill_less_tax_is_paid_and_its_challan_goes_with_no_other(house: HouseStage) -> None:
    whole, order = await house.bill(), await house.order("normal", 0, **TAX)
    rival = await house.order("normal", 1, **TAX)
    assert order.sums.billed_amount == whole.total - Money(5_000)
    assert isinstance(await house.adapter.pay(order), Approved)
    assert await house.adapter.pay(rival) == Declined("refused", "905")
    assert await house.fetch("normal", 1, **TAX) == AmountRefused()
    assert isinstance(await house.adapter.pay(await house.order(nth=1)), Approved)


@at(STATED)
async def test_months_are_stated_surcharged_and_paid_once(house: HouseStage) -> None:
    order = await house.order(from_month="202512", to_month="202602")
    month = await house.bill(from_month="202605")
    # Two of the three are overdue on the tenth of March.
    assert order.sums.billed_amount.minor == month.total.minor * 3 + month.total.minor // 10 * 2
    overlapping = await house.order(from_month="202602", to_month="202604")
    assert isinstance(await house.adapter.pay(order), Approved)
    assert await house.adapter.pay(overlapping) == Declined("already_paid", "902")
    reply = await house.fetch(from_month="202601")
    assert isinstance(reply, BillFound)
    assert reply.bill.is_paid


@at(STATED)
async def test_another_connection_than_the_customers_is_another_amount(house: HouseStage) -> None:
    told = (await house.fields("normal"))["burner_type"]
    other = {"single": "double", "double": "single"}[told]
    assert await house.fetch(burner_type=other) == AmountRefused()


@at(ROUTE)
async def test_what_was_fetched_directly_is_paid_by_the_aggregator(house: HouseStage, tmp_path: Path) -> None:
    direct_manifest = the_manifest("dpdc_postpaid")
    async with house_stage(direct_manifest, Direct, tmp_path / "direct") as direct:
        both = TwoRoutes(direct.adapter, house.adapter)
        found = await both.fetch(await direct.query())
    assert isinstance(found, BillFound)
    # The direct house has closed its door meanwhile.
    order = house.order_of(found.bill)
    assert isinstance(await both.pay(order), Unreached)
    second = replace(order, step=SECOND_ROUTE)
    assert isinstance(await both.pay(second), Approved)
    assert isinstance(await both.pay(second), Approved)
    assert isinstance(await both.inquire(second), Posted)
    (taken,) = await house.payments()
    assert (taken["reference"], taken["amount_paisa"]) == (order.reference, found.bill.total.minor)
    again = await both.fetch(await house.query())
    assert isinstance(again, BillFound)
    assert again.bill.is_paid


@at(ROUTE)
async def test_what_the_second_way_lost_is_asked_and_sent_there_again(house: HouseStage) -> None:
    for kind, found in (("lost_paid", Posted), ("lost_unpaid", NotFound)):
        bill = await house.bill(kind)
        named = {name: bill.biller_quote[name] for name in ("customer_no", "bill_period")}
        order = house.order_of(replace(bill, biller_quote=named))
        assert isinstance(await house.adapter.pay(order), InDoubt)
        assert isinstance(await house.adapter.inquire(order), found)
        assert isinstance(await house.adapter.pay(order), Approved)
    assert len(await house.payments()) == 2


@every_house
async def test_a_house_that_is_shut_is_silent(house: HouseStage) -> None:
    await house.desk.admin("POST", "faults", {"house": house.house, "fault": "close_before", "times": 1})
    assert isinstance(await house.fetch(), BillerSilent)
