"""The offices are sent rubbish: they say so, and do nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.billers.offices.caller import HOUSES, OfficesCaller, offices_at
from tests.sandbox.caller import Json, SetClock

PORCHA, LDTAX, MUTATION = "eporcha_khatian", "ldtax", "emutation_application"


@pytest.fixture
async def offices(tmp_path: Path, clock: SetClock) -> AsyncIterator[OfficesCaller]:
    async with offices_at(tmp_path, clock) as caller:
        yield caller


@pytest.mark.parametrize("body", [None, [], "x", 7, {}, {"details": {}}])
@pytest.mark.parametrize("call", ["demand", "pay", "status"])
async def test_what_is_no_call_is_refused(offices: OfficesCaller, call: str, body: object) -> None:
    status, answer = await offices.post(LDTAX, call, body)
    assert (status, answer["code"]) in {(400, "400"), (200, "20")}
    assert await offices.payments() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"service": "khatian"},
        {"service": None},
        {"reference": "2509000100002"},
        {"reference": ["2509000100001"]},
        {"reference": ""},
        {"stage": "court"},
        {"details": None},
        {"details": []},
        {"details": {"applicationNo": "2509000100001"}},
        {"details": {"applicationNo": "2509000100001", "delivery": "pigeon"}},
        {"details": {"applicationNo": "2509000100001", "delivery": "post"}},
        {"details": {"applicationNo": 2509000100001, "delivery": "counter"}},
        {"details": {"applicationNo": "২৫০৯০০০১০০০০১", "delivery": "counter"}},
        {"details": {"applicationNo": "2509000100001", "delivery": "counter", "more": "x"}},
        {"details": {"applicationNo": "2509000100001", "delivery": "counter", "mobile": "017"}},
    ],
    ids=str,
)
async def test_what_names_no_demand_is_malformed(offices: OfficesCaller, changes: dict[str, Any]) -> None:
    naming_fields = await offices.naming_fields(PORCHA)
    assert naming_fields["reference"] == "2509000100001"
    assert await offices.code(PORCHA, "demand", {**naming_fields, **changes}) == "20"
    payment = {**await offices.a_payment(PORCHA), **changes}
    assert await offices.pay(PORCHA, payment) == "20"
    assert await offices.payments() == []


async def test_a_step_must_be_named_where_there_are_steps(offices: OfficesCaller) -> None:
    naming_fields = await offices.naming_fields(MUTATION)
    del naming_fields["stage"]
    assert await offices.code(MUTATION, "demand", naming_fields) == "20"


@pytest.mark.parametrize(
    "changes",
    [
        {"transactionId": None},
        {"transactionId": ""},
        {"transactionId": "9" * 65},
        {"amount": 100},
        {"amount": "100"},
        {"amount": "-100.00"},
        {"amount": "0.00"},
        {"amount": None},
        {"heads": None},
        {"heads": {}},
        {"heads": ["fee"]},
        {"heads": [{"code": "copy_fee"}]},
        {"heads": [{"code": 1, "amount": "100.00"}]},
    ],
    ids=str,
)
async def test_a_payment_that_cannot_be_read_is_http_400(
    offices: OfficesCaller, changes: dict[str, Any]
) -> None:
    payment = {**await offices.a_payment(PORCHA), **changes}
    assert (await offices.post(PORCHA, "pay", payment))[0] == 400
    assert await offices.payments() == []


@pytest.mark.parametrize(
    "heads",
    [
        [],
        [{"code": "postal_charge", "amount": "100.00"}],
        [{"code": "copy_fee", "amount": "99.00"}],
        [{"code": "copy_fee", "amount": "100.00"}, {"code": "copy_fee", "amount": "0.00"}],
    ],
)
async def test_heads_that_were_not_demanded_are_another_amount(
    offices: OfficesCaller, heads: list[Json]
) -> None:
    payment = await offices.a_payment(PORCHA)
    assert await offices.pay(PORCHA, payment, heads=heads) == "15"
    assert await offices.payments() == []


@pytest.mark.parametrize("house", HOUSES)
async def test_another_amount_is_refused(offices: OfficesCaller, house: str) -> None:
    payment = await offices.a_payment(house)
    assert await offices.pay(house, payment, amount="999999.00") == "15"
    assert await offices.payments() == []


@pytest.mark.parametrize("house", HOUSES)
async def test_the_same_transaction_for_another_demand_is_refused(offices: OfficesCaller, house: str) -> None:
    first, second = [await offices.a_payment(house, nth=nth) for nth in (0, 1)]
    assert await offices.pay(house, first) == "0"
    assert await offices.pay(house, second) == "16"
    assert len(await offices.payments()) == 1


async def test_an_owner_of_another_kind_names_no_demand(offices: OfficesCaller) -> None:
    naming_fields = await offices.naming_fields(LDTAX)
    details = {**naming_fields["details"], "ownerType": "organisation"}
    assert await offices.code(LDTAX, "demand", {**naming_fields, "details": details}) == "11"


async def test_a_tender_of_somebody_else_names_no_demand(offices: OfficesCaller) -> None:
    naming_fields = await offices.naming_fields("egp_fee", fee_type="document", tender_id="900002")
    assert await offices.code("egp_fee", "demand", naming_fields) == "11"
    own = await offices.naming_fields("egp_fee", fee_type="document", tender_id="900001")
    assert (await offices.demand("egp_fee", own))["total"] == "1500.00"


async def test_a_status_of_another_service_is_malformed(offices: OfficesCaller) -> None:
    await offices.pay(PORCHA, await offices.a_payment(PORCHA))
    assert await offices.code(PORCHA, "status", {"service": "x", "transactionId": "T1"}) == "20"
