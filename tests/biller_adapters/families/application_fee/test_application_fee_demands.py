"""application_fee: what an office's demand, its silence and its schedule come to."""

import json
from datetime import date, time
from typing import Any

import pytest

from ekpay_switch.domain.bill import (
    AmountRefused,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    ChargeLine,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.opening_hours import Hours
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.application_fee.land_office_stage import (
    CITIZEN,
    LDTAX,
    ORGANISATION,
    REFERENCE,
    LandOffice,
    code_said,
    demand_said,
    land_office,
)
from tests.biller_adapters.far_side_stage import rude_manners
from tests.wire.scripted_peer import Manners

RUDE = rude_manners(demand_said())
NID, PORT = the_manifest("nid_correction"), the_manifest("landport_passenger_charge")
NID_NAMED = {"nid": "1985123456", "service_type": "other_data", "attempt": "2"}
PASSAGE = {"passport_no": "A01234567", "travel_date": "2025-10-25"}


def office_saying(demand: bytes) -> LandOffice:
    office = LandOffice()
    office.answers["/demand"] = demand
    return office


async def test_a_demand_is_shown_head_by_head() -> None:
    async with land_office(named={**CITIZEN, "holding_no": "12/A", "mobile": "01712345678"}) as stage:
        bill = await stage.bill()
    assert (bill.bill_key, bill.bill_number, bill.account) == (REFERENCE, REFERENCE, REFERENCE)
    assert (bill.amount, bill.vat, bill.late_fee, bill.total) == (
        Money(100_000),
        Money(0),
        Money(1_875),
        Money(101_875),
    )
    assert bill.charges == (
        ChargeLine("current_tax", Money(70_000)),
        ChargeLine("arrears", Money(30_000)),
        ChargeLine("interest", Money(1_875)),
    )
    assert (bill.issued_on, bill.due_on) == (date(2025, 7, 1), date(2026, 6, 30))
    assert bill.details["customer_name"] == "Kamal Patwary"
    assert bill.details["label_en_arrears"] == "arrears"
    assert [json.loads(body) for body in stage.bodies("/demand")] == [
        {
            "service": "land-development-tax",
            "reference": REFERENCE,
            "details": {
                "demandNo": REFERENCE,
                "ownerType": "citizen",
                "holdingNo": "12/A",
                "mobile": "01712345678",
            },
        }
    ]
    heard = stage.peer.heard[-1].headers
    assert (heard["authorization"], heard["content-type"]) == (LandOffice().key, "application/json")


@pytest.mark.parametrize("how", RUDE)
async def test_whatever_else_an_office_does_is_silence(how: str) -> None:
    async with land_office(LandOffice(rude={"/demand": RUDE[how]})) as stage:
        assert isinstance(await stage.adapter.fetch(stage.query), BillerSilent)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("11", BillMissing),
        ("12", BillFound),
        ("13", BillerSilent),  # land tax has no steps, so nobody mapped it
        ("14", BillMissing),
        ("20", BillerSilent),
        ("77", BillerSilent),
        (0, BillerSilent),
        (None, BillerSilent),
    ],
)
async def test_what_codes_mean_to_a_fetch(code: object, answer: type) -> None:
    async with land_office(office_saying(code_said(code))) as stage:
        found = await stage.adapter.fetch(stage.query)
    assert isinstance(found, answer)
    assert not isinstance(found, BillFound) or found.bill.is_paid


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": "566007654321"},
        {"reference": None},
        {"service": "holding-tax"},
        {"stage": "court"},
        {"total": "1018.76"},
        {"total": "1,018.75"},
        {"outstanding": "1018.76"},
        {"outstanding": None},
        {"heads": []},
        {"heads": None},
        {"heads": {"current_tax": "1018.75"}},
        {"heads": [{"code": "tax", "amount": "1018.75"}] * 2, "total": "2037.50"},
        {"heads": [{"code": "1001" * 5, "amount": "1018.75"}]},
        {"heads": [{"code": "tax", "amount": "1028.75"}, {"code": "rebate", "amount": "-10.00"}]},
        {"heads": [{"code": f"tax_{n}", "amount": "0.00"} for n in range(40)], "total": "0.00"},
        {"payableFrom": "2025-07-01"},
        {"payableUntil": "31-06-2026"},
        {"payableUntil": "19-10-2025"},
        {"payableFrom": "21-10-2025"},
        {"partAllowed": "yes"},
        {"partAllowed": None},
    ],
    ids=str,
)
async def test_a_demand_that_does_not_hold_together_is_none(changes: dict[str, Any]) -> None:
    async with land_office(office_saying(demand_said(**changes))) as stage:
        assert isinstance(await stage.adapter.fetch(stage.query), BillerSilent)


@pytest.mark.parametrize(
    ("named", "part_allowed", "answer"),
    [
        ({**CITIZEN, "amount": "1018.74"}, True, AmountRefused(Money(101_875))),
        ({**ORGANISATION, "amount": "1018.76"}, True, AmountRefused(Money(101_875))),
        ({**ORGANISATION, "amount": "0.00"}, True, AmountRefused(Money(101_875))),
        ({**ORGANISATION, "amount": "500.00"}, False, AmountRefused(Money(101_875))),
        (
            {**ORGANISATION, "amount": "lots"},
            True,
            BillerSilent("the amount that was asked for is no amount"),
        ),
    ],
)
async def test_who_may_pay_a_part_and_how_much(
    named: dict[str, str], part_allowed: object, answer: object
) -> None:
    async with land_office(office_saying(demand_said(partAllowed=part_allowed)), named) as stage:
        assert await stage.adapter.fetch(stage.query) == answer


@pytest.mark.parametrize(("named", "key"), [(CITIZEN, REFERENCE), (ORGANISATION, "")])
async def test_the_whole_demand_by_name(named: dict[str, str], key: str) -> None:
    office = office_saying(demand_said(partAllowed=True))
    async with land_office(office, {**named, "amount": "1018.75"}) as stage:
        bill = await stage.bill()
    assert (bill.total, bill.bill_key, len(bill.charges)) == (Money(101_875), key, 3)


async def test_nothing_left_of_a_demand_is_a_paid_bill() -> None:
    async with land_office(office_saying(demand_said(outstanding="0.00"))) as stage:
        bill = await stage.bill()
    assert (bill.is_paid, bill.total, bill.bill_key) == (True, Money(0), REFERENCE)


# ---- schedules ---------------------------------------------------------------------------------------------


async def test_where_nothing_is_fetched_the_schedule_makes_the_quote() -> None:
    async with land_office(named=PASSAGE, manifest=PORT) as stage:
        bill = await stage.bill()
        assert stage.peer.heard == []
    assert bill.bill_key == bill.bill_number == "A01234567/2025-10-25"
    assert (bill.total, bill.vat) == (Money(5_750), Money(750))
    assert bill.charges == (ChargeLine("passenger_charge", Money(5_000)), ChargeLine("vat", Money(750)))


async def test_outside_its_hours_nothing_is_quoted_either() -> None:
    closed = PORT.model_copy(update={"hours": Hours(opens=time(8), closes=time(11))})
    async with land_office(named=PASSAGE, manifest=closed) as stage:
        assert isinstance(await stage.adapter.fetch(stage.query), BillerSilent)


async def test_a_service_that_stands_in_no_row_is_none() -> None:
    union = the_manifest("up_certificate")
    named = {"union_id": "1093", "certificate_type": "birth", "application_id": "7900012345"}
    async with land_office(named=named, manifest=union) as stage:
        assert await stage.adapter.fetch(stage.query) == BillMissing()


@pytest.mark.parametrize("how", sorted(set(RUDE) - {"an empty object"}))
async def test_a_calculator_that_is_silent_leaves_it_to_the_schedule(how: str) -> None:
    rude: dict[str, Manners] = {"/demand": RUDE[how]}
    async with land_office(LandOffice(rude), NID_NAMED, NID) as stage:
        bill = await stage.bill()
    assert (bill.total, bill.vat, bill.bill_key) == (Money(23_000), Money(3_000), "1985123456/other_data/2")


async def test_what_a_calculator_says_counts() -> None:
    said = demand_said(
        {"fee": "300.00", "vat": "45.00"},
        reference="1985123456/other_data/2",
        service="nid-correction",
        total="345.00",
        outstanding="345.00",
    )
    async with land_office(office_saying(said), NID_NAMED, NID) as stage:
        assert (await stage.bill()).total == Money(34_500)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (code_said("11"), BillMissing()),
        (code_said("77"), BillerSilent("reply code 77")),
        (demand_said(), BillerSilent("an answer about another demand")),
    ],
)
async def test_a_calculator_that_answers_is_not_silent(said: bytes, answer: object) -> None:
    async with land_office(office_saying(said), NID_NAMED, NID) as stage:
        assert await stage.adapter.fetch(stage.query) == answer


async def test_a_fee_that_nobody_announced_is_not_passed_on() -> None:
    dcr = the_manifest("emutation_dcr")
    said = demand_said(
        {"record_correction": "1000.00", "khatian_copy": "150.00"},
        reference="250900123456",
        service="mutation-dcr",
        total="1150.00",
        outstanding="1150.00",
    )
    async with land_office(office_saying(said), {"application_no": "250900123456"}, dcr) as stage:
        answer = await stage.adapter.fetch(stage.query)
    assert answer == BillerSilent("a fee that differs from the schedule")


@pytest.mark.parametrize("missing", ["postal_name", "postal_address", "postcode"])
async def test_what_a_choice_makes_necessary_must_be_there(missing: str) -> None:
    named = {
        "application_no": "2509001234567",
        "delivery": "post",
        "postal_name": "Rahela Khatun",
        "postal_address": "House 4, Road 2",
        "postcode": "1711",
    }
    porcha = the_manifest("eporcha_khatian")
    async with land_office(named=named, manifest=porcha) as stage:
        whole = await stage.adapter.fetch(stage.query)
        less = {name: told for name, told in named.items() if name != missing}
        assert await stage.adapter.fetch(BillQuery(porcha.id, less)) == BillMissing()
        assert len(stage.peer.heard) == 1
    assert whole == BillerSilent("an answer about another demand")


async def test_land_tax_says_that_its_receipt_comes_later() -> None:
    assert LDTAX.profile().receipt_comes_later
    assert not NID.profile().receipt_comes_later
