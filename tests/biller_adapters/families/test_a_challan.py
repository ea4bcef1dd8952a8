"""Fetching what an office demands, and counter slips: a fee that is not surely the office's is no fee."""

from dataclasses import replace
from datetime import date

import pytest

from biller_adapters.challans.calls import CounterSlip, NoSlip, payment_id_of
from biller_adapters.challans.heads import challan_number
from biller_adapters.families.a_challan import AChallan
from ekpay_switch.domain.bill import BillerSilent, BillFound, BillMissing, BillQuery, ChargeLine
from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from tests.biller_adapters.challans.challan_stage import (
    DEMAND,
    HEADS,
    MOBILE,
    PASSPORT,
    QUERY,
    SLIP,
    ChallanDesk,
    challan_stage,
    demand_said,
    said,
    sent,
)
from tests.biller_adapters.far_side_stage import FarStage, rude_manners
from tests.wire.scripted_peer import Manners

ROUTE_B = {
    "pages": "48",
    "validity": "5",
    "delivery": "regular",
    "applicant_id": "1990000001",
    "applicant_name": "Rahela Khatun",
    "address": "House 4, Road 2, Mirpur",
    "mobile": MOBILE,
}


def slips_of(stage: FarStage) -> AChallan:
    assert isinstance(stage.adapter, AChallan)
    return stage.adapter


async def test_a_demand_is_a_bill_with_the_heads_as_its_lines() -> None:
    desk = ChallanDesk()
    async with challan_stage(desk) as stage:
        bill = await stage.bill()
    assert (bill.bill_key, bill.bill_number, bill.account) == ("EP-1", "EP-1", "OID2511000001")
    assert (bill.amount, bill.vat, bill.total) == (Money(350_000), Money(52_500), Money(402_500))
    assert bill.charges == (
        ChargeLine("Passport fee", Money(350_000)),
        ChargeLine("VAT", Money(52_500)),
    )
    assert (bill.due_on, bill.details) == (date(2025, 10, 30), {"customer_name": "Rahela Khatun"})
    assert bill.biller_quote == {
        "mobile": MOBILE,
        "demand_no": "EP-1",
        "organization_code": "1220301103520",
        "heads": "1142202=3500.00;1141101=525.00",
        "amount": "4025.00",
        "remarks": "",
    }
    assert sent(stage, DEMAND) == [{"application_id": "OID2511000001", "mobile": MOBILE}]


async def test_a_token_is_asked_for_with_a_form_under_the_clients_own_name() -> None:
    desk = ChallanDesk()
    async with challan_stage(desk) as stage:
        await stage.bill()
        await stage.bill()
    assert desk.asked_for_tokens == [
        {"grant_type": "password", "username": "ekpay", "password": "open sesame"}
    ]
    heard = stage.peer.heard[-1].headers
    assert (heard["authorization"], heard["content-type"]) == ("Bearer token-1", "application/json")


@pytest.mark.parametrize("missing", ["CLIENT_ID", "CLIENT_SECRET", "PASSWORD"])
async def test_without_its_whole_login_a_biller_is_silent_and_nothing_is_sent(missing: str) -> None:
    async with challan_stage(ChallanDesk(), PASSPORT, QUERY, **{f"EKPAY_ACHALLAN_{missing}": ""}) as stage:
        assert await stage.adapter.fetch(QUERY) == BillerSilent(f"EKPAY_ACHALLAN_{missing} is not set")
        assert stage.paths() == []


async def test_a_wrong_client_is_let_in_nowhere() -> None:
    async with challan_stage(ChallanDesk(), EKPAY_ACHALLAN_CLIENT_SECRET="another") as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)
        assert stage.paths() == ["/token"]


def heads(*changed: dict[str, object]) -> bytes:
    return demand_said(heads=[{**head, **change} for head, change in zip(HEADS, changed, strict=False)])


BROKEN = {
    "another application": demand_said({"application_id": "OID2511000002", "mobile": MOBILE}),
    "no echo": demand_said([]),
    "an echo that is no text": demand_said({"application_id": 1, "mobile": MOBILE}),
    "another total": demand_said(total="4025.01"),
    "no total": demand_said(total=None),
    "no heads": demand_said(heads=[]),
    "heads that are none": demand_said(heads="1142202"),
    "too many heads": demand_said(
        heads=[{"economic_code": f"{n:07d}", "amount": "201.25"} for n in range(21)]
    ),
    "a code too short": heads({"economic_code": "114220"}, {}),
    "a code in Bangla digits": heads({"economic_code": "১১৪২২০২"}, {}),
    "a code twice": heads({"economic_code": "1141101"}, {}),
    "nothing in a head": demand_said(
        heads=[{**HEADS[0], "amount": "4025.00"}, {**HEADS[1], "amount": "0.00"}]
    ),
    "less than nothing": heads({"amount": "-3500.00"}, {"amount": "7525.00"}),
    "a comma": heads({"amount": "3,500.00"}, {}),
    "an organisation that is no code": demand_said(organization_code="12203"),
    "no organisation": demand_said(organization_code=None),
    "no number": demand_said(demand_no=None),
    "no end": demand_said(valid_until=None),
    "an end in another writing": demand_said(valid_until="2025-10-30"),
    "run out": demand_said(valid_until="19-10-2025"),
    "a code nobody mapped": said("199"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
async def test_a_demand_that_cannot_be_trusted_is_no_bill(answer: bytes) -> None:
    desk = ChallanDesk()
    desk.answers[DEMAND] = answer
    async with challan_stage(desk) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)


async def test_a_demand_holds_until_the_end_of_its_last_day() -> None:
    desk = ChallanDesk()
    desk.answers[DEMAND] = demand_said(valid_until="20-10-2025")
    async with challan_stage(desk) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillFound)


RUDE = rude_manners(demand_said())


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE.keys())
async def test_an_office_without_manners_is_silent(manners: Manners) -> None:
    async with challan_stage(ChallanDesk({DEMAND: manners})) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)


async def test_unknown_and_paid_are_answers_like_any_other() -> None:
    desk = ChallanDesk()
    desk.answers[DEMAND] = said("101")
    async with challan_stage(desk) as stage:
        assert await stage.adapter.fetch(QUERY) == BillMissing()
        desk.answers[DEMAND] = said("102")
        found = await stage.adapter.fetch(QUERY)
    assert isinstance(found, BillFound)
    assert (found.bill.is_paid, found.bill.account) == (True, "OID2511000001")


async def test_a_fee_without_an_application_must_be_that_of_the_schedule() -> None:
    desk, query = ChallanDesk(), BillQuery("epassport_fee", ROUTE_B, {"mobile": MOBILE})
    desk.answers[DEMAND] = demand_said(ROUTE_B)
    async with challan_stage(desk, PASSPORT, query) as stage:
        bill = await stage.bill()
        assert (bill.account, bill.biller_quote["pob_nid"]) == ("1990000001", "1990000001")
        dearer = {**ROUTE_B, "delivery": "express"}
        desk.answers[DEMAND] = demand_said(dearer)
        refused = await stage.adapter.fetch(replace(query, parameters=dearer))
    assert refused == BillerSilent("the fee differs from the schedule")


# ---- slips -------------------------------------------------------------------------------------------------


def slip_said(stage: FarStage, **changes: object) -> bytes:
    told: dict[str, object] = {
        "paymentid": sent(stage, SLIP)[-1]["paymentid"],
        "paidamount": "4025.00",
        "slip_no": "OTC1",
        "valid_until": "27-10-2025",
    }
    return said(**(told | changes))


async def test_a_slip_names_what_is_to_be_paid_and_until_when() -> None:
    desk = ChallanDesk()
    async with challan_stage(desk) as stage:
        adapter = slips_of(stage)
        assert isinstance(await adapter.counter_slip(QUERY), NoSlip)
        desk.answers[SLIP] = slip_said(stage)
        assert await adapter.counter_slip(QUERY) == CounterSlip("OTC1", Money(402_500), date(2025, 10, 27))
        first, second = sent(stage, SLIP)
    assert first == second
    assert (first["demand_no"], first["paidamount"]) == ("EP-1", "4025.00")


@pytest.mark.parametrize(
    "changes",
    [
        {"paymentid": "OTHERPAYMENT2"},
        {"paidamount": "4025.01"},
        {"slip_no": ""},
        {"valid_until": "soon"},
        {"responsecode": "104"},
        {"responsecode": None},
    ],
)
async def test_a_slip_that_cannot_be_trusted_is_none(changes: dict[str, object]) -> None:
    desk = ChallanDesk()
    async with challan_stage(desk) as stage:
        await slips_of(stage).counter_slip(QUERY)
        code = changes.pop("responsecode", "0")
        desk.answers[SLIP] = slip_said(stage, responsecode=code, **changes)
        assert isinstance(await slips_of(stage).counter_slip(QUERY), NoSlip)


async def test_there_is_no_slip_for_what_is_paid_or_unknown() -> None:
    desk = ChallanDesk()
    async with challan_stage(desk) as stage:
        for code in ("101", "102"):
            desk.answers[DEMAND] = said(code)
            assert isinstance(await slips_of(stage).counter_slip(QUERY), NoSlip)
        assert SLIP not in stage.paths()


# ---- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told", ["2526-0000000123", "25260000000123", " 2526-0000000123\n", "২৫২৬-০০০০০০০১২৩"]
)
def test_a_challan_number_is_written_in_one_way(told: str) -> None:
    assert challan_number({"challan_no": told}) == "2526-0000000123"


@pytest.mark.parametrize(
    "told", ["", "2526-000000012", "2526--0000000123", "2526-00000001234", "A526-0000000123", None, 2526.0]
)
def test_nothing_else_is_a_challan_number(told: object) -> None:
    with pytest.raises(BrokenReplyError):
        challan_number({"challan_no": told})


def test_a_payment_id_has_thirteen_letters_and_digits_and_follows_from_the_reference() -> None:
    ids = {payment_id_of(f"REFERENCE{number}") for number in range(1_000)}
    assert len(ids) == 1_000
    assert all(len(one) == 13 and one.isalnum() and one.isupper() for one in ids if not one.isdigit())
    assert payment_id_of("EXAMPLE0000000000000001") == "KHQFGLUUBRIVP"
