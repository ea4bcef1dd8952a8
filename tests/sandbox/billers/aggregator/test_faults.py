import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sandbox.billers.aggregator.family import AggregatorFamily
from tests.sandbox.billers.aggregator.caller import (
    BPDB,
    DPDC,
    HOUSES,
    METERED,
    STATED,
    WASA,
    AggregatorCaller,
    aggregator_at,
    paisa,
)
from tests.sandbox.caller import Json, SetClock, process_of

AT_ANY_PORT = ("--port", "aggregator=0", "--seed")
"""`process_of` ends its options with a 0, which is the seed here."""
CALLS = ("bill-info", "bill-payment", "bill-status", "bill-cancel")


@pytest.fixture
async def aggregator(tmp_path: Path, clock: SetClock) -> AsyncIterator[AggregatorCaller]:
    async with aggregator_at(tmp_path, clock) as caller:
        yield caller


# ---- magic accounts and faults -----------------------------------------------------------------------------


@pytest.mark.parametrize("house", HOUSES)
async def test_what_was_paid_before_and_who_nobody_is(aggregator: AggregatorCaller, house: str) -> None:
    for kind, status in (("already_paid", "902"), ("unknown", "901")):
        named = await aggregator.named(house, kind)
        assert (await aggregator.look(house, "T1", named))["status"] == status


@pytest.mark.parametrize("house", HOUSES)
async def test_ranges_93_and_97_are_paid_and_lose_the_answer(
    aggregator: AggregatorCaller, house: str
) -> None:
    for nth, (kind, extra) in enumerate((("lost_paid", 0), ("echoes_other", 100))):
        bill = await aggregator.info(house, f"T{nth}", kind)
        assert await aggregator.pay_in_vain(house, f"T{nth}")
        told = await aggregator.about(house, "bill-status", f"T{nth}")
        assert paisa(told["amount"]) == paisa(bill["payable"]) + extra
        again = await aggregator.ask(house, "bill-payment", aggregator.a_payment(f"T{nth}"))
        assert again["amount"] == told["amount"]
    assert [line["sends"] for line in await aggregator.payments()] == [2, 2]


@pytest.mark.parametrize("house", HOUSES)
async def test_range_94_loses_the_first_payment_and_takes_the_second(
    aggregator: AggregatorCaller, house: str
) -> None:
    await aggregator.info(house, kind="lost_unpaid")
    assert await aggregator.pay_in_vain(house)
    assert (await aggregator.about(house, "bill-status"))["status"] == "906"
    assert await aggregator.pay(house) == "111"


@pytest.mark.parametrize("house", HOUSES)
async def test_ranges_95_and_99_are_refused_each_in_its_way(aggregator: AggregatorCaller, house: str) -> None:
    await aggregator.info(house, "T1", "refuses")
    assert [await aggregator.pay(house) for _ in range(2)] == ["900", "900"]
    await aggregator.info(house, "T2", "amount_changes")
    assert [await aggregator.pay(house, "T2") for _ in range(2)] == ["903", "903"]
    assert await aggregator.payments() == []


async def test_range_92_is_in_process_until_its_time_is_over(
    aggregator: AggregatorCaller, clock: SetClock
) -> None:
    await aggregator.info(BPDB, kind="slow")
    answer = asyncio.create_task(aggregator.pay(BPDB))
    while not await aggregator.payments():
        assert not answer.done()
    assert (await aggregator.about(BPDB, "bill-status"))["status"] == "777"
    assert await aggregator.pay(BPDB) == "777"
    assert await answer == "111"
    clock.advance(seconds=1)
    assert (await aggregator.about(BPDB, "bill-status"))["status"] == "111"
    assert await aggregator.pay(BPDB) == "111"


async def test_range_96_answers_a_web_page_and_has_paid(aggregator: AggregatorCaller) -> None:
    await aggregator.info(BPDB, kind="html")
    with pytest.raises(aiohttp.ContentTypeError):
        await aggregator.pay(BPDB)
    assert (await aggregator.about(BPDB, "bill-status"))["status"] == "111"


async def test_http_500_has_paid_nothing(aggregator: AggregatorCaller) -> None:
    await aggregator.info(DPDC)
    await aggregator.admin("POST", "faults", {"house": DPDC, "fault": "http_500"})
    status, answer = await aggregator.post(DPDC, "bill-payment", aggregator.a_payment())
    assert (status, answer["status"]) == (500, "500")
    assert await aggregator.payments() == []
    assert await aggregator.pay(DPDC) == "111"


@pytest.mark.parametrize("house", [BPDB, STATED])
async def test_close_before_cuts_off_every_call(aggregator: AggregatorCaller, house: str) -> None:
    await aggregator.info(house)
    await aggregator.admin("POST", "faults", {"house": house, "fault": "close_before", "times": 4})
    asked = {**await aggregator.named(house), **aggregator.a_payment()}
    for call in CALLS:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await aggregator.post(house, call, asked)
    assert await aggregator.payments() == []


# ---- taking back -------------------------------------------------------------------------------------------


async def test_a_payment_is_taken_back_on_its_own_day_only(
    aggregator: AggregatorCaller, clock: SetClock
) -> None:
    for name in ("T1", "T2"):
        await aggregator.info(WASA, name, nth=int(name[1]))
        assert await aggregator.pay(WASA, name) == "111"
    assert (await aggregator.about(WASA, "bill-cancel", "T1"))["status"] == "111"
    clock.advance(hours=12)
    assert (await aggregator.about(WASA, "bill-cancel", "T1"))["status"] == "111"
    assert (await aggregator.about(WASA, "bill-cancel", "T2"))["status"] == "907"
    assert (await aggregator.about(WASA, "bill-cancel", "T9"))["status"] == "906"
    assert (await aggregator.about(WASA, "bill-status", "T2"))["status"] == "111"
    rows = (await aggregator.end_of_day(WASA, "2026-03-10")).splitlines()[1:]
    assert len(rows) == 3
    assert sum("-" in row.split(",")[12] for row in rows) == 1


async def test_the_end_of_day_file_sums_to_the_book(aggregator: AggregatorCaller) -> None:
    for nth in range(3):
        await aggregator.info(STATED, f"T{nth}", nth=nth)
        assert await aggregator.pay(STATED, f"T{nth}") == "111"
    await aggregator.about(STATED, "bill-cancel", "T0")
    total = sum(line["amount_paisa"] for line in (await aggregator.payments())[1:])
    lines = (await aggregator.end_of_day(STATED, "2026-03-10")).splitlines()
    assert lines[-1].split(",")[:3] == ["TRAILER", "4", f"{total // 100}.{total % 100:02d}"]
    first = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert (first["ekpay_txn_id"], first["collector_txn_id"], first["channel"]) == ("CORE-T0", "T0", "web")


# ---- keys and rubbish --------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{"AUTH-KEY": "wrong"}, {"STK-CODE": "somebody"}, {"AUTH-KEY": ""}])
async def test_nobody_is_let_in_without_the_collectors_keys(
    aggregator: AggregatorCaller, headers: dict[str, str]
) -> None:
    for path in (f"{BPDB}/bill-info", "service-list"):
        status, answer = await aggregator.raw(path, {}, **headers)
        assert (status, answer["status"]) == (401, "401")


@pytest.mark.parametrize("call", CALLS)
async def test_a_utility_wants_its_own_keys(aggregator: AggregatorCaller, call: str) -> None:
    keys = {"utility_auth_key": f"{BPDB}-auth", "utility_secret_key": f"{BPDB}-secret"}
    wrongs: list[Json] = [{}]
    wrongs += [{**keys, "utility_auth_key": f"{DPDC}-auth"}, {**keys, "utility_secret_key": None}]
    for wrong in wrongs:
        status, _ = await aggregator.raw(f"{BPDB}/{call}", {**aggregator.a_payment(), **wrong})
        assert status == 401


async def test_the_services_are_listed(aggregator: AggregatorCaller) -> None:
    status, answer = await aggregator.raw("service-list", {})
    assert (status, answer["status"]) == (200, "111")
    assert {one["utility"] for one in answer["services"]} == {*HOUSES} - {"rehearsal"}


@pytest.mark.parametrize("house", HOUSES)
async def test_a_bill_info_that_lacks_anything_is_malformed(aggregator: AggregatorCaller, house: str) -> None:
    asked = await aggregator.named(house)
    spoiled: list[object] = [None, "", [], {}, 7, "x" * 65]
    for member in asked:
        for wrong in spoiled:
            answer = await aggregator.look(house, "T1", {**asked, member: wrong})
            assert answer["status"] in {"901", "908"}, (member, wrong)
    assert await aggregator.pay(house) == "904"


@pytest.mark.parametrize("house", [BPDB, DPDC, WASA, METERED])
async def test_a_payment_that_lacks_anything_is_400_and_pays_nothing(
    aggregator: AggregatorCaller, house: str
) -> None:
    await aggregator.info(house)
    wanted = {
        BPDB: ("payment_mode", "remarks"),
        DPDC: ("payment_mode", "cheque_remarks", "channel_id"),
        WASA: ("branch_id", "payment_type", "channel_type", "remarks"),
    }
    spoiled: list[object] = [None, "", [], 7, "x" * 65]
    for member in ("transaction_id", "core_transaction_id", *wanted.get(house, ())):
        for wrong in spoiled:
            status, _ = await aggregator.post(
                house, "bill-payment", {**aggregator.a_payment(), member: wrong}
            )
            assert status == 400, (member, wrong)
    assert await aggregator.payments() == []


@pytest.mark.parametrize("call", [*(f"{BPDB}/{call}" for call in CALLS), "service-list"])
async def test_what_is_no_json_object_is_400(aggregator: AggregatorCaller, call: str) -> None:
    bodies: list[object] = [[], "text", None, 7]
    for body in bodies:
        status, answer = await aggregator.raw(call, body)
        assert (status, answer["status"]) == (400, "400")


# ---- the process -------------------------------------------------------------------------------------------


async def test_the_book_outlives_a_kill(tmp_path: Path) -> None:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with process_of(tmp_path, *AT_ANY_PORT) as (process, origin):
            aggregator = AggregatorCaller(session, origin)
            for name, kind in (("T1", "normal"), ("T2", "lost_paid"), ("T3", "lost_unpaid"), ("T4", "html")):
                await aggregator.info(STATED, name, kind)
            assert await aggregator.pay(STATED, "T1") == "111"
            assert await aggregator.pay_in_vain(STATED, "T2")
            assert await aggregator.pay_in_vain(STATED, "T3")
            before = await aggregator.admin("GET", "dump")
            process.send_signal(signal.SIGKILL)
            await process.wait()
        async with process_of(tmp_path, *AT_ANY_PORT) as (_, origin):
            aggregator = AggregatorCaller(session, origin)
            assert await aggregator.admin("GET", "dump") == before
            assert [await aggregator.pay(STATED, name) for name in ("T1", "T2", "T3")] == ["111"] * 3
            assert (await aggregator.look(STATED, "T9", await aggregator.named(STATED)))["status"] == "902"


def test_a_switch_is_told_one_address_and_a_pair_of_keys_for_each_utility() -> None:
    told = AggregatorFamily.settings_for_switch("http://127.0.0.1:1", "secret")
    assert told["EKPAY_AGGREGATOR_URL"] == "http://127.0.0.1:1/aggregator"
    assert told["EKPAY_AGGREGATOR_PASSWORD"] == "secret"
    pairs = {f"EKPAY_{house.upper()}_{key}_KEY" for house in HOUSES for key in ("AUTH", "SECRET")}
    assert told.keys() - {"EKPAY_AGGREGATOR_URL", "EKPAY_AGGREGATOR_PASSWORD"} == {
        name for name in pairs if "REHEARSAL" not in name
    }
