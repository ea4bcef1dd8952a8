"""The simulated treasury over its socket: registered, confirmed, told again, refused, and spent once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.billers.challan.challans import fiscal_years
from sandbox.billers.challan.family import ChallanFamily
from sandbox.billers.challan.institutions import INSTITUTIONS
from tests.sandbox.billers.challan.caller import (
    CONFIRM,
    DETAILS,
    INITIATE,
    PAYMENT_ID,
    SLIP,
    TAX,
    ChallanCaller,
    treasury,
)
from tests.sandbox.caller import SetClock

DEMANDED = [house.id for house in INSTITUTIONS if house.is_demanded]


@pytest.fixture
async def acs(tmp_path: Path, clock: SetClock) -> AsyncIterator[ChallanCaller]:
    async with treasury(tmp_path, clock) as caller:
        yield caller


# ---- getting in --------------------------------------------------------------------------------------------


async def test_only_the_right_user_of_the_right_client_gets_a_token(acs: ChallanCaller) -> None:
    assert (await acs.ask_for_token(password="wrong"))[0] == 401
    assert (await acs.ask_for_token(username="somebody"))[0] == 401
    assert (await acs.ask_for_token("wrong"))[0] == 401
    assert (await acs.ask_for_token(grant_type="client_credentials"))[0] == 400
    acs.token = "made-up"
    for path in (INITIATE, SLIP, CONFIRM, DETAILS, "epassport_fee/demand", "income_tax/use"):
        assert (await acs.post(path, {}))[0] == 401


async def test_a_token_dies_after_an_hour(acs: ChallanCaller) -> None:
    acs.clock.advance(seconds=3_601)
    assert (await acs.post(DETAILS, {"paymentid": PAYMENT_ID}))[0] == 401


# ---- demands -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("house", DEMANDED)
async def test_an_office_says_what_it_demands_head_by_head(acs: ChallanCaller, house: str) -> None:
    cast = await acs.cast(house)
    told = await acs.ask(f"{house}/demand", cast["fields"])
    assert (told["responsecode"], told["asked"], told["demand_no"]) == (
        "0",
        cast["fields"],
        cast["bill_number"],
    )
    paisa = [int(head["amount"].replace(".", "")) for head in told["heads"]]
    assert sum(paisa) == int(told["total"].replace(".", "")) == cast["total_paisa"]
    assert min(paisa) > 0
    assert len({head["economic_code"] for head in told["heads"]}) == len(paisa)
    assert (len(told["organization_code"]), told["valid_until"]) == (13, "25-03-2026")
    assert await acs.code(f"{house}/demand", (await acs.cast(house, "unknown"))["fields"]) == "101"
    assert await acs.code(f"{house}/demand", (await acs.cast(house, "already_paid"))["fields"]) == "102"


async def test_a_vehicle_has_several_heads_and_a_licence_two_fees(acs: ChallanCaller) -> None:
    vehicle = await acs.ask("brta_vehicle/demand", (await acs.cast("brta_vehicle"))["fields"])
    assert len(vehicle["heads"]) == 4
    asked = (await acs.cast("brta_driving_licence"))["fields"]
    demands = [
        await acs.ask("brta_driving_licence/demand", {**asked, "stage": stage})
        for stage in ("before_test", "after_test")
    ]
    assert [demand["total"] for demand in demands] == ["518.00", "4497.00"]
    assert len({demand["demand_no"] for demand in demands}) == 2
    assert await acs.code("brta_driving_licence/demand", {**asked, "stage": "never"}) == "101"
    assert await acs.code("brta_driving_licence/demand", {**asked, "nid": "1990000002"}) == "101"


async def test_a_passport_is_priced_by_pages_validity_and_delivery(acs: ChallanCaller) -> None:
    wanted = {"pages": "48", "validity": "10", "delivery": "express", "applicant_id": "1990000003"}
    told = await acs.ask("epassport_fee/demand", wanted)
    assert (told["total"], [head["amount"] for head in told["heads"]]) == ("8050.00", ["7000.00", "1050.00"])
    assert await acs.code("epassport_fee/demand", {**wanted, "pages": "96"}) == "101"
    by_enrolment = await acs.ask("epassport_fee/demand", {"application_id": "4101-000000003"})
    assert by_enrolment["demand_no"].startswith("EP-OID2511000003/")


async def test_a_tax_has_no_demand(acs: ChallanCaller) -> None:
    assert (await acs.post("income_tax/demand", {"tin": "123456700001"}))[0] == 404


# ---- paying ------------------------------------------------------------------------------------------------


async def test_only_a_confirmation_moves_money_and_it_brings_a_challan(acs: ChallanCaller) -> None:
    confirm = await acs.a_confirmation(TAX)
    assert await acs.payments() == []
    assert await acs.code(DETAILS, {"paymentid": PAYMENT_ID}) == "202"
    told = await acs.ask(CONFIRM, confirm)
    assert told == {"responsecode": "0", "responsemessage": "OK", "challan_no": "2526-0000000001", **confirm}
    details = await acs.ask(DETAILS, {"paymentid": PAYMENT_ID})
    assert (details["challan_no"], details["payment_id"]) == ("2526-0000000001", PAYMENT_ID)
    assert (details["paidamount"], details["tin"]) == ("1250.50", "123456700001")
    assert (details["used_flag"], details["payment_date"]) == ("N", "10-03-2026")
    paid = (await acs.payments())[0]
    assert paid["facts"]["heads"] == "1111101=1000.00;1111104=250.50"
    assert await acs.code(DETAILS, {"paymentid": "PAYMENT000002"}) == "201"


async def test_the_same_again_is_told_the_same_and_taken_once(acs: ChallanCaller) -> None:
    first, second = await acs.pay(TAX), await acs.pay(TAX)
    assert first == second
    paid = await acs.payments()
    assert [(payment["amount_paisa"], payment["sends"]) for payment in paid] == [(125_050, 2)]


@pytest.mark.parametrize(
    "change",
    [{"paidamount": "1250.51"}, {"tin": "123456700002"}, {"paymenttype": "1112101"}, {"remarks": "other"}],
)
async def test_a_paymentid_is_of_one_payment(acs: ChallanCaller, change: dict[str, object]) -> None:
    await acs.pay(TAX)
    assert await acs.code(INITIATE, {**TAX, **change}) == "105"
    assert await acs.code(CONFIRM, {**await acs.a_confirmation(TAX), "paidamount": "1250.51"}) == "103"
    assert len(await acs.payments()) == 1


async def test_nothing_is_confirmed_that_was_not_registered(acs: ChallanCaller) -> None:
    unknown = {"paymentid": PAYMENT_ID, "paidamount": "1250.50", "transaction_id": "TX0"}
    assert await acs.code(CONFIRM, unknown) == "106"
    confirm = await acs.a_confirmation(TAX)
    assert await acs.code(CONFIRM, {**confirm, "transaction_id": "TX0"}) == "106"
    assert await acs.payments() == []


@pytest.mark.parametrize("house", DEMANDED)
async def test_a_demand_is_paid_once(acs: ChallanCaller, house: str) -> None:
    initiate = await acs.an_initiate(house)
    alternative_fields = await acs.a_confirmation({**initiate, "paymentid": "SOMEBODYELSE1"})
    assert (await acs.pay(initiate))["responsecode"] == "0"
    assert await acs.code(INITIATE, {**initiate, "paymentid": "SOMEBODYELSE2"}) == "102"
    assert await acs.code(CONFIRM, alternative_fields) == "102"
    assert len(await acs.payments()) == 1


async def test_heads_and_account_must_be_the_offices_own(acs: ChallanCaller) -> None:
    initiate = await acs.an_initiate("epassport_fee")
    assert await acs.code(INITIATE, {**initiate, "organization_code": "1220104102001"}) == "104"
    assert await acs.code(INITIATE, {**initiate, "paymenttype": "1422328"}) == "104"
    assert await acs.code(INITIATE, {**initiate, "demand_no": "EP-OID2511090009/48-5-regular"}) == "101"
    assert await acs.code(INITIATE, {**TAX, "tin": "999999999999"}) == "101"
    assert await acs.code(INITIATE, {**TAX, "tin": ""}) == "101"
    assert await acs.code(DETAILS, {"paymentid": initiate["paymentid"]}) == "201"


async def test_any_other_office_takes_any_head_of_a_payer_it_knows(acs: ChallanCaller) -> None:
    other = {**TAX, "organization_code": "1090101100001", "paymenttype": "1422199", "addleconomic": []}
    told = await acs.pay(other)
    assert told["responsecode"] == "0"
    assert (await acs.payments())[0]["house"] == "achallan_generic"


async def test_the_numbers_of_a_fiscal_year_have_no_gap(acs: ChallanCaller) -> None:
    async def number(paymentid: str, **changes: object) -> str:
        return str((await acs.pay({**TAX, "paymentid": paymentid, **changes}))["challan_no"])

    assert await number("PAYMENT000001") == "2526-0000000001"
    refused = await acs.an_initiate("court_fee", "refuses")
    assert await acs.code(CONFIRM, await acs.a_confirmation(refused)) == "104"
    assert await number("PAYMENT000002", paidamount="300.00") == "2526-0000000002"
    acs.clock.advance(days=112, hours=11, minutes=59)  # 30 June, a minute before midnight in Dhaka
    await acs.log_in()
    assert await number("PAYMENT000003") == "2526-0000000003"
    acs.clock.advance(minutes=1)
    assert await number("PAYMENT000004") == "2627-0000000001"
    assert await number("PAYMENT000003") == "2526-0000000003"


def test_a_fiscal_year_begins_in_july() -> None:
    clock = SetClock()
    assert fiscal_years(clock.instant.date()) == "2526"
    assert fiscal_years(clock.instant.date().replace(month=7, day=1)) == "2627"
    assert fiscal_years(clock.instant.date().replace(year=2099, month=12)) == "9900"


# ---- spending ----------------------------------------------------------------------------------------------


async def test_a_challan_buys_one_service_of_its_own_office(acs: ChallanCaller) -> None:
    number = (await acs.pay(await acs.an_initiate("epassport_fee")))["challan_no"]
    use = {"challan_no": number, "service_reference": "PASSPORT-1"}
    assert await acs.code("police_clearance/use", use) == "301"
    assert await acs.code("epassport_fee/use", {**use, "challan_no": "2526-0000000009"}) == "301"
    assert await acs.code("epassport_fee/use", use) == "0"
    assert await acs.code("epassport_fee/use", use) == "302"
    assert await acs.code("epassport_fee/use", {**use, "service_reference": "PASSPORT-2"}) == "302"
    paid = (await acs.payments())[0]
    assert paid["facts"]["used_for"] == "PASSPORT-1"
    assert (await acs.ask(DETAILS, {"paymentid": paid["reference"]}))["used_flag"] == "Y"


async def test_a_slip_is_given_and_pays_nothing(acs: ChallanCaller) -> None:
    first = await acs.ask(SLIP, TAX)
    acs.clock.advance(days=1)
    await acs.log_in()
    assert await acs.ask(SLIP, TAX) == first
    assert (first["paymentid"], first["paidamount"]) == (PAYMENT_ID, "1250.50")
    assert (first["slip_no"][:3], first["valid_until"]) == ("OTC", "17-03-2026")
    assert await acs.code(SLIP, {**TAX, "paidamount": "1250.51"}) == "105"
    assert await acs.code(DETAILS, {"paymentid": PAYMENT_ID}) == "202"
    assert await acs.payments() == []


# ---- after a kill, and at the end of the day ---------------------------------------------------------------


async def test_everything_outlives_a_restart(tmp_path: Path, clock: SetClock) -> None:
    async with treasury(tmp_path, clock) as acs:
        first = await acs.pay(TAX)
        waiting = await acs.a_confirmation({**TAX, "paymentid": "PAYMENT000002"})
        use = {"challan_no": first["challan_no"], "service_reference": "TAX-1"}
        assert await acs.code("income_tax/use", use) == "0"
    async with treasury(tmp_path, clock) as acs:
        assert await acs.pay(TAX) == first
        assert await acs.code("income_tax/use", use) == "302"
        assert (await acs.ask(DETAILS, {"paymentid": PAYMENT_ID}))["used_flag"] == "Y"
        assert (await acs.ask(CONFIRM, waiting))["challan_no"] == "2526-0000000002"


async def test_the_list_of_the_day_names_the_challans_of_one_office(acs: ChallanCaller) -> None:
    await acs.pay(TAX)
    await acs.pay(await acs.an_initiate("court_fee"))
    url = f"{acs.origin}/_admin/end_of_day?house=income_tax&date=2026-03-10"
    async with acs.session.get(url) as answer:
        lines = (await answer.text()).splitlines()
    assert lines[0].startswith("challan_no,payment_date,entered_at,payment_id,transaction_id,office,")
    assert lines[1].startswith(f"2526-0000000001,2026-03-10,2026-03-10T12:00:00+06:00,{PAYMENT_ID},TX")
    assert lines[1].endswith(",1111101=1000.00;1111104=250.50,1250.50,123456700001,,N,PAY")
    assert lines[2].startswith("TRAILER,1,1250.50,")
    assert len(lines) == 3


def test_a_switch_is_told_one_address_and_one_login() -> None:
    told = ChallanFamily.settings_for_switch("http://127.0.0.1:8199", "p")
    assert told == {
        "EKPAY_ACHALLAN_URL": "http://127.0.0.1:8199/acs",
        "EKPAY_ACHALLAN_PASSWORD": "p",
        "EKPAY_ACHALLAN_CLIENT_ID": "ekpay-switch",
        "EKPAY_ACHALLAN_CLIENT_SECRET": "p-client",
    }
