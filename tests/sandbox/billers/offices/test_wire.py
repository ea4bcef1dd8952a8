import csv
import hashlib
import io
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from sandbox.billers.offices.final_receipts import OfficeTimes
from tests.sandbox.billers.offices.caller import HOUSES, UNASKED, OfficesCaller, offices_at
from tests.sandbox.caller import Json, SetClock

LDTAX, MUTATION, DCR, PORCHA = "ldtax", "emutation_application", "emutation_dcr", "eporcha_khatian"
ORGANISATION, EXEMPT = 2, 4


@pytest.fixture
async def offices(tmp_path: Path, clock: SetClock) -> AsyncIterator[OfficesCaller]:
    async with offices_at(tmp_path, clock) as caller:
        yield caller


def paisa(text: str) -> int:
    return int(text.replace(".", ""))


@pytest.mark.parametrize("house", HOUSES)
async def test_demand_payment_and_status_of_every_office_tell_one_story(
    offices: OfficesCaller, house: str
) -> None:
    payment, naming_fields = await offices.a_payment(house), await offices.naming_fields(house)
    assert (await offices.status(house))["code"] == "21"
    paid = await offices.ask(house, "pay", payment)
    (line,) = await offices.payments()
    assert paid["code"] == "0"
    told = {"transactionId": "T1", "reference": payment["reference"], "service": payment["service"]}
    told |= {"amount": payment["amount"], "receiptNo": line["receipt"], "interim": house == LDTAX}
    assert {name: paid[name] for name in told} == told
    assert await offices.status(house) == {**paid, "state": "paid"}
    assert (line["house"], line["amount_paisa"]) == (house, paisa(payment["amount"]))
    assert line["facts"]["reference"] == payment["reference"]
    if house not in UNASKED:
        assert await offices.code(house, "demand", naming_fields) == "12"
    assert await offices.pay(house, payment, transactionId="T2") == "12"
    assert await offices.refused() == ["paid"]


@pytest.mark.parametrize("house", sorted(set(HOUSES) - set(UNASKED)))
async def test_the_heads_of_a_demand_sum_to_its_total(offices: OfficesCaller, house: str) -> None:
    for nth in range(8):
        told = await offices.demand(house, await offices.naming_fields(house, nth=nth))
        assert sum(paisa(head["amount"]) for head in told["heads"]) == paisa(told["total"])
        assert told["outstanding"] == told["total"]
        assert told["applicant"]


@pytest.mark.parametrize("house", HOUSES)
async def test_the_lines_of_a_payment_sum_to_its_amount(offices: OfficesCaller, house: str) -> None:
    await offices.pay(house, await offices.a_payment(house))
    (line,) = await offices.payments()
    names = ("principal_paisa", "vat_paisa", "late_fee_paisa", "stamp_paisa", "other_paisa")
    assert sum(line[name] for name in names) == line["amount_paisa"]


async def test_a_demand_is_told_in_full(offices: OfficesCaller) -> None:
    told = await offices.demand(MUTATION, await offices.naming_fields(MUTATION))
    assert list(told) == [
        "reference", "service", "stage", "applicant", "heads", "total", "payableFrom", "payableUntil",
        "partAllowed", "outstanding",
    ]  # fmt: skip
    assert told["heads"] == [
        {"code": "court_fee", "label_en": "Court fee", "label_bn": "কোর্ট ফি", "amount": "20.00"}
    ]


async def test_a_trade_licence_has_vat_and_source_tax_as_heads_of_one_fee(offices: OfficesCaller) -> None:
    told = await offices.demand("trade_licence", await offices.naming_fields("trade_licence"))
    fee, vat, tax = [paisa(head["amount"]) for head in told["heads"]]
    assert (fee * 15, fee * 10) == (vat * 100, tax * 100)
    assert told["payableUntil"] == f"30-06-{told['reference'][-4:]}"


@pytest.mark.parametrize("call", ["demand", "pay", "status"])
@pytest.mark.parametrize(("user", "password"), [("ekpay", "guess"), ("guess", "counter-sandbox")])
async def test_a_wrong_key_is_401(offices: OfficesCaller, call: str, user: str, password: str) -> None:
    offices.user, offices.password = user, password
    assert await offices.post(LDTAX, call, {}) == (
        401,
        {"code": "401", "message": "token missing, expired or unknown"},
    )


async def test_no_key_is_401_too(offices: OfficesCaller) -> None:
    async with offices.session.post(f"{offices.origin}/offices/ldtax/pay", json={}) as answer:
        assert answer.status == 401


@pytest.mark.parametrize("house", sorted(UNASKED))
async def test_some_offices_have_no_demand_to_ask_for(offices: OfficesCaller, house: str) -> None:
    assert (await offices.post(house, "demand", await offices.naming_fields(house)))[0] == 404


# ---- steps -------------------------------------------------------------------------------------------------


async def test_steps_are_paid_in_their_order_each_once(offices: OfficesCaller) -> None:
    court = await offices.a_payment(MUTATION)
    number = court["reference"]
    notice = {**court, "stage": "notice", "amount": "50.00", "transactionId": "T2"}
    notice["heads"] = [{"code": "notice_fee", "amount": "50.00"}]
    dcr = {**await offices.a_payment(DCR), "reference": number, "details": {"applicationNo": number}}
    assert [await offices.pay(MUTATION, notice), await offices.pay(DCR, dcr)] == ["13", "13"]
    assert await offices.pay(MUTATION, court) == "0"
    assert await offices.pay(DCR, dcr) == "13"
    assert await offices.pay(MUTATION, notice) == "0"
    assert await offices.pay(DCR, dcr) == "0"
    again = [await offices.pay(MUTATION, one, transactionId="T3") for one in (court, notice)]
    assert again == ["12", "12"]
    assert [line["amount_paisa"] for line in await offices.payments()] == [2_000, 5_000, 110_000]
    assert await offices.refused() == ["13", "13", "13", "paid", "paid"]


async def test_half_of_the_applications_were_filed_on_paper(offices: OfficesCaller) -> None:
    """So that there are DCRs to pay at once; their first two fees were paid at the land office."""
    dcr = await offices.naming_fields(DCR)
    assert await offices.code(DCR, "demand", dcr) == "0"
    court = {
        **await offices.naming_fields(MUTATION),
        "reference": dcr["reference"],
        "details": dcr["details"],
    }
    assert await offices.code(MUTATION, "demand", court) == "12"
    listed = {
        house: await offices.admin("GET", f"unpaid?house={house}&count=500") for house in (MUTATION, DCR)
    }
    numbers = {house: {bill["number"] for bill in told["bills"]} for house, told in listed.items()}
    assert [len(told) for told in numbers.values()] == [25, 25]
    assert not numbers[MUTATION] & numbers[DCR]


async def test_a_step_that_does_not_exist_is_unknown(offices: OfficesCaller) -> None:
    naming_fields = await offices.naming_fields(MUTATION)
    assert await offices.code(MUTATION, "demand", {**naming_fields, "stage": "appeal"}) == "11"


async def test_a_notice_fee_ends_seven_days_after_the_court_fee(
    offices: OfficesCaller, clock: SetClock
) -> None:
    court = await offices.a_payment(MUTATION)
    await offices.pay(MUTATION, court)
    naming_fields = await offices.naming_fields(MUTATION, stage="notice")
    assert (await offices.demand(MUTATION, naming_fields))["payableUntil"] == "17-03-2026"
    clock.advance(days=7)
    assert await offices.code(MUTATION, "demand", naming_fields) == "0"
    clock.advance(days=1)
    assert await offices.code(MUTATION, "demand", naming_fields) == "14"


async def test_a_demand_ends_after_its_last_day(offices: OfficesCaller, clock: SetClock) -> None:
    payment = await offices.a_payment(PORCHA)
    told = await offices.demand(PORCHA, await offices.naming_fields(PORCHA))
    day, month, year = map(int, told["payableUntil"].split("-"))
    clock.advance(days=(date(year, month, day) - date(2026, 3, 10)).days)
    assert await offices.code(PORCHA, "demand", await offices.naming_fields(PORCHA)) == "0"
    clock.advance(days=1)
    assert await offices.code(PORCHA, "demand", await offices.naming_fields(PORCHA)) == "14"
    assert await offices.pay(PORCHA, payment) == "14"
    assert await offices.payments() == []


# ---- parts and final receipts ------------------------------------------------------------------------------


async def test_an_organisation_pays_in_parts_up_to_what_it_owes(offices: OfficesCaller) -> None:
    whole = await offices.a_payment(LDTAX, nth=ORGANISATION)
    part = {**whole, "amount": "100.00", "heads": []}
    assert await offices.pay(LDTAX, part) == "0"
    told = await offices.demand(LDTAX, await offices.naming_fields(LDTAX, nth=ORGANISATION))
    assert (told["partAllowed"], told["total"]) == (True, whole["amount"])
    assert paisa(told["outstanding"]) == paisa(whole["amount"]) - 10_000
    assert await offices.pay(LDTAX, whole, transactionId="T2", heads=[]) == "15"
    assert await offices.pay(LDTAX, whole, transactionId="T3", amount=told["outstanding"], heads=[]) == "0"
    assert sum(line["amount_paisa"] for line in await offices.payments()) == paisa(whole["amount"])


async def test_a_citizen_pays_the_whole(offices: OfficesCaller) -> None:
    whole = await offices.a_payment(LDTAX)
    assert not (await offices.demand(LDTAX, await offices.naming_fields(LDTAX)))["partAllowed"]
    assert await offices.pay(LDTAX, whole, amount="100.00", heads=[]) == "15"
    assert await offices.pay(LDTAX, whole) == "0"


async def test_an_exempt_owner_pays_for_the_dakhila_alone(offices: OfficesCaller) -> None:
    payment = await offices.a_payment(LDTAX, nth=EXEMPT)
    assert payment["heads"] == [{"code": "dakhila_fee", "amount": "10.00"}]
    assert await offices.pay(LDTAX, payment) == "0"


async def test_an_interim_receipt_becomes_final_after_a_while(
    offices: OfficesCaller, clock: SetClock
) -> None:
    payment = await offices.a_payment(LDTAX)
    paid = await offices.ask(LDTAX, "pay", payment)
    assert (paid["interim"], "finalReceiptNo" in paid) == (True, False)
    clock.advance(seconds=4)
    assert (await offices.status(LDTAX))["interim"]
    clock.advance(seconds=1)
    final = {"interim": False, "finalReceiptNo": f"DK{paid['receiptNo']}"}
    assert (await offices.status(LDTAX)).items() >= final.items()
    assert (await offices.ask(LDTAX, "pay", payment)).items() >= final.items()


async def test_final_receipts_may_wait_for_an_order(tmp_path: Path, clock: SetClock) -> None:
    async with offices_at(tmp_path, clock, OfficeTimes(final_receipt_by_itself=False)) as offices:
        await offices.pay(LDTAX, await offices.a_payment(LDTAX))
        clock.advance(days=9)
        assert (await offices.status(LDTAX))["interim"]
        order: Json = {"house": LDTAX, "transaction": "T1"}
        made = [await offices.admin("POST", "final_receipts", order) for _ in range(2)]
        assert made == [{"made": 1}, {"made": 0}]
        assert not (await offices.status(LDTAX))["interim"]
        assert (await offices.admin("POST", "final_receipts", {"house": "none"})) == {"made": 0}


async def test_an_office_may_withhold_its_final_receipts(offices: OfficesCaller, clock: SetClock) -> None:
    await offices.pay(LDTAX, await offices.a_payment(LDTAX))
    withheld: Json = {"house": LDTAX, "is_withheld": True}
    assert await offices.admin("POST", "withheld_receipts", withheld) == withheld
    clock.advance(days=9)
    assert (await offices.status(LDTAX))["interim"]
    await offices.admin("POST", "withheld_receipts", withheld | {"is_withheld": False})
    assert not (await offices.status(LDTAX))["interim"]


async def test_the_book_survives_a_restart(tmp_path: Path, clock: SetClock) -> None:
    async with offices_at(tmp_path, clock) as offices:
        await offices.pay(MUTATION, payment := await offices.a_payment(MUTATION))
        await offices.pay(LDTAX, await offices.a_payment(LDTAX))
        clock.advance(seconds=9)
        told = [await offices.status(house) for house in (MUTATION, LDTAX)]
    async with offices_at(tmp_path, clock) as offices:
        assert [await offices.status(house) for house in (MUTATION, LDTAX)] == told
        assert await offices.pay(MUTATION, payment) == "0"
        assert (
            await offices.code(MUTATION, "demand", await offices.naming_fields(MUTATION, stage="notice"))
            == "0"
        )
        assert [line["sends"] for line in await offices.payments()] == [2, 1]


async def test_each_office_has_an_end_of_day_file_of_its_own(offices: OfficesCaller) -> None:
    for house in (PORCHA, LDTAX):
        await offices.pay(house, await offices.a_payment(house))
    paid = await offices.status(PORCHA)
    text = await offices.end_of_day(PORCHA, "2026-03-10")
    *rows, trailer = csv.reader(io.StringIO(text))
    (row,) = [dict(zip(rows[0], told, strict=True)) for told in rows[1:]]
    assert (row["biller_id"], row["ekpay_txn_id"], row["biller_ack_ref"]) == (PORCHA, "T1", paid["receiptNo"])
    assert (row["total"], row["row_type"]) == ("100.00", "PAY")
    signed = text[: text.index("TRAILER")].encode()
    assert trailer == ["TRAILER", "1", "100.00", hashlib.sha256(signed).hexdigest()]
