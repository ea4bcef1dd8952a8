import asyncio

import aiohttp
import pytest

from tests.sandbox.caller import BrebCaller, SetClock

NORMAL = "1003010000003"
OTHER = "1003010000004"


async def test_wrong_credentials_are_1259(breb: BrebCaller) -> None:
    right = {"_pUSER": "ekpay", "_pPASSWORD": "breb-sandbox", "_pPAY_CHANNEL_ID": "EKP"}
    for wrong in ({"_pUSER": "other"}, {"_pPASSWORD": "guess"}, {"_pPAY_CHANNEL_ID": "XXX"}):
        assert (await breb.ask("authenticate", **(right | wrong)))["RESULT_CODE"] == "1259"
    answer = await breb.ask("authenticate", **right)
    assert (answer["RESULT_CODE"], type(answer["EXPIRES_IN"])) == ("1200", int)


@pytest.mark.parametrize("path", ["bill", "payment", "acknowledge", "status"])
async def test_a_bad_access_token_is_told_by_its_code_and_nothing_is_done(
    breb: BrebCaller, clock: SetClock, path: str
) -> None:
    save = await breb.a_locked_save(NORMAL)
    before = await breb.admin("GET", "dump")
    codes = [await breb.code(path, save, _pACCESS_TOKEN="unknown")]
    codes.append(await breb.code(path, save, _pPAY_CHANNEL_ID="XXX"))
    clock.advance(hours=1)
    codes.append(await breb.code(path, save))
    assert codes == ["1271", "1275", "1265"]
    assert await breb.admin("GET", "dump") == before


async def test_a_renewal_gives_a_new_pair_and_kills_the_old_one(breb: BrebCaller) -> None:
    access, refresh = breb.access, breb.refresh
    assert await breb.renew() == "1200"
    save = await breb.a_save(NORMAL)
    assert await breb.code("bill", save, _pACCESS_TOKEN=access) == "1271"
    assert await breb.code("bill", save) == "1200"
    assert await breb.renew(refresh) == "1273"
    assert await breb.renew() == "1200"


async def test_a_refresh_token_outlives_its_access_token_and_expires_after_a_day(
    breb: BrebCaller, clock: SetClock
) -> None:
    clock.advance(hours=23)
    assert await breb.renew() == "1200"
    clock.advance(hours=24)
    assert await breb.renew() == "1258"


async def test_an_unknown_refresh_token_is_1271(breb: BrebCaller) -> None:
    assert await breb.renew("unknown") == "1271"
    wrong = await breb.ask("token", _pREFRESH_TOKEN=breb.refresh, _pPAY_CHANNEL_ID="XXX")
    assert wrong["RESULT_CODE"] == "1271"


async def test_there_is_one_pair_only_so_a_second_login_throws_the_first_out(breb: BrebCaller) -> None:
    first = BrebCaller(breb.session, breb.origin, breb.access, breb.refresh)
    await breb.log_in()
    assert await first.code("bill", await first.a_save(NORMAL)) == "1271"
    assert await first.renew() == "1273"


async def test_fetch_save_acknowledge_and_status_tell_one_story(breb: BrebCaller) -> None:
    bill = await breb.fetch(NORMAL)
    listed = (await breb.bills(NORMAL))[0]
    assert bill["RESULT_CODE"] == "1200"
    assert bill["SMS_AC_NO"] == NORMAL
    assert bill["BILL_NO"] == listed["bill_number"]
    assert (bill["BILL_MONTH"], bill["BILL_YEAR"]) == (listed["month"], listed["year"]) == ("02", "2026")
    assert int(bill["DUE_AMOUNT"].replace(".", "")) == listed["due_paisa"]
    assert (bill["ISSUE_DATE"], bill["DUE_DATE"][2:]) == ("01-03-2026", "-03-2026")
    assert bill["PBS_NAME_E"]
    save = await breb.a_save(NORMAL)
    steps = ["status", "payment", "status", "acknowledge", "status"]
    assert [await breb.code(step, save) for step in steps] == ["1266", "1200", "1267", "1200", "1268"]
    assert (await breb.fetch(NORMAL))["RESULT_CODE"] == "1278"


async def test_the_dump_holds_what_was_paid_and_what_is_owed(breb: BrebCaller, clock: SetClock) -> None:
    save = await breb.a_locked_save(NORMAL)
    await breb.code("payment", save)
    clock.advance(seconds=5)
    await breb.code("acknowledge", save)
    assert await breb.payments() == [
        {
            "bill_number": save["_pBILL_NO"],
            "account": NORMAL,
            "transaction_id": "T1",
            "amount_taka": int(save["_pPAY_AMOUNT"]),
            "due_paisa": (await breb.bills(NORMAL))[0]["due_paisa"],
            "saves": 1,
            "acknowledges": 1,
            "is_acknowledged": True,
            "saved_at": "2026-03-10T06:00:00+00:00",
            "acknowledged_at": "2026-03-10T06:00:05+00:00",
        }
    ]


async def test_a_fetch_locks_the_bill_and_repeats_no_data(breb: BrebCaller) -> None:
    bill = await breb.fetch(NORMAL)
    assert sorted(await breb.fetch(NORMAL)) == ["RESULT_CODE", "RESULT_MSG"]
    assert (await breb.fetch(NORMAL))["RESULT_CODE"] == "1252"
    assert (await breb.admin("GET", "dump"))["locks"] == [
        {
            "bill_number": bill["BILL_NO"],
            "account": NORMAL,
            "channel": "EKP",
            "locked_at": "2026-03-10T06:00:00+00:00",
            "ends_at": "2026-03-10T08:00:00+00:00",
        }
    ]


async def test_a_lock_ends_after_two_hours(breb: BrebCaller, clock: SetClock) -> None:
    save = await breb.a_locked_save(NORMAL)
    clock.advance(seconds=7_199)
    await breb.log_in()
    assert (await breb.fetch(NORMAL))["RESULT_CODE"] == "1252"
    clock.advance(seconds=1)
    assert await breb.code("payment", save) == "1281"
    assert (await breb.admin("GET", "dump"))["locks"] == []
    assert (await breb.fetch(NORMAL))["RESULT_CODE"] == "1200"
    assert await breb.code("payment", save) == "1200"


async def test_a_lock_ends_with_the_acknowledge(breb: BrebCaller) -> None:
    save = await breb.a_locked_save(NORMAL)
    await breb.code("payment", save)
    assert len((await breb.admin("GET", "dump"))["locks"]) == 1
    await breb.code("acknowledge", save)
    assert (await breb.admin("GET", "dump"))["locks"] == []


async def test_a_payment_without_a_fetch_is_1281(breb: BrebCaller) -> None:
    assert await breb.code("payment", await breb.a_save(NORMAL)) == "1281"
    assert await breb.payments() == []


async def test_only_the_due_amount_rounded_up_is_taken(breb: BrebCaller) -> None:
    bills = (await breb.admin("GET", "unpaid?count=100"))["bills"]
    with_paisa = next(bill for bill in bills if bill["due_paisa"] % 100)
    whole = next(bill for bill in bills if bill["due_paisa"] % 100 == 0)
    for bill, payable in (
        (with_paisa, with_paisa["due_paisa"] // 100 + 1),
        (whole, whole["due_paisa"] // 100),
    ):
        save = await breb.a_locked_save(bill["account"], bill["account"])
        for wrong in (payable - 1, payable + 1, 0):
            assert await breb.code("payment", save, _pPAY_AMOUNT=str(wrong)) == "1280"
        assert await breb.code("payment", save, _pPAY_AMOUNT=str(payable)) == "1200"


async def test_the_same_transaction_again_answers_as_the_first_and_saves_nothing(
    breb: BrebCaller, clock: SetClock
) -> None:
    save = await breb.a_locked_save(NORMAL)
    assert await breb.code("payment", save) == "1200"
    assert await breb.code("payment", save, _pPAY_AMOUNT="1") == "1200"
    clock.advance(days=400)
    await breb.log_in()
    assert await breb.code("payment", save) == "1200"
    assert [(one["saves"], one["amount_taka"]) for one in await breb.payments()] == [
        (3, int(save["_pPAY_AMOUNT"]))
    ]


async def test_a_transaction_id_pays_one_bill_only(breb: BrebCaller) -> None:
    assert await breb.code("payment", await breb.a_locked_save(NORMAL)) == "1200"
    assert await breb.code("payment", await breb.a_locked_save(OTHER)) == "1282"
    assert len(await breb.payments()) == 1


async def test_another_transaction_finds_the_bill_paid_acknowledged_or_not(breb: BrebCaller) -> None:
    save = await breb.a_locked_save(NORMAL)
    await breb.code("payment", save)
    assert await breb.code("payment", save, _pTRANSACTION_ID="T2") == "1278"
    await breb.code("acknowledge", save)
    assert await breb.code("payment", save, _pTRANSACTION_ID="T3") == "1278"
    rejected = (await breb.admin("GET", "dump"))["rejected_duplicates"]
    assert [one["transaction_id"] for one in rejected] == ["T2", "T3"]


async def test_fifty_saves_of_one_bill_at_once_are_one_payment(breb: BrebCaller) -> None:
    save = await breb.a_locked_save(NORMAL)
    codes = await asyncio.gather(*(breb.code("payment", save, _pTRANSACTION_ID=f"T{n}") for n in range(50)))
    assert sorted(codes) == ["1200"] + ["1278"] * 49
    assert len(await breb.payments()) == 1


async def test_fifty_fetches_of_one_bill_at_once_lock_it_once(breb: BrebCaller) -> None:
    answers = await asyncio.gather(*(breb.fetch(NORMAL) for _ in range(50)))
    assert sorted(one["RESULT_CODE"] for one in answers) == ["1200"] + ["1252"] * 49


async def test_a_saved_payment_blocks_every_fetch_of_its_account_until_acknowledged(breb: BrebCaller) -> None:
    account = "9700000000000"
    save = await breb.a_locked_save(account)
    await breb.code("payment", save)
    assert [(await breb.fetch(account, index))["RESULT_CODE"] for index in (0, 1, 2)] == ["1261"] * 3
    empty_month = breb.question(account, "07", "2025")
    assert (await breb.ask("bill", **empty_month))["RESULT_CODE"] == "1261"
    assert (await breb.fetch(NORMAL))["RESULT_CODE"] == "1200"
    await breb.code("acknowledge", save)
    assert [(await breb.fetch(account, index))["RESULT_CODE"] for index in (0, 1, 2)] == [
        "1278",
        "1200",
        "1200",
    ]


async def test_an_acknowledge_is_repeatable_and_needs_a_save(breb: BrebCaller) -> None:
    save = await breb.a_locked_save(NORMAL)
    assert await breb.code("acknowledge", save) == "1283"
    await breb.code("payment", save)
    assert await breb.code("acknowledge", save, _pBILL_NO="26021003010000004") == "1283"
    assert [await breb.code("acknowledge", save) for _ in range(3)] == ["1200"] * 3
    assert [one["acknowledges"] for one in await breb.payments()] == [3]


async def test_a_status_is_of_transaction_and_bill_together(breb: BrebCaller) -> None:
    save = await breb.a_locked_save(NORMAL)
    await breb.code("payment", save)
    assert await breb.code("status", save, _pTRANSACTION_ID="T2") == "1266"
    assert await breb.code("status", save, _pBILL_NO="26021003010000004") == "1266"
    answer = await breb.ask("status", **save)
    assert sorted(answer) == ["RESULT_CODE", "RESULT_MSG"]


async def test_an_unknown_account_is_1290_and_a_month_without_bill_1278(breb: BrebCaller) -> None:
    save = await breb.a_locked_save(NORMAL)
    assert await breb.code("bill", save, _pSMS_AC_NO="1003010000200") == "1290"
    assert await breb.code("payment", save, _pSMS_AC_NO="1003010000200") == "1290"
    assert await breb.code("bill", save, _pBILL_MONTH="01") == "1278"
    assert await breb.code("payment", save, _pBILL_MONTH="01") == "1278"
    assert await breb.code("payment", save, _pBILL_NO="unknown") == "1278"


@pytest.mark.parametrize(
    ("account", "code"),
    [("8100000000000", "1274"), ("8200000000000", "1261"), ("9100000000000", "1278")],
)
async def test_ranges_81_82_and_91_give_no_bill(breb: BrebCaller, account: str, code: str) -> None:
    assert (await breb.fetch(account))["RESULT_CODE"] == code
    paid = await breb.code("payment", await breb.a_save(account))
    assert paid == ("1278" if code == "1278" else "1281")


async def test_range_92_is_unknown(breb: BrebCaller) -> None:
    answer = await breb.ask("bill", **breb.question("9200000000000", "02", "2026"))
    assert answer["RESULT_CODE"] == "1290"


async def test_range_93_saves_at_once_and_83_acknowledges_at_once_and_both_answer_late(
    breb: BrebCaller,
) -> None:
    for account, step in (("9300000000000", "payment"), ("8300000000000", "acknowledge")):
        save = await breb.a_locked_save(account, account)
        if step == "acknowledge":
            assert await breb.code("payment", save) == "1200"
        answer = asyncio.create_task(breb.code(step, save))
        while not await _is_done(breb, step, account):
            assert not answer.done()
        assert not answer.done()
        assert await answer == "1200"
        assert await breb.code(step, save) == "1200"


async def _is_done(breb: BrebCaller, step: str, account: str) -> bool:
    mine = [one for one in await breb.payments() if one["account"] == account]
    return bool(mine) and (step == "payment" or mine[0]["is_acknowledged"])


async def test_range_94_saves_and_loses_the_answer(breb: BrebCaller) -> None:
    save = await breb.a_locked_save("9400000000000")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await breb.code("payment", save)
    assert await breb.code("status", save) == "1267"
    assert await breb.code("payment", save) == "1200"
    assert [one["saves"] for one in await breb.payments()] == [2]


async def test_range_95_loses_the_first_save_and_keeps_the_second(breb: BrebCaller) -> None:
    save = await breb.a_locked_save("9500000000000")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await breb.code("payment", save)
    assert await breb.code("status", save) == "1266"
    assert await breb.code("payment", save) == "1200"


async def test_range_84_acknowledges_and_loses_the_answer(breb: BrebCaller) -> None:
    save = await breb.a_locked_save("8400000000000")
    await breb.code("payment", save)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await breb.code("acknowledge", save)
    assert await breb.code("status", save) == "1268"
    assert await breb.code("acknowledge", save) == "1200"


async def test_range_85_loses_the_first_acknowledge_and_keeps_the_second(breb: BrebCaller) -> None:
    save = await breb.a_locked_save("8500000000000")
    await breb.code("payment", save)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await breb.code("acknowledge", save)
    assert await breb.code("status", save) == "1267"
    assert (await breb.fetch("8500000000000"))["RESULT_CODE"] == "1261"
    assert await breb.code("acknowledge", save) == "1200"


async def test_range_96_refuses_every_save(breb: BrebCaller) -> None:
    save = await breb.a_locked_save("9600000000000")
    assert [await breb.code("payment", save) for _ in range(2)] == ["1282", "1282"]
    assert await breb.code("status", save) == "1266"


async def test_range_98_answers_a_web_page_and_has_saved(breb: BrebCaller) -> None:
    save = await breb.a_locked_save("9800000000000")
    async with breb.session.post(f"{breb.origin}/breb/api/payment", data=save) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert await breb.code("status", save) == "1267"


async def test_unpaid_leaves_out_what_cannot_be_fetched(breb: BrebCaller) -> None:
    first = (await breb.admin("GET", "unpaid?count=2"))["bills"]
    assert [bill["account"] for bill in first] == ["1003010000000", "1003010000001"]
    assert await breb.bills("1003010000000") == first[:1]
    save = await breb.a_locked_save("1003010000000")
    await breb.code("payment", save)
    await breb.fetch("1003010000001")
    left = (await breb.admin("GET", "unpaid?count=2&offset=1"))["bills"]
    assert [bill["account"] for bill in left] == ["1003010000003", "1003010000004"]


async def test_the_statistics_count_calls_and_reply_codes(breb: BrebCaller) -> None:
    save = await breb.a_locked_save(NORMAL)
    await breb.code("payment", save)
    await breb.code("payment", save, _pTRANSACTION_ID="T2")
    await breb.code("acknowledge", save)
    await breb.code("status", save)
    stats = await breb.admin("GET", "stats")
    assert stats["calls"] == {"authenticate": 1, "bill": 1, "save": 2, "acknowledge": 1, "status": 1}
    assert stats["replies"]["save"] == {"1200": 1, "1278": 1}
