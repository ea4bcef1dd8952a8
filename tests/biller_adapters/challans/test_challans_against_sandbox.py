"""Every biller of the treasury against the simulated one, over HTTP: each payment once, whatever is lost."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from biller_adapters.challans.calls import CounterSlip, NoSlip, payment_id_of
from ekpay_switch.domain.bill import AmountRefused, BillFound, BillMissing
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NotFound, Posted
from tests.biller_adapters.challans.treasury_sandbox_stage import DEMANDED, STATED, TREASURY, query_of, town

HOUSES = sorted(TREASURY)


def test_all_ten_are_here() -> None:
    assert (len(DEMANDED), len(STATED)) == (7, 3)
    assert {manifest.settlement for manifest in TREASURY.values()} == {"H3"}
    assert all(manifest.profile().has_unique_receipt for manifest in TREASURY.values())


@pytest.mark.parametrize("house", HOUSES)
async def test_paid_once_however_often_it_is_sent(tmp_path: Path, house: str) -> None:
    async with town(tmp_path) as stage:
        adapter, order = stage.adapters[house], await stage.order(house)
        told = await stage.cast(house)
        assert order.sums.billed_amount == Money(told["total_paisa"])
        assert await adapter.inquire(order) == NotFound()
        paid = await adapter.pay(order)
        assert isinstance(paid, Approved), paid
        assert paid.facts["receipt"] == "2526-0000000001"
        assert paid.facts["payment_id"] == payment_id_of(order.reference)
        assert await adapter.pay(order) == paid
        posted = await adapter.inquire(order)
        assert isinstance(posted, Posted), posted
        assert posted.amount_minor == order.sums.billed_amount.minor
        assert posted.facts == {
            "receipt": "2526-0000000001",
            "payment_id": paid.facts["payment_id"],
            "payment_date": "10-03-2026",
            "bank_name": "EKPAY",
            "challan_used": "no",
        }
        assert await stage.paid_paisa(house) == [order.sums.billed_amount]


@pytest.mark.parametrize("house", DEMANDED)
async def test_an_unknown_application_is_missing(tmp_path: Path, house: str) -> None:
    async with town(tmp_path) as stage:
        assert await stage.fetch(house, "unknown") == BillMissing()


@pytest.mark.parametrize("house", STATED)
async def test_a_payer_whom_nobody_knows_is_refused_when_he_pays(tmp_path: Path, house: str) -> None:
    async with town(tmp_path) as stage:
        order = await stage.order(house, "unknown")
        assert await stage.adapters[house].pay(order) == Declined("no_such_bill", "101")


@pytest.mark.parametrize("house", DEMANDED)
async def test_what_is_paid_is_shown_as_paid_and_taken_from_nobody_else(tmp_path: Path, house: str) -> None:
    async with town(tmp_path) as stage:
        already = await stage.fetch(house, "already_paid")
        assert isinstance(already, BillFound)
        assert already.bill.is_paid
        order = await stage.order(house)
        assert isinstance(await stage.adapters[house].pay(order), Approved)
        other = replace(order, reference="SOMEBODY ELSE")
        assert await stage.adapters[house].pay(other) == Declined("already_paid", "102")
        assert len(await stage.paid_paisa(house)) == 1


@pytest.mark.parametrize("house", STATED)
async def test_a_tax_is_paid_any_number_of_times(tmp_path: Path, house: str) -> None:
    async with town(tmp_path) as stage:
        order = await stage.order(house)
        first = await stage.adapters[house].pay(order)
        second = await stage.adapters[house].pay(replace(order, reference="AGAIN"))
        assert isinstance(first, Approved)
        assert isinstance(second, Approved)
        assert (first.facts["receipt"], second.facts["receipt"]) == ("2526-0000000001", "2526-0000000002")


@pytest.mark.parametrize("house", DEMANDED)
async def test_a_fee_that_has_changed_meanwhile_is_refused(tmp_path: Path, house: str) -> None:
    async with town(tmp_path) as stage:
        adapter, order = stage.adapters[house], await stage.order(house, "amount_changes")
        assert await adapter.pay(order) == Declined("amount_differs", "103")
        assert await adapter.inquire(order) == NotFound()


@pytest.mark.parametrize("kind", ["lost_paid", "html", "echoes_other"])
@pytest.mark.parametrize("house", HOUSES)
async def test_a_challan_whose_answer_was_lost_is_found(tmp_path: Path, house: str, kind: str) -> None:
    async with town(tmp_path) as stage:
        adapter, order = stage.adapters[house], await stage.order(house, kind)
        assert isinstance(await adapter.pay(order), InDoubt)
        posted = await adapter.inquire(order)
        assert isinstance(posted, Posted), posted
        more = 100 if kind == "echoes_other" else 0
        assert posted.amount_minor == order.sums.billed_amount.minor + more
        assert posted.facts["receipt"] == "2526-0000000001"
        again = await adapter.pay(order)
        assert isinstance(again, InDoubt if more else Approved)
        assert len(await stage.paid_paisa(house)) == 1


@pytest.mark.parametrize("house", HOUSES)
async def test_a_payment_that_was_lost_unpaid_is_sent_again(tmp_path: Path, house: str) -> None:
    async with town(tmp_path) as stage:
        adapter, order = stage.adapters[house], await stage.order(house, "lost_unpaid")
        assert isinstance(await adapter.pay(order), InDoubt)
        assert await adapter.inquire(order) == NotFound()
        assert await stage.paid_paisa(house) == []
        assert isinstance(await adapter.pay(order), Approved)
        assert len(await stage.paid_paisa(house)) == 1


@pytest.mark.parametrize("house", HOUSES)
async def test_what_the_treasury_refuses_has_moved_no_money(tmp_path: Path, house: str) -> None:
    async with town(tmp_path) as stage:
        adapter, order = stage.adapters[house], await stage.order(house, "refuses")
        assert await adapter.pay(order) == Declined("refused", "104")
        assert await adapter.inquire(order) == NotFound()
        assert isinstance(await adapter.pay(await stage.order(house, "slow")), Approved)


@pytest.mark.parametrize("house", HOUSES)
async def test_an_inquiry_tells_that_an_office_has_spent_the_challan(tmp_path: Path, house: str) -> None:
    async with town(tmp_path) as stage:
        adapter, order = stage.adapters[house], await stage.order(house)
        paid = await adapter.pay(order)
        assert isinstance(paid, Approved), paid
        use: dict[str, object] = {"challan_no": paid.facts["receipt"], "service_reference": "SERVICE-1"}
        counter = stage.far_side.billers[house]
        assert [stage.far_side.use(counter, use).code for _ in range(2)] == ["0", "302"]
        posted = await adapter.inquire(order)
    assert isinstance(posted, Posted)
    assert (posted.facts["receipt"], posted.facts["challan_used"]) == (paid.facts["receipt"], "yes")


@pytest.mark.parametrize("house", HOUSES)
async def test_a_counter_slip_is_the_same_for_the_same_bill(tmp_path: Path, house: str) -> None:
    async with town(tmp_path) as stage:
        adapter, query = stage.adapters[house], await stage.query(house)
        slip = await adapter.counter_slip(query)
        assert isinstance(slip, CounterSlip), slip
        assert slip.valid_until == date(2026, 3, 17)
        assert slip.amount == Money((await stage.cast(house))["total_paisa"])
        assert await adapter.counter_slip(query) == slip
        other = await adapter.counter_slip(await stage.query(house, nth=1))
        assert isinstance(other, CounterSlip)
        assert other.number != slip.number
        assert isinstance(await adapter.counter_slip(await stage.query(house, "unknown")), NoSlip)
        assert await stage.paid_paisa(house) == []


async def test_customs_takes_the_assessed_duty_and_nothing_else(tmp_path: Path) -> None:
    async with town(tmp_path) as stage:
        told = await stage.cast("customs_duty")
        query = query_of(TREASURY["customs_duty"], {**told["fields"], "amount": "1.50"})
        owed = Money(told["total_paisa"])
        assert await stage.adapters["customs_duty"].fetch(query) == AmountRefused(owed)


async def test_a_passport_is_paid_without_an_application_too(tmp_path: Path) -> None:
    fields = {"pages": "64", "validity": "10", "delivery": "super_express", "applicant_id": "1990000001"}
    fields |= {
        "applicant_name": "Rahela Khatun",
        "address": "House 4, Road 2, Mirpur",
        "mobile": "01712000001",
    }
    async with town(tmp_path) as stage:
        found = await stage.adapters["epassport_fee"].fetch(query_of(TREASURY["epassport_fee"], fields))
        assert isinstance(found, BillFound), found
        assert (found.bill.total, found.bill.vat) == (Money(1_380_000), Money(180_000))
        enrolment = {"application_id": "4101-000000001", "mobile": "01712000001"}
        by_number = await stage.adapters["epassport_fee"].fetch(
            query_of(TREASURY["epassport_fee"], enrolment)
        )
        assert isinstance(by_number, BillFound), by_number
        assert by_number.bill.bill_key.startswith("EP-OID2511000001/")


async def test_the_fees_before_and_after_the_skills_test_are_two_payments(tmp_path: Path) -> None:
    house = "brta_driving_licence"
    async with town(tmp_path) as stage:
        asked = (await stage.cast(house))["fields"]
        for stage_name, paisa in (("before_test", 51_800), ("after_test", 449_700)):
            query = query_of(TREASURY[house], {**asked, "stage": stage_name})
            found = await stage.adapters[house].fetch(query)
            assert isinstance(found, BillFound), found
            assert (found.bill.is_paid, found.bill.total) == (False, Money(paisa))
            order = replace(await stage.order(house, nth=1), biller_quote=found.bill.biller_quote)
            sums = replace(order.sums, amount=found.bill.total)
            paid = await stage.adapters[house].pay(replace(order, sums=sums, reference=stage_name))
            assert isinstance(paid, Approved), paid
        assert await stage.paid_paisa(house) == [Money(51_800), Money(449_700)]


@pytest.mark.parametrize(
    "written", [{"tin": "123456700001"}, {"bin": "001234560-0001"}, {"bin": "0012345600001"}]
)
async def test_any_office_is_paid_under_whichever_number_a_payer_has(
    tmp_path: Path, written: dict[str, str]
) -> None:
    house = "achallan_generic"
    async with town(tmp_path) as stage:
        asked = dict((await stage.cast(house))["fields"])
        del asked["nid"]
        found = await stage.adapters[house].fetch(query_of(TREASURY[house], {**written, **asked}))
        assert isinstance(found, BillFound), found
        order = replace(await stage.order(house), biller_quote=found.bill.biller_quote)
        assert isinstance(await stage.adapters[house].pay(order), Approved)
