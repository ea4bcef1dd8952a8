"""direct_rest against the simulator of its family over real HTTP: every house, whatever goes wrong there."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ekpay_switch.domain.bill import AmountRefused, BillFound, BillMissing
from ekpay_switch.domain.money import Money, format_taka
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NotFound, Posted
from sandbox.billers.direct.family import DirectFamily
from sandbox.kit.biller.institution import REHEARSAL
from sandbox.registry import DEFAULT_PORTS, InstitutionName
from tests.biller_adapters.conftest import MANIFESTS, the_manifest
from tests.biller_adapters.sandbox_stage import HouseStage, house_stage

HOUSES = tuple(house.id for house in DirectFamily.institutions if house.id != REHEARSAL)
# One more biller of the family needs no house of its own (test_biller_51).
BILLERS = tuple(manifest.id for manifest in MANIFESTS if manifest.id in HOUSES)
HOLDING, DPDC, BTCL, WEST_ZONE = "holding_tax_city", "dpdc_postpaid", "btcl_bill", "wzpdcl_postpaid"


@pytest.fixture
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HouseStage]:
    async with house_stage(the_manifest(request.param), DirectFamily, tmp_path) as stage:
        yield stage


every_house = pytest.mark.parametrize("house", BILLERS, indirect=True)
holding = pytest.mark.parametrize("house", [HOLDING], indirect=True)


def test_every_house_of_the_simulator_has_its_biller() -> None:
    assert {the_manifest(house).family for house in HOUSES} == {"direct_rest"}


@pytest.mark.parametrize("biller", BILLERS)
def test_a_biller_finds_its_house_where_nothing_is_set(biller: str) -> None:
    place = f"http://127.0.0.1:{DEFAULT_PORTS[InstitutionName.DIRECT]}{DirectFamily.base_path}/{biller}"
    assert the_manifest(biller).endpoint.url_default == place


@every_house
async def test_a_bill_is_fetched_paid_paid_again_and_asked_about(house: HouseStage) -> None:
    order = await house.order()
    first = await house.adapter.pay(order)
    again = await house.adapter.pay(order)
    asked = await house.adapter.inquire(order)
    (taken,) = await house.payments()
    facts = {"message": "Payment received", "receipt": taken["receipt"]}
    assert first == again == Approved(facts)
    assert asked == Posted(order.reference, order.sums.billed_amount.minor, facts | {"message": "OK"})
    assert (taken["reference"], taken["amount_paisa"]) == (order.reference, order.sums.billed_amount.minor)


@every_house
async def test_a_paid_bill_is_fetched_as_paid_and_not_paid_by_another(house: HouseStage) -> None:
    order = await house.order()
    assert isinstance(await house.adapter.pay(order), Approved)
    reply = await house.fetch()
    assert isinstance(reply, BillFound)
    assert reply.bill.is_paid
    other = await house.adapter.pay(replace(order, reference="ANOTHER0000000000000000001"))
    assert other == Declined("already_paid", "410")


@every_house
async def test_a_bill_that_was_always_paid_says_so(house: HouseStage) -> None:
    reply = await house.fetch("already_paid")
    assert isinstance(reply, BillFound)
    assert reply.bill.is_paid


@every_house
async def test_nobodys_number_is_a_missing_bill(house: HouseStage) -> None:
    assert await house.fetch("unknown") == BillMissing()


@every_house
async def test_another_amount_than_is_owed_is_refused(house: HouseStage) -> None:
    order = await house.order("amount_changes")
    assert await house.adapter.pay(order) == Declined("amount_differs", "411")
    assert await house.adapter.inquire(order) == NotFound()


@every_house
async def test_a_refused_payment_is_declined(house: HouseStage) -> None:
    assert await house.adapter.pay(await house.order("refuses")) == Declined("refused", "412")


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
async def test_a_slow_payment_is_waited_for(house: HouseStage) -> None:
    assert isinstance(await house.adapter.pay(await house.order("slow")), Approved)


@pytest.mark.parametrize("house", [WEST_ZONE, BTCL, "kgdcl_gas"], indirect=True)
async def test_the_oldest_of_three_bills_comes_first(house: HouseStage) -> None:
    seen = []
    for left in (3, 2, 1):
        order, bill = await house.order("three_bills"), await house.bill("three_bills")
        seen.append(bill.due_on)
        assert bill.unpaid_count == left
        assert isinstance(await house.adapter.pay(order), Approved)
    assert seen == sorted(seen, key=str)
    reply = await house.fetch("three_bills")
    assert isinstance(reply, BillFound)
    assert reply.bill.is_paid


@holding
async def test_a_tax_is_paid_in_parts_and_never_beyond_what_is_left(house: HouseStage) -> None:
    whole = await house.bill()
    part = await house.order(amount="100.00")
    assert part.sums.billed_amount == Money(10_000)
    assert isinstance(await house.adapter.pay(part), Approved)
    left = await house.bill()
    assert left.total == whole.total - Money(10_000)
    too_much = format_taka(left.total.minor + 1)
    assert await house.fetch(amount=too_much) == AmountRefused(left.total)
    assert isinstance(await house.adapter.pay(house.order_of(left)), Approved)
    reply = await house.fetch()
    assert isinstance(reply, BillFound)
    assert reply.bill.is_paid


@pytest.mark.parametrize("house", [BTCL], indirect=True)
async def test_a_telephones_bill_is_the_same_by_its_own_number(house: HouseStage) -> None:
    by_phone, query = await house.bill(), await house.query()
    named = {"bill_no": by_phone.bill_number}
    reply = await house.adapter.fetch(replace(query, parameters=named))
    assert isinstance(reply, BillFound)
    assert replace(reply.bill, biller_quote={}) == replace(by_phone, biller_quote={})


@pytest.mark.parametrize("house", [DPDC], indirect=True)
async def test_dpdc_takes_a_payment_whose_quote_came_over_another_route(house: HouseStage) -> None:
    order = await house.order()
    elsewhere = {name: order.biller_quote[name] for name in ("customer_no", "bill_period")}
    rerouted = replace(order, biller_quote=elsewhere)
    assert isinstance(await house.adapter.pay(rerouted), Approved)
    assert isinstance(await house.adapter.pay(rerouted), Approved)
    assert isinstance(await house.adapter.inquire(rerouted), Posted)
    assert len(await house.payments()) == 1
