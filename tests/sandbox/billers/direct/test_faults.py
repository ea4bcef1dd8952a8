import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.sandbox.billers.direct.caller import HOUSES, DirectCaller, direct_at, paisa
from tests.sandbox.caller import SetClock, process_of
from tests.sandbox.test_process import run

DPDC = "dpdc_postpaid"
AT_ANY_PORT = ("--port", "direct=0", "--seed")
"""`process_of` ends its options with a 0, which is the seed here."""


@pytest.fixture
async def direct(tmp_path: Path, clock: SetClock) -> AsyncIterator[DirectCaller]:
    async with direct_at(tmp_path, clock) as caller:
        yield caller


@pytest.mark.parametrize("house", HOUSES)
async def test_ranges_93_and_97_are_paid_and_lose_the_answer(direct: DirectCaller, house: str) -> None:
    for nth, (kind, extra) in enumerate((("lost_paid", 0), ("echoes_other", 100))):
        payment = await direct.a_payment(house, kind, transactionId=f"T{nth}")
        assert await direct.pay_in_vain(house, payment)
        told = (await direct.status(house, f"T{nth}"))["payment"]
        assert paisa(told["amount"]) == paisa(payment["amount"]) + extra
        assert (await direct.ask(house, "payment", payment))["amount"] == told["amount"]
    assert [line["sends"] for line in await direct.payments()] == [2, 2]


@pytest.mark.parametrize("house", HOUSES)
async def test_range_94_loses_the_first_payment_and_takes_the_second(
    direct: DirectCaller, house: str
) -> None:
    payment = await direct.a_payment(house, "lost_unpaid")
    assert await direct.pay_in_vain(house, payment)
    assert (await direct.status(house))["code"] == "204"
    assert await direct.pay(house, payment) == "200"
    assert [line["sends"] for line in await direct.payments()] == [1]


@pytest.mark.parametrize("house", HOUSES)
async def test_ranges_95_and_99_are_refused_each_in_its_way(direct: DirectCaller, house: str) -> None:
    refused = await direct.a_payment(house, "refuses")
    assert [await direct.pay(house, refused) for _ in range(2)] == ["412", "412"]
    changed = await direct.a_payment(house, "amount_changes")
    assert [await direct.pay(house, changed) for _ in range(2)] == ["411", "411"]
    assert await direct.payments() == []


async def test_range_92_is_paid_at_once_and_answered_late(direct: DirectCaller) -> None:
    payment = await direct.a_payment(DPDC, "slow")
    answer = asyncio.create_task(direct.pay(DPDC, payment))
    while not await direct.payments():
        assert not answer.done()
    assert not answer.done()
    assert await answer == "200"


async def test_range_96_answers_a_web_page_and_has_paid(direct: DirectCaller) -> None:
    payment = await direct.a_payment(DPDC, "html")
    headers = {"Authorization": f"Bearer {direct.tokens[DPDC]}"}
    url = f"{direct.origin}/direct/api/{DPDC}/payment"
    async with direct.session.post(url, json=payment, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert (await direct.status(DPDC))["code"] == "200"


@pytest.mark.parametrize("target", [{"account": "23400001"}, {}])
async def test_http_500_has_paid_nothing(direct: DirectCaller, target: dict[str, str]) -> None:
    payment = await direct.a_payment(DPDC)
    await direct.admin("POST", "faults", {"house": DPDC, "fault": "http_500", **target})
    status, answer = await direct.post(DPDC, "payment", payment)
    assert (status, answer["code"]) == (500, "500")
    assert await direct.payments() == []
    assert await direct.pay(DPDC, payment) == "200"


async def test_a_fault_of_one_house_strikes_no_other(direct: DirectCaller) -> None:
    await direct.admin("POST", "faults", {"house": DPDC, "fault": "refuse"})
    assert await direct.pay("kgdcl_gas", await direct.a_payment("kgdcl_gas")) == "200"
    payment = await direct.a_payment(DPDC)
    assert [await direct.pay(DPDC, payment) for _ in range(2)] == ["412", "200"]


async def test_close_before_cuts_off_asking_calls_too(direct: DirectCaller) -> None:
    payment = await direct.a_payment(DPDC)
    bodies = [
        ("bill", await direct.named(DPDC)),
        ("payment", payment),
        ("status", {"transactionId": "T1"}),
    ]
    await direct.admin("POST", "faults", {"house": DPDC, "fault": "close_before", "times": len(bodies)})
    for path, body in bodies:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await direct.post(DPDC, path, body)
    assert await direct.payments() == []
    assert await direct.pay(DPDC, payment) == "200"
    await direct.admin("POST", "faults", {"house": DPDC, "fault": "close_before", "account": "23400001"})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await direct.status(DPDC)


async def test_the_end_of_day_file_sums_to_the_book(direct: DirectCaller) -> None:
    for house in (DPDC, "nesco_postpaid", "chattogram_wasa", "kgdcl_gas"):
        for nth in range(3):
            payment = await direct.a_payment(house, nth=nth, transactionId=f"T{nth}")
            assert await direct.pay(house, payment) == "200"
    await direct.pay_in_vain(DPDC, await direct.a_payment(DPDC, "echoes_other", transactionId="T9"))
    total = sum(line["amount_paisa"] for line in await direct.payments() if line["house"] == DPDC)
    common = (await direct.end_of_day(DPDC, "2026-03-10")).splitlines()
    assert common[-1].split(",")[:3] == ["TRAILER", "4", f"{total // 100}.{total % 100:02d}"]
    nesco = (await direct.end_of_day("nesco_postpaid", "2026-03-10")).splitlines()
    assert nesco[0] == (
        "Location,CcName,TransDate,TransNo,NescoTxId,BillNo,SndName,TxnCount,Collection,"
        "Principle,Vat,Lpc,Stamp,NetAmount"
    )
    wasa = (await direct.end_of_day("chattogram_wasa", "2026-03-10")).splitlines()
    assert wasa[0].split(",")[4:7] == ["BillNo", "AccountNumber", "WaterBill"]
    gas = (await direct.end_of_day("kgdcl_gas", "2026-03-10")).splitlines()
    assert gas[0].split(",")[4:7] == ["BillNo", "PayAmt", "AgentCom"]
    assert len(nesco) == len(wasa) == len(gas) == 4


async def test_the_book_outlives_a_kill(tmp_path: Path) -> None:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with process_of(tmp_path, *AT_ANY_PORT) as (
            process,
            origin,
        ):
            direct = DirectCaller(session, origin)
            plain = await direct.a_payment(DPDC)
            assert await direct.pay(DPDC, plain) == "200"
            lost = await direct.a_payment(DPDC, "lost_paid", transactionId="T2")
            dropped = await direct.a_payment(DPDC, "lost_unpaid", transactionId="T3")
            assert await direct.pay_in_vain(DPDC, lost)
            assert await direct.pay_in_vain(DPDC, dropped)
            before = await direct.admin("GET", "dump")
            process.send_signal(signal.SIGKILL)
            await process.wait()
        async with process_of(tmp_path, *AT_ANY_PORT) as (_, origin):
            direct = DirectCaller(session, origin)
            assert await direct.admin("GET", "dump") == before
            assert [await direct.pay(DPDC, one) for one in (plain, lost, dropped)] == ["200"] * 3
            assert [line["sends"] for line in await direct.payments()] == [2, 2, 1]


async def test_faults_and_dump_by_command(tmp_path: Path) -> None:
    async with process_of(tmp_path, *AT_ANY_PORT) as (_, origin):
        here = ("--of", "direct", "--address", origin)
        code, output = await run("faults", "refuse", "--house", DPDC, "--account", "23400001", *here)
        assert code == 0
        struck = {"house": DPDC, "number": "23400001", "fault": "refuse", "times": 1}
        assert json.loads(output)["faults"] == [struck]
        code, _ = await run("faults", "refuse", *here)
        assert code == 1
        code, output = await run("dump", *here)
        assert (code, json.loads(output)) == (0, {"payments": [], "refused": []})
