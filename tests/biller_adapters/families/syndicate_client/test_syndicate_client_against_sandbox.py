"""syndicate_client against the simulated switch over real HTTP: every house, whatever goes wrong there."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from biller_adapters.families.syndicate_client import SyndicateClient
from ekpay_switch.domain.bill import BillFound, BillMissing
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NotFound, Posted
from sandbox.billers.upstream.family import UpstreamFamily
from sandbox.registry import DEFAULT_PORTS, InstitutionName
from tests.biller_adapters.conftest import MANIFESTS, the_manifest
from tests.biller_adapters.sandbox_stage import HouseStage, house_stage

BILLERS = tuple(manifest.id for manifest in MANIFESTS if manifest.family == "syndicate_client")
GAS = tuple(biller for biller in BILLERS if biller.endswith("_gas"))
OPENING, FEE = 10_000_000_000, 575


@pytest.fixture
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HouseStage]:
    async with house_stage(the_manifest(request.param), UpstreamFamily, tmp_path) as stage:
        yield stage


every_house = pytest.mark.parametrize("house", BILLERS, indirect=True)
every_gas_house = pytest.mark.parametrize("house", GAS, indirect=True)


def test_every_house_of_the_simulator_has_its_biller() -> None:
    assert {house.id for house in UpstreamFamily.institutions} == {*BILLERS, "rehearsal"}
    assert len(BILLERS) == 6


@pytest.mark.parametrize("biller", BILLERS)
def test_a_biller_finds_the_switch_where_nothing_is_set(biller: str) -> None:
    place = f"http://127.0.0.1:{DEFAULT_PORTS[InstitutionName.UPSTREAM]}{UpstreamFamily.base_path}"
    assert the_manifest(biller).endpoint.url_default == place


@every_house
async def test_a_bill_is_fetched_paid_paid_again_and_asked_about(house: HouseStage) -> None:
    order = await house.order()
    first = await house.adapter.pay(order)
    again = await house.adapter.pay(order)
    asked = await house.adapter.inquire(order)
    (taken,) = await house.payments()
    facts = {"message": "success", "receipt": taken["receipt"], "upstream_fee": "5.75"}
    assert first == again == Approved(facts)
    assert asked == Posted(order.reference, order.sums.billed_amount.minor, facts)
    assert (taken["reference"], taken["amount_paisa"]) == (order.reference, order.sums.billed_amount.minor)
    assert taken["sends"] == 2


@every_house
async def test_what_is_told_of_a_bill_adds_up(house: HouseStage) -> None:
    bill = await house.bill()
    assert bill.amount + bill.vat + bill.late_fee == bill.total
    assert bill.details["customer_name"]
    assert bill.details["period_from"] < bill.details["period_to"]
    assert bill.due_on is not None
    assert bill.bill_key == bill.bill_number


@every_house
async def test_a_paid_bill_is_fetched_as_paid_and_not_paid_by_another(house: HouseStage) -> None:
    earlier, order = await house.order(), await house.order()
    assert isinstance(await house.adapter.pay(order), Approved)
    reply = await house.fetch()
    assert isinstance(reply, BillFound)
    assert reply.bill.is_paid
    assert await house.adapter.pay(earlier) == Declined("begun_elsewhere", "1010")
    # Paid, and their answer names another reference than ours.
    assert await house.adapter.inquire(earlier) == NotFound()


@every_house
async def test_a_bill_that_was_always_paid_says_so(house: HouseStage) -> None:
    reply = await house.fetch("already_paid")
    assert isinstance(reply, BillFound)
    assert reply.bill.is_paid


@every_house
async def test_nobodys_number_is_a_missing_bill(house: HouseStage) -> None:
    assert await house.fetch("unknown") == BillMissing()


@every_house
async def test_another_amount_than_is_owed_is_refused_and_stays_refused(house: HouseStage) -> None:
    order = await house.order("amount_changes")
    assert await house.adapter.pay(order) == Declined("amount_differs", "1004")
    assert await house.adapter.inquire(order) == NotFound()
    assert await house.adapter.pay(order) == Declined("amount_differs", "1004")


@every_house
async def test_a_refused_payment_is_declined(house: HouseStage) -> None:
    order = await house.order("refuses")
    assert await house.adapter.pay(order) == Declined("refused", "1008")
    assert await house.adapter.inquire(order) == NotFound()


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
    assert await house.adapter.pay(order) == InDoubt("paid with another amount")


@every_house
async def test_a_slow_payment_is_waited_for(house: HouseStage) -> None:
    assert isinstance(await house.adapter.pay(await house.order("slow")), Approved)


@every_gas_house
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


@every_gas_house
async def test_a_customer_with_a_meter_has_no_bill_without_one(house: HouseStage) -> None:
    fields = await house.fields("normal", 1)
    assert fields["bill_type"] == "M"
    assert (await house.bill("normal", 1)).details["kwh"]
    assert await house.fetch("normal", 1, bill_type="NM") == BillMissing()


@every_house
async def test_a_payment_lowers_the_prefund_by_the_bill_and_their_fee(house: HouseStage) -> None:
    assert isinstance(house.adapter, SyndicateClient)
    order = await house.order()
    for _ in range(2):
        assert isinstance(await house.adapter.pay(order), Approved)
    left = Money(OPENING - order.sums.billed_amount.minor - FEE)
    assert await house.adapter.prefunds() == {"postpaid": left, "prepaid": Money(0)}


@pytest.mark.parametrize("house", [BILLERS[0]], indirect=True)
async def test_a_prefund_that_is_too_low_refuses_until_it_is_topped_up(house: HouseStage) -> None:
    await house.desk.admin("POST", "prefund", {"paisa": -OPENING + 1_000})
    order = await house.order()
    assert await house.adapter.pay(order) == Declined("refused", "1006")
    assert await house.adapter.inquire(order) == NotFound()
    assert await house.desk.admin("POST", "prefund", {"paisa": 200_000}) == {"prefund_paisa": 201_000}
    assert await house.adapter.pay(order) == Declined("refused", "1006")
    assert isinstance(await house.adapter.pay(await house.order()), Approved)


@pytest.mark.parametrize("house", [BILLERS[0]], indirect=True)
async def test_a_token_that_died_is_renewed_and_the_payment_taken_once(house: HouseStage) -> None:
    order = await house.order()
    await house.desk.admin("POST", "faults", {"fault": "expire_tokens"})
    assert isinstance(await house.adapter.pay(order), Approved)
    await house.desk.admin("POST", "faults", {"fault": "expire_tokens"})
    assert isinstance(await house.adapter.inquire(order), Posted)
    (taken,) = await house.payments()
    assert taken["sends"] == 1


@pytest.mark.parametrize("house", [BILLERS[0]], indirect=True)
async def test_a_quote_that_was_tampered_with_is_refused_and_pays_nothing(house: HouseStage) -> None:
    order = await house.order()
    spoilt = {
        "ref_id": "Z" * 26,
        "refno_ack": "A" * 26,
        "bllr_inf.bll_amnt_ttl": "1.00",
        "bllr_inf.ekpay_fee": "0.00",
    }
    codes: list[str] = []
    for name, value in spoilt.items():
        told = replace(
            order, reference=f"SPOILT{len(codes):020d}", biller_quote={**order.biller_quote, name: value}
        )
        outcome = await house.adapter.pay(told)
        assert isinstance(outcome, Declined)
        codes.append(outcome.code)
    assert codes == ["1005", "1005", "1004", "1004"]
    assert await house.payments() == []
