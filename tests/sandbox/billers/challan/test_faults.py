"""The simulated treasury when it misbehaves, and when it is sent rubbish."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.billers.challan.institutions import INSTITUTIONS
from tests.sandbox.billers.challan.caller import (
    CONFIRM,
    DETAILS,
    INITIATE,
    PAYMENT_ID,
    SLIP,
    TAX,
    ChallanCaller,
    client_header,
    treasury,
)
from tests.sandbox.caller import SetClock

DEMANDED = [house.id for house in INSTITUTIONS if house.is_demanded]


@pytest.fixture
async def acs(tmp_path: Path, clock: SetClock) -> AsyncIterator[ChallanCaller]:
    async with treasury(tmp_path, clock) as caller:
        yield caller


# ---- the odd accounts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("house", DEMANDED)
async def test_a_confirmation_whose_answer_is_lost_was_taken(acs: ChallanCaller, house: str) -> None:
    initiate = await acs.an_initiate(house, "lost_paid")
    confirm = await acs.a_confirmation(initiate)
    assert await acs.is_cut_off(CONFIRM, confirm)
    details = await acs.ask(DETAILS, {"paymentid": initiate["paymentid"]})
    assert (details["challan_no"], details["paidamount"]) == ("2526-0000000001", initiate["paidamount"])
    assert (await acs.ask(CONFIRM, confirm))["challan_no"] == "2526-0000000001"


@pytest.mark.parametrize("house", DEMANDED)
async def test_a_confirmation_that_is_lost_unpaid_is_taken_the_second_time(
    acs: ChallanCaller, house: str
) -> None:
    initiate = await acs.an_initiate(house, "lost_unpaid")
    confirm = await acs.a_confirmation(initiate)
    assert await acs.is_cut_off(CONFIRM, confirm)
    assert await acs.code(DETAILS, {"paymentid": initiate["paymentid"]}) == "202"
    assert (await acs.pay(initiate))["challan_no"] == "2526-0000000001"


async def test_an_echo_of_another_amount_is_told_for_ever(acs: ChallanCaller) -> None:
    initiate = await acs.an_initiate("police_clearance", "echoes_other")
    assert await acs.is_cut_off(CONFIRM, await acs.a_confirmation(initiate))
    for _ in range(2):
        details = await acs.ask(DETAILS, {"paymentid": initiate["paymentid"]})
        assert (initiate["paidamount"], details["paidamount"]) == ("1500.00", "1501.00")
    assert [paid["amount_paisa"] for paid in await acs.payments()] == [150_000]


async def test_a_web_page_stands_for_a_challan_that_was_given(acs: ChallanCaller) -> None:
    confirm = await acs.a_confirmation(await acs.an_initiate("court_fee", "html"))
    headers = {"Authorization": f"Bearer {acs.token}"}
    async with acs.session.post(f"{acs.origin}/acs/{CONFIRM}", json=confirm, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert len(await acs.payments()) == 1


async def test_a_slow_answer_comes_late_and_is_true(acs: ChallanCaller) -> None:
    confirm = await acs.a_confirmation(await acs.an_initiate("court_fee", "slow"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(acs.ask(CONFIRM, confirm), 0.25)
    assert (await acs.ask(CONFIRM, confirm))["challan_no"] == "2526-0000000001"


@pytest.mark.parametrize(("kind", "code"), [("refuses", "104"), ("amount_changes", "103")])
async def test_a_refusal_takes_nothing(acs: ChallanCaller, kind: str, code: str) -> None:
    initiate = await acs.an_initiate("epassport_fee", kind)
    assert await acs.code(CONFIRM, await acs.a_confirmation(initiate)) == code
    assert await acs.code(DETAILS, {"paymentid": initiate["paymentid"]}) == "202"
    assert await acs.payments() == []


# ---- faults that are ordered -------------------------------------------------------------------------------


async def test_a_fault_strikes_the_payment_of_whoever_it_is_set_for(acs: ChallanCaller) -> None:
    order = {"house": "income_tax", "account": "123456700001", "fault": "http_500"}
    await acs.admin("POST", "faults", order)
    confirm = await acs.a_confirmation(TAX)
    status, _ = await acs.post(CONFIRM, confirm)
    assert (status, await acs.payments()) == (500, [])
    assert (await acs.ask(CONFIRM, confirm))["responsecode"] == "0"


async def test_a_call_that_moves_no_money_is_cut_off_too(acs: ChallanCaller) -> None:
    confirm = await acs.a_confirmation(TAX)
    for path, body in (
        (INITIATE, TAX),
        (SLIP, TAX),
        (DETAILS, {"paymentid": PAYMENT_ID}),
        (CONFIRM, confirm),
    ):
        await acs.admin("POST", "faults", {"house": "income_tax", "fault": "close_before"})
        assert await acs.is_cut_off(path, body)
    fields = (await acs.cast("court_fee"))["fields"]
    await acs.admin("POST", "faults", {"house": "court_fee", "fault": "close_before"})
    assert await acs.is_cut_off("court_fee/demand", fields)
    assert await acs.payments() == []


async def test_every_login_can_be_ended_at_once(acs: ChallanCaller) -> None:
    await acs.admin("POST", "faults", {"fault": "expire_tokens"})
    assert (await acs.post(DETAILS, {"paymentid": PAYMENT_ID}))[0] == 401


# ---- rubbish -----------------------------------------------------------------------------------------------

CHANGES: dict[str, object] = {
    "paymentid": ["", "PAYMENT00001", "payment000001", "PAYMENT0000012", 1, None, "পেমেন্ট০০০০০১"],
    "paidamount": ["0.00", "1250.5", "1,250.50", "-1.00", 1250.5, "", None, "১২৫০.৫০"],
    "paymenttype": ["", "111110", "১১১১১০১", 1111101],
    "organization_code": ["", "113010110000", None],
    "nid": ["123", None],
    "tin": ["12345670000", 123456700001],
    "bin": ["001234560-0001"],
    "mobile": ["1712345678", "01012345678"],
    "email": ["nobody", "a@b@c"],
    "pob_dob": ["01-01-2015"],
    "personcount": [0, -1, "1", True, 1.5, None],
    "addleconomic": [
        None,
        {},
        ["1111104"],
        [{"economic_code": "1111104"}],
        [{"economic_code": "1111101", "amount": "1.00"}],
        [{"economic_code": "1111104", "amount": "1250.50"}],
        [{"economic_code": "1111104", "amount": "0.00"}],
        [{"economic_code": f"{n:07d}", "amount": "1.00"} for n in range(20)],
    ],
    "demand_no": [None, "x" * 65, "<b>"],
    "remarks": [None, "<script>", "x" * 201],
}
RUBBISH = [(name, value) for name, values in CHANGES.items() if isinstance(values, list) for value in values]


@pytest.mark.parametrize("path", [INITIATE, SLIP])
async def test_what_cannot_be_read_is_http_400_and_registers_nothing(acs: ChallanCaller, path: str) -> None:
    for name, value in RUBBISH:
        status, told = await acs.post(path, {**TAX, name: value})
        assert (status, told["responsecode"]) == (400, "400"), (name, value)
    for name in TAX:
        status, _ = await acs.post(path, {other: value for other, value in TAX.items() if other != name})
        assert status == 400, name
    assert await acs.code(DETAILS, {"paymentid": PAYMENT_ID}) == "201"


@pytest.mark.parametrize(
    "change",
    [{"paymentid": "short"}, {"paidamount": "1250.5"}, {"transaction_id": ""}, {"transaction_id": 7}],
)
async def test_a_confirmation_that_cannot_be_read_takes_nothing(
    acs: ChallanCaller, change: dict[str, object]
) -> None:
    confirm = await acs.a_confirmation(TAX)
    assert (await acs.post(CONFIRM, {**confirm, **change}))[0] == 400
    assert await acs.payments() == []


@pytest.mark.parametrize("asked", [{}, {"case_no": ""}, {"case_no": 7}, {"case_no": "x" * 201}, []])
async def test_a_demand_is_named_by_texts(acs: ChallanCaller, asked: object) -> None:
    assert (await acs.post("court_fee/demand", asked))[0] == 400


BODIES: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff",
    b"<xml/>",
    b"a=1&a=2",
    b"paymentid=PAYMENT000001",
    b"[" * 60_000,
]


@pytest.mark.parametrize("path", [INITIATE, SLIP, CONFIRM, DETAILS, "court_fee/demand", "court_fee/use"])
async def test_a_body_that_is_no_json_object_is_refused(acs: ChallanCaller, path: str) -> None:
    headers = {"Authorization": f"Bearer {acs.token}"}
    for body in BODIES:
        async with acs.session.post(f"{acs.origin}/acs/{path}", data=body, headers=headers) as answer:
            assert answer.status == 400, body[:20]


async def test_a_token_is_asked_for_with_a_form_and_nothing_else(acs: ChallanCaller) -> None:
    headers = client_header("counter-sandbox-client")
    asked: dict[str, Any] = {"grant_type": "password", "username": "ekpay", "password": "counter-sandbox"}
    async with acs.session.post(f"{acs.origin}/acs/token", json=asked, headers=headers) as answer:
        assert answer.status == 400
    async with acs.session.post(f"{acs.origin}/acs/token", data=asked) as answer:
        assert answer.status == 401
