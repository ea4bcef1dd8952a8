"""What goes wrong at an office, by magic accounts and by orders."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.sandbox.billers.offices.caller import HOUSES, OfficesCaller, offices_at
from tests.sandbox.caller import SetClock

PORCHA = "eporcha_khatian"
every_office = pytest.mark.parametrize("house", HOUSES)


@pytest.fixture
async def offices(tmp_path: Path, clock: SetClock) -> AsyncIterator[OfficesCaller]:
    async with offices_at(tmp_path, clock) as caller:
        yield caller


@every_office
async def test_a_lost_answer_of_a_taken_payment(offices: OfficesCaller, house: str) -> None:
    payment = await offices.a_payment(house, "lost_paid")
    assert await offices.pay_in_vain(house, payment)
    assert (await offices.status(house))["amount"] == payment["amount"]
    assert await offices.pay(house, payment) == "0"
    assert len(await offices.payments()) == 1


@every_office
async def test_a_lost_payment_is_taken_the_second_time(offices: OfficesCaller, house: str) -> None:
    payment = await offices.a_payment(house, "lost_unpaid")
    assert await offices.pay_in_vain(house, payment)
    assert (await offices.status(house))["code"] == "21"
    assert await offices.pay(house, payment) == "0"


@every_office
async def test_a_refusal_and_a_changed_amount(offices: OfficesCaller, house: str) -> None:
    assert await offices.pay(house, await offices.a_payment(house, "refuses")) == "16"
    changed = await offices.a_payment(house, "amount_changes")
    assert await offices.pay(house, changed, transactionId="T2") == "15"
    assert await offices.payments() == []


async def test_a_web_page_in_place_of_an_answer(offices: OfficesCaller) -> None:
    payment = await offices.a_payment(PORCHA, "html")
    with pytest.raises(aiohttp.ContentTypeError):
        await offices.pay(PORCHA, payment)
    assert (await offices.status(PORCHA))["state"] == "paid"


async def test_an_echo_of_1_taka_more_for_ever(offices: OfficesCaller) -> None:
    payment = await offices.a_payment(PORCHA, "echoes_other")
    assert await offices.pay_in_vain(PORCHA, payment)
    told = [(await offices.status(PORCHA))["amount"], (await offices.ask(PORCHA, "pay", payment))["amount"]]
    assert told == ["101.00", "101.00"]
    assert [line["amount_paisa"] for line in await offices.payments()] == [10_000]


async def test_a_slow_answer_comes_late(offices: OfficesCaller) -> None:
    payment = await offices.a_payment(PORCHA, "slow")
    began = asyncio.get_running_loop().time()
    assert await offices.pay(PORCHA, payment) == "0"
    assert asyncio.get_running_loop().time() - began >= 1.0


async def test_faults_by_order(offices: OfficesCaller) -> None:
    payment = await offices.a_payment(PORCHA)
    await offices.admin("POST", "faults", {"house": PORCHA, "fault": "http_500"})
    assert (await offices.post(PORCHA, "pay", payment))[0] == 500
    await offices.admin("POST", "faults", {"house": PORCHA, "fault": "close_before", "times": 2})
    for call, body in (("demand", await offices.naming_fields(PORCHA)), ("pay", payment)):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await offices.post(PORCHA, call, body)
    assert (await offices.status(PORCHA))["code"] == "21"
    assert await offices.pay(PORCHA, payment) == "0"
    await offices.admin("POST", "faults", {"house": PORCHA, "fault": "close_before"})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await offices.status(PORCHA)
