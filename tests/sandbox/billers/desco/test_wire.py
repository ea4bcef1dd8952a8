import asyncio

import aiohttp
import pytest

from tests.sandbox.caller import Caller, Json, SetClock

NORMAL = "10000003"


async def test_a_wrong_password_is_401(desco: Caller) -> None:
    status, answer = await desco.send("login", {"user": "ekpay", "password": "guess"})
    assert (status, answer["statusCode"]) == (401, 401)


@pytest.mark.parametrize("path", ["bills", "bill", "payment", "payment-status"])
async def test_every_call_without_a_living_bearer_is_401(desco: Caller, path: str) -> None:
    desco.token = "unknown"
    status, answer = await desco.send(path, {})
    assert (status, answer["statusCode"]) == (401, 401)


async def test_a_bearer_dies_after_an_hour(desco: Caller, clock: SetClock) -> None:
    clock.advance(seconds=3_599)
    assert (await desco.send("bills", {"accountNo": NORMAL, "paymentStatus": "0"}))[0] == 200
    clock.advance(seconds=1)
    assert (await desco.send("bills", {"accountNo": NORMAL, "paymentStatus": "0"}))[0] == 401


async def test_list_info_save_and_status_tell_one_story(desco: Caller) -> None:
    _, listed = await desco.send("bills", {"accountNo": NORMAL, "paymentStatus": "0"})
    save = await desco.a_save(NORMAL)
    assert [line["billNo"] for line in listed["data"]] == [save["billNumber"]]
    assert await desco.status_of(save) == []
    assert await desco.code_of(save) == 323
    assert await desco.status_of(save) == [
        {
            "paymentStatus": "PAID",
            "transactionId": "T1",
            "departmentCode": save["departmentCode"],
            "paymentAmount": save["totalPaidAmount"],
            "paymentVatAmount": save["paymentVatAmount"],
            "paymentDate": save["paymentDate"],
        }
    ]
    _, listed = await desco.send("bills", {"accountNo": NORMAL, "paymentStatus": "0"})
    assert (listed["statusCode"], listed["data"]) == (200, [])
    _, info = await desco.send("bill", {"billNo": save["billNumber"]})
    assert (info["statusCode"], info["data"]) == (324, None)


async def test_the_dump_holds_the_payment_in_paisa(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    await desco.code_of(save)
    assert await desco.dump() == [
        {
            "bill_number": save["billNumber"],
            "transaction_id": "T1",
            "account": NORMAL,
            "scroll_no": 1,
            "scroll_date": "2026-03-10",
            "amount_paisa": int(save["totalPaidAmount"].replace(".", "")),
            "vat_paisa": int(save["paymentVatAmount"].replace(".", "")),
            "lpc_paisa": int(save["lpc"].replace(".", "")),
            "stamp_qty": save["stampQty"],
            "saved_at": "2026-03-10T06:00:00+00:00",
            "saves": 1,
        }
    ]


async def test_the_same_pair_again_is_accepted_and_saved_once(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    assert [await desco.code_of(save) for _ in range(3)] == [323, 323, 323]
    assert [line["saves"] for line in await desco.dump()] == [3]


async def test_a_repeat_is_accepted_even_after_its_token_expired(desco: Caller, clock: SetClock) -> None:
    save = await desco.a_save(NORMAL)
    await desco.code_of(save)
    clock.advance(days=400)
    await desco.log_in()
    assert await desco.code_of(save) == 323


async def test_fifty_saves_of_one_bill_at_once_are_one_payment(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    saves = [save | {"transactionId": f"T{n}", "scrollNo": n} for n in range(1, 51)]
    codes = await asyncio.gather(*(desco.code_of(one) for one in saves))
    assert sorted(codes) == [323] + [324] * 49
    assert len(await desco.dump()) == 1
    assert len((await desco.admin("GET", "dump"))["rejected_duplicates"]) == 49


async def test_an_overdue_bill_is_paid_with_its_late_charge(desco: Caller) -> None:
    number = (await desco.numbers_of("97000000"))[0]
    save = await desco.a_save("97000000")
    assert save["billNumber"] == number
    assert save["lpc"] != "0.00"
    assert await desco.code_of(save | {"lpc": "0.00"}) == 325
    assert await desco.code_of(save) == 323


async def test_another_amount_is_325_and_saves_nothing(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    spoiled: list[Json] = [
        {"totalPaidAmount": "1.00"},
        {"paymentAmount": "1.00"},
        {"paymentVatAmount": "0.01"},
        {"lpc": "0.01"},
        {"stampQty": 2},
        {"stampQty": "1"},
        {"stampQty": True},
    ]
    assert [await desco.code_of(save | changes) for changes in spoiled] == [325] * len(spoiled)
    assert await desco.dump() == []


async def test_a_token_unknown_expired_or_of_another_bill_is_326(desco: Caller, clock: SetClock) -> None:
    save, other = await desco.a_save(NORMAL), await desco.a_save("10000004")
    assert await desco.code_of(save | {"billToken": "unknown"}) == 326
    assert await desco.code_of(save | {"billToken": other["billToken"]}) == 326
    clock.advance(hours=2)
    await desco.log_in()
    assert await desco.code_of(save) == 326
    assert await desco.dump() == []


async def test_several_tokens_of_one_bill_are_alive(desco: Caller) -> None:
    first, second = await desco.a_save(NORMAL), await desco.a_save(NORMAL)
    assert first["billToken"] != second["billToken"]
    assert await desco.code_of(first) == 323


@pytest.mark.parametrize("scroll_no", [0, -1, "7", 1.5, None, True, [1]])
async def test_a_malformed_scroll_number_is_327(desco: Caller, scroll_no: object) -> None:
    assert await desco.code_of(await desco.a_save(NORMAL, scrollNo=scroll_no)) == 327
    assert await desco.dump() == []


async def test_a_scroll_number_is_used_once_a_day(desco: Caller) -> None:
    assert await desco.code_of(await desco.a_save(NORMAL, scrollNo=5)) == 323
    second = await desco.a_save("10000004", "T2", scrollNo=5)
    assert await desco.code_of(second) == 327
    assert await desco.code_of(second | {"paymentDate": "11-03-2026"}) == 323


async def test_an_unknown_bill_is_404(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    assert await desco.code_of(save | {"billNumber": "022692000000"}) == 404
    assert (await desco.send("bill", {"billNo": "022692000000"}))[1] == {
        "statusCode": 404,
        "message": "no such bill",
        "data": None,
    }


async def test_range_91_is_paid_already(desco: Caller) -> None:
    number = (await desco.numbers_of("91000005"))[0]
    assert (await desco.send("bill", {"billNo": number}))[1]["statusCode"] == 324
    _, listed = await desco.send("bills", {"accountNo": "91000005", "paymentStatus": "0"})
    assert (listed["statusCode"], listed["data"]) == (200, [])
    save = await desco.a_save(NORMAL)
    assert await desco.code_of(save | {"billNumber": number}) == 324


async def test_range_92_is_unknown(desco: Caller) -> None:
    _, listed = await desco.send("bills", {"accountNo": "92000000", "paymentStatus": "0"})
    assert (listed["statusCode"], listed["data"]) == (404, [])


async def test_range_93_saves_at_once_and_answers_late(desco: Caller) -> None:
    save = await desco.a_save("93000000")
    answer = asyncio.create_task(desco.code_of(save))
    while not await desco.dump():
        assert not answer.done()
    assert not answer.done()
    assert await answer == 323
    assert len(await desco.dump()) == 1


@pytest.mark.parametrize("account", ["94000000", "99000000"])
async def test_ranges_94_and_99_save_and_lose_the_answer(desco: Caller, account: str) -> None:
    save = await desco.a_save(account)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await desco.code_of(save)
    assert len(await desco.dump()) == 1
    assert await desco.code_of(save) == 323


async def test_range_95_loses_the_first_save_and_keeps_the_second(desco: Caller) -> None:
    save = await desco.a_save("95000000")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await desco.code_of(save)
    assert await desco.dump() == []
    assert await desco.status_of(save) == []
    assert await desco.code_of(save) == 323


async def test_range_96_refuses_and_the_scroll_number_stays_free(desco: Caller) -> None:
    save = await desco.a_save("96000000")
    assert [await desco.code_of(save), await desco.code_of(save)] == [328, 328]
    assert await desco.code_of(await desco.a_save(NORMAL, scrollNo=save["scrollNo"])) == 323


async def test_range_97_lists_three_bills(desco: Caller) -> None:
    _, listed = await desco.send("bills", {"accountNo": "97000000", "paymentStatus": "0"})
    assert [line["billNo"] for line in listed["data"]] == await desco.numbers_of("97000000")
    assert len(listed["data"]) == 3


async def test_range_98_answers_a_web_page_and_has_saved(desco: Caller) -> None:
    save = await desco.a_save("98000000")
    headers = {"Authorization": f"Bearer {desco.token}"}
    async with desco.session.post(f"{desco.origin}/desco/api/payment", json=save, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert len(await desco.status_of(save)) == 1


async def test_range_99_tells_one_taka_more_than_it_saved(desco: Caller) -> None:
    save = await desco.a_save("99000000")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await desco.code_of(save)
    told = int((await desco.status_of(save))[0]["paymentAmount"].replace(".", ""))
    assert told == (await desco.dump())[0]["amount_paisa"] + 100


@pytest.mark.parametrize("fault", ["lost_paid", "echo_other_amount"])
async def test_an_ordered_fault_saves_and_loses_the_answer(desco: Caller, fault: str) -> None:
    await desco.admin("POST", "faults", {"account": NORMAL, "fault": fault})
    save = await desco.a_save(NORMAL)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await desco.code_of(save)
    assert len(await desco.dump()) == 1
    assert await desco.code_of(save) == 323


async def test_an_ordered_lost_unpaid_saves_nothing_as_often_as_ordered(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    order = {"bill": save["billNumber"], "fault": "lost_unpaid", "times": 2}
    await desco.admin("POST", "faults", order)
    for _ in range(2):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await desco.code_of(save)
    assert await desco.dump() == []
    assert await desco.code_of(save) == 323


async def test_http_500_has_saved_nothing_and_status_500_has(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    await desco.admin("POST", "faults", {"account": NORMAL, "fault": "http_500"})
    await desco.admin("POST", "faults", {"account": NORMAL, "fault": "status_500"})
    status, answer = await desco.send("payment", save)
    assert (status, answer["statusCode"], await desco.dump()) == (500, 500, [])
    assert await desco.code_of(save) == 500
    assert len(await desco.dump()) == 1


@pytest.mark.parametrize(("fault", "code"), [("refuse", 328), ("expire_tokens", 326)])
async def test_an_ordered_refusal_strikes_once(desco: Caller, fault: str, code: int) -> None:
    await desco.admin("POST", "faults", {"account": NORMAL, "fault": fault})
    save = await desco.a_save(NORMAL)
    assert [await desco.code_of(save), await desco.code_of(save)] == [code, 323]


async def test_a_refusal_never_takes_back_a_saved_payment(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    await desco.code_of(save)
    await desco.admin("POST", "faults", {"account": NORMAL, "fault": "refuse"})
    assert await desco.code_of(save) == 323


async def test_expire_tokens_without_a_target_ends_every_login(desco: Caller) -> None:
    await desco.admin("POST", "faults", {"fault": "expire_tokens"})
    assert (await desco.send("bill", {"billNo": "022610000000"}))[0] == 401


async def test_close_before_cuts_off_asking_calls_too(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    await desco.admin("POST", "faults", {"account": NORMAL, "fault": "close_before", "times": 4})
    for path, body in [
        ("payment-status", {"billNumber": save["billNumber"], "transactionId": "T1"}),
        ("bill", {"billNo": save["billNumber"]}),
        ("bills", {"accountNo": NORMAL, "paymentStatus": "0"}),
        ("payment", save),
    ]:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await desco.send(path, body)
    assert await desco.dump() == []
    assert await desco.code_of(save) == 323


async def test_cleared_faults_no_longer_strike(desco: Caller) -> None:
    await desco.admin("POST", "faults", {"account": NORMAL, "fault": "refuse", "times": 5})
    assert (await desco.admin("DELETE", "faults"))["faults"] == []
    assert await desco.code_of(await desco.a_save(NORMAL)) == 323


async def test_an_outage_of_503_does_nothing_until_it_is_lifted(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    await desco.admin("POST", "outage", {"mode": "http_503"})
    status, answer = await desco.send("payment", save)
    assert (status, answer["statusCode"]) == (503, 503)
    await desco.admin("POST", "outage", {"mode": "none"})
    assert await desco.dump() == []
    assert await desco.code_of(save) == 323


async def test_an_outage_that_hangs_ends_without_an_answer(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    await desco.admin("POST", "outage", {"mode": "hang", "seconds": 0.2})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await desco.send("payment", save)
    assert await desco.dump() == []
    assert await desco.code_of(save) == 323


async def test_unpaid_leaves_paid_bills_out(desco: Caller) -> None:
    first = (await desco.admin("GET", "unpaid?count=2"))["bills"]
    assert [bill["account"] for bill in first] == ["10000000", "10000001"]
    save = await desco.a_save("10000000")
    assert first[0]["bill_number"] == save["billNumber"]
    assert first[0]["total_paisa"] == int(save["totalPaidAmount"].replace(".", ""))
    await desco.code_of(save)
    left = (await desco.admin("GET", "unpaid?count=2&offset=1"))["bills"]
    assert [bill["account"] for bill in left] == ["10000002", "10000003"]


async def test_the_statistics_count_calls_and_reply_codes(desco: Caller) -> None:
    save = await desco.a_save(NORMAL)
    await desco.code_of(save)
    await desco.code_of(save)
    await desco.send("payment", save | {"transactionId": "T2"})
    stats = await desco.admin("GET", "stats")
    assert stats["calls"] == {"login": 1, "info": 1, "save": 3}
    assert stats["replies"]["save"] == {"323": 2, "324": 1}


async def test_health_is_answered_during_an_outage(desco: Caller) -> None:
    await desco.admin("POST", "outage", {"mode": "hang"})
    assert await desco.admin("GET", "health") == {"status": "ok", "outage": "hang"}


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"fault": "refuse"},
        {"fault": "rubbish", "account": NORMAL},
        {"fault": "slow", "account": "1"},
        {"fault": "slow", "account": NORMAL, "bill": "022610000003"},
        {"fault": "slow", "account": NORMAL, "times": 0},
        {"fault": "slow", "account": NORMAL, "other": 1},
        [],
    ],
)
async def test_an_order_that_cannot_be_read_is_400(desco: Caller, order: object) -> None:
    async with desco.session.post(f"{desco.origin}/_admin/faults", json=order) as answer:
        assert answer.status == 400
    assert (await desco.admin("GET", "faults"))["faults"] == []
