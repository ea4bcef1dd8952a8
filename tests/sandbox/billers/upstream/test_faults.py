import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sandbox.kit.jwe import seal
from tests.sandbox.billers.upstream.caller import HOUSES, SECRET, UpstreamCaller, code_of, paisa, upstream_at
from tests.sandbox.billers.upstream.test_wire import FEE, GAS, OPENING, WATER
from tests.sandbox.caller import SetClock, process_of

AT_ANY_PORT = ("--port", "upstream=0", "--seed")
"""`process_of` ends its options with a 0, which is the seed here."""


@pytest.fixture
async def upstream(tmp_path: Path, clock: SetClock) -> AsyncIterator[UpstreamCaller]:
    async with upstream_at(tmp_path, clock) as caller:
        yield caller


@pytest.mark.parametrize("house", HOUSES)
async def test_ranges_93_and_97_are_paid_and_lose_the_answer(upstream: UpstreamCaller, house: str) -> None:
    for nth, (kind, extra) in enumerate((("lost_paid", 0), ("echoes_other", 100))):
        payment = await upstream.a_payment(house, kind, reference=f"T{nth}")
        assert await upstream.pay_in_vain(payment)
        told = (await upstream.status(house, payment))["pyd_inf"]
        assert paisa(told["pyd_amnt"]) == paisa(payment["pyd_inf"]["pyd_amnt"]) + extra
        again = await upstream.exchange(payment)
        assert again["bllr_inf"]["bll_amnt_ttl"] == told["pyd_amnt"]
    assert [line["sends"] for line in await upstream.payments()] == [2, 2]


@pytest.mark.parametrize("house", HOUSES)
async def test_range_94_loses_the_first_payment_and_takes_the_second(
    upstream: UpstreamCaller, house: str
) -> None:
    payment = await upstream.a_payment(house, "lost_unpaid")
    assert await upstream.pay_in_vain(payment)
    assert (await upstream.status(house, payment))["bllr_inf"]["is_bll_pd"] == "N"
    assert await upstream.left_paisa() == OPENING
    assert await upstream.pay(payment) == "0000"
    assert [line["sends"] for line in await upstream.payments()] == [1]


@pytest.mark.parametrize("house", HOUSES)
async def test_ranges_91_95_and_99_are_refused_each_in_its_way_for_ever(
    upstream: UpstreamCaller, house: str
) -> None:
    for kind, code in {"already_paid": "1003", "refuses": "1008", "amount_changes": "1004"}.items():
        payment = await upstream.a_payment(house, kind, reference=kind)
        assert payment["bllr_inf"]["is_bll_pd"] == ("Y" if kind == "already_paid" else "N")
        assert [await upstream.pay(payment) for _ in range(2)] == [code, code]
        asked = await upstream.status(house, payment)
        assert (code_of(asked), asked["bllr_inf"]["is_bll_pd"], "pyd_inf" in asked) == (code, "N", False)
    assert await upstream.payments() == []
    assert await upstream.left_paisa() == OPENING


async def test_a_bill_that_was_paid_before_all_time_names_nobody(upstream: UpstreamCaller) -> None:
    payment = await upstream.a_payment(GAS, "already_paid")
    asked = await upstream.status(GAS, payment)
    assert (code_of(asked), asked["bllr_inf"]["is_bll_pd"], "pyd_inf" in asked) == ("0000", "Y", False)


async def test_range_98_tells_the_oldest_and_how_many_there_are(upstream: UpstreamCaller) -> None:
    for count in ("3", "2", None):
        payment = await upstream.a_payment(GAS, "three_bills", reference=f"T{count}")
        assert payment["bllr_inf"].get("bll_cnt") == count
        assert await upstream.pay(payment) == "0000"
    assert (await upstream.fetch(GAS, "three_bills"))["bllr_inf"]["is_bll_pd"] == "Y"


async def test_nobodys_number_is_unknown(upstream: UpstreamCaller) -> None:
    for house in HOUSES:
        assert code_of(await upstream.exchange(await upstream.a_fetch(house, "unknown"))) == "1002"
    named = await upstream.named(GAS)
    assert code_of(await upstream.exchange(upstream.write.fetch("b777", **named))) == "1001"


async def test_range_92_is_paid_at_once_and_answered_late(upstream: UpstreamCaller) -> None:
    payment = await upstream.a_payment(GAS, "slow")
    answer = asyncio.create_task(upstream.pay(payment))
    while not await upstream.payments():
        assert not answer.done()
    assert not answer.done()
    assert await answer == "0000"


async def test_range_96_answers_a_web_page_and_has_paid(upstream: UpstreamCaller) -> None:
    payment = await upstream.a_payment(GAS, "html")
    body = seal(json.dumps(payment).encode(), SECRET).encode()
    status, told = await upstream.post("update-billPayment", body)
    assert (status, told.startswith("<!doctype html>")) == (200, True)
    assert (await upstream.status(GAS, payment))["pyd_inf"]["pyd_trxn_refid"] == "T1"


async def test_http_500_has_paid_nothing_and_says_neither_yes_nor_no(upstream: UpstreamCaller) -> None:
    payment = await upstream.a_payment(GAS)
    await upstream.admin("POST", "faults", {"house": GAS, "fault": "http_500"})
    body = seal(json.dumps(payment).encode(), SECRET).encode()
    status, told = await upstream.post("update-billPayment", body)
    assert (status, json.loads(told)["resp_cd"]) == (500, "0102")
    assert await upstream.payments() == []
    assert await upstream.pay(payment) == "0000"


async def test_close_before_cuts_off_asking_calls_too(upstream: UpstreamCaller) -> None:
    payment = await upstream.a_payment(GAS)
    calls = [await upstream.a_fetch(GAS), payment, upstream.write.status(payment["hdrs"]["ref_id"], "b430")]
    await upstream.admin("POST", "faults", {"house": GAS, "fault": "close_before", "times": len(calls)})
    for message in calls:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await upstream.exchange(message)
    assert await upstream.payments() == []
    assert await upstream.pay(payment) == "0000"


async def test_every_login_dies_with_the_order_for_any_house(upstream: UpstreamCaller) -> None:
    message = await upstream.a_fetch(GAS)
    await upstream.admin("POST", "faults", {"house": WATER, "fault": "expire_tokens"})
    status, told = await upstream.post("fetch-bill", seal(json.dumps(message).encode(), SECRET).encode())
    assert (status, json.loads(told)["resp_cd"]) == (401, "2002")
    await upstream.log_in()
    assert code_of(await upstream.exchange(message)) == "0000"


async def test_the_end_of_day_files_sum_to_the_book(upstream: UpstreamCaller) -> None:
    for house in (GAS, WATER):
        for nth in range(3):
            assert (
                await upstream.pay(await upstream.a_payment(house, nth=nth, reference=f"{house}{nth}"))
                == "0000"
            )
    await upstream.pay_in_vain(await upstream.a_payment(GAS, "echoes_other", reference="T9"))
    for house, column, rows in ((GAS, "PayAmt", 4), (WATER, "TotalPayAmount", 3)):
        url = f"{upstream.origin}/_admin/end_of_day?house={house}&date=2026-03-10"
        async with upstream.session.get(url) as answer:
            head, *lines = (await answer.text()).splitlines()
        place = head.split(",").index(column)
        told = [paisa(line.split(",")[place]) for line in lines if not line.startswith("TRAILER")]
        booked = [one["amount_paisa"] for one in await upstream.payments() if one["house"] == house]
        assert (told, len(told)) == (booked, rows)


async def test_a_killed_switch_forgets_no_payment_fetch_refusal_or_taka(
    tmp_path: Path, clock: SetClock
) -> None:
    async with process_of(tmp_path, *AT_ANY_PORT) as (process, origin), aiohttp.ClientSession() as session:
        caller = UpstreamCaller(session, origin, SetClock())
        await caller.log_in()
        paid, refused = await caller.a_payment(GAS), await caller.a_payment(GAS, "refuses", reference="T2")
        fetched = await caller.a_payment(WATER, reference="T3")
        assert [await caller.pay(one) for one in (paid, refused)] == ["0000", "1008"]
        await caller.admin("POST", "prefund", {"paisa": -100})
        left = await caller.left_paisa()
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with process_of(tmp_path, *AT_ANY_PORT) as (_, origin), aiohttp.ClientSession() as session:
        caller = UpstreamCaller(session, origin, clock)
        await caller.log_in()
        assert await caller.left_paisa() == left == OPENING - 100 - FEE - paisa(paid["pyd_inf"]["pyd_amnt"])
        assert [await caller.pay(one) for one in (paid, refused, fetched)] == ["0000", "1008", "0000"]
        assert (await caller.status(GAS, paid))["pyd_inf"]["pyd_trxn_refid"] == "T1"
        assert [line["sends"] for line in await caller.payments()] == [2, 1]
