import asyncio

import aiohttp
import pytest

from tests.sandbox.caller import Json, NescoCaller, SetClock

NORMAL = "10000003"


def paisa(text: str) -> int:
    return int(text.replace(".", ""))


async def test_a_wrong_password_is_401(nesco: NescoCaller) -> None:
    for user, password in (("ekpay", "guess"), ("other", "nesco-sandbox")):
        status, answer = await nesco.post("login", {"userName": user, "password": password})
        assert (status, answer["resultcode"]) == (401, "401")


async def test_a_login_tells_token_and_lifetime(nesco: NescoCaller) -> None:
    answer = await nesco.ask("login", userName="ekpay", password="nesco-sandbox")
    assert (answer["resultcode"], answer["data"]["expiresIn"]) == ("0", 3_600)


@pytest.mark.parametrize("path", ["pre-charge", "remote-charge", "history"])
async def test_every_call_without_a_living_token_is_401(nesco: NescoCaller, path: str) -> None:
    nesco.token = "unknown"
    status, answer = await nesco.post(path, {})
    assert (status, answer["resultcode"]) == (401, "401")
    async with nesco.session.post(f"{nesco.origin}/nesco/api/{path}", json={}) as bare:
        assert bare.status == 401


async def test_a_token_dies_after_an_hour_and_several_live_at_once(
    nesco: NescoCaller, clock: SetClock
) -> None:
    first = nesco.token
    await nesco.log_in()
    nesco.token = first
    clock.advance(seconds=3_599)
    assert (await nesco.post("history", {"transactionId": "1"}))[0] == 200
    clock.advance(seconds=1)
    assert (await nesco.post("history", {"transactionId": "1"}))[0] == 401


@pytest.mark.parametrize("amount", ["0.01", "1.00", "99.99", "500.00", "20000.00"])
@pytest.mark.parametrize("customer", [NORMAL, "10000004", "10000005"])
async def test_the_lines_of_a_quote_sum_to_the_purchase(
    nesco: NescoCaller, customer: str, amount: str
) -> None:
    answer = await nesco.ask("pre-charge", customerNo=customer, payinAmount=amount)
    data = answer["data"]
    assert answer["resultcode"] == "0"
    assert (data["customerNo"], len(data["meterNo"])) == (customer, 11)
    fee: dict[str, str] = data["fee"]
    names = "purchaseAmount energyCost demandCharge rebate pfc debt meterRent vat tax"
    assert list(fee) == names.split()
    assert fee.pop("purchaseAmount") == amount
    assert sum(paisa(line) for line in fee.values()) == paisa(amount)
    assert paisa(fee.pop("rebate")) <= 0
    assert all(paisa(line) >= 0 for line in fee.values())


async def test_a_rebate_is_negative(nesco: NescoCaller) -> None:
    answer = await nesco.ask("pre-charge", customerNo=NORMAL, payinAmount="500.00")
    assert answer["data"]["fee"]["rebate"].startswith("-")


async def test_quote_vend_and_history_tell_one_story(nesco: NescoCaller) -> None:
    answer = await nesco.ask("pre-charge", customerNo=NORMAL, payinAmount="500.00")
    quote = answer["data"]["transactionId"]
    assert (await nesco.history(quote))["resultcode"] == "10009"
    vended = await nesco.vend(quote)
    assert vended["resultcode"] == "0"
    assert vended["data"].items() >= answer["data"].items()
    assert set(vended["data"]) - set(answer["data"]) == {"orderNo", "token", "tokenType", "balance"}
    assert (len(vended["data"]["token"]), vended["data"]["token"].isdigit()) == (20, True)
    assert (vended["data"]["tokenType"], vended["data"]["balance"]) == ("CREDIT", "99500.00")
    assert await nesco.history(quote) == vended


async def test_the_dump_holds_the_vend_in_paisa(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote(NORMAL)
    data = (await nesco.vend(quote))["data"]
    assert await nesco.vends() == [
        {
            "transaction_id": quote,
            "customer_no": NORMAL,
            "amount_paisa": 50_000,
            "order_no": data["orderNo"],
            "lines": [{"kind": "CREDIT", "digits": data["token"]}],
            "vends": 1,
            "asks": 1,
            "vended_at": "2026-03-10T06:00:00+00:00",
        }
    ]


async def test_the_same_quote_again_answers_the_same_and_vends_nothing(
    nesco: NescoCaller, clock: SetClock
) -> None:
    quote = await nesco.a_quote(NORMAL)
    first = await nesco.vend(quote)
    await nesco.vend(await nesco.a_quote(NORMAL))
    clock.advance(days=400)
    await nesco.log_in()
    assert [await nesco.vend(quote) for _ in range(2)] == [first, first]
    assert await nesco.history(quote) == first
    assert [vend["asks"] for vend in await nesco.vends()] == [3, 1]


async def test_fifty_vends_of_one_quote_at_once_are_one_vend(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote(NORMAL)
    answers = await asyncio.gather(*(nesco.vend(quote) for _ in range(50)))
    assert all(answer == answers[0] for answer in answers)
    assert [vend["asks"] for vend in await nesco.vends()] == [50]


async def test_two_quotes_of_one_customer_have_other_numbers_and_digits(nesco: NescoCaller) -> None:
    quotes = [await nesco.a_quote(NORMAL) for _ in range(2)]
    answers = [(await nesco.vend(quote))["data"] for quote in quotes]
    for name in ("transactionId", "orderNo", "token"):
        assert answers[0][name] != answers[1][name]


async def test_a_quote_lives_for_thirty_minutes(nesco: NescoCaller, clock: SetClock) -> None:
    in_time, too_late = await nesco.a_quote(NORMAL), await nesco.a_quote(NORMAL)
    clock.advance(seconds=1_799)
    assert (await nesco.vend(in_time))["resultcode"] == "0"
    clock.advance(seconds=1)
    assert (await nesco.vend(too_late))["resultcode"] == "10020"
    assert (await nesco.history(too_late))["resultcode"] == "10011"
    assert len(await nesco.vends()) == 1


async def test_an_unknown_quote_is_10001(nesco: NescoCaller) -> None:
    for answer in (await nesco.vend("1"), await nesco.history("1")):
        assert (answer["resultcode"], answer["data"]) == ("10001", None)


@pytest.mark.parametrize(("customer", "code"), [("92000000", "404"), ("10000200", "10001")])
async def test_an_unknown_customer_has_two_codes(nesco: NescoCaller, customer: str, code: str) -> None:
    answer = await nesco.ask("pre-charge", customerNo=customer, payinAmount="500.00")
    assert (answer["resultcode"], answer["data"]) == (code, None)


async def test_the_vendor_cannot_vend_more_than_its_deposit(nesco: NescoCaller) -> None:
    large, small = await nesco.a_quote(NORMAL, "100000.00"), await nesco.a_quote(NORMAL, "0.01")
    assert (await nesco.vend(large))["data"]["balance"] == "0.00"
    assert (await nesco.vend(small))["resultcode"] == "10021"
    assert (await nesco.history(small))["resultcode"] == "10009"


async def test_range_81_answers_10012_and_has_vended(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote("81000000")
    assert (await nesco.vend(quote))["resultcode"] == "10012"
    assert (await nesco.history(quote))["resultcode"] == "0"
    assert (await nesco.vend(quote))["resultcode"] == "0"
    assert len(await nesco.vends()) == 1


async def test_range_82_answers_10113_and_vends_only_when_asked_again(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote("82000000")
    assert (await nesco.vend(quote))["resultcode"] == "10113"
    assert (await nesco.history(quote))["resultcode"] == "10009"
    assert (await nesco.vend(quote))["resultcode"] == "0"
    assert len(await nesco.vends()) == 1


async def test_range_83_tells_its_token_at_the_second_history(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote("83000000")
    assert [(await nesco.vend(quote))["resultcode"] for _ in range(2)] == ["10115", "10115"]
    first, second = await nesco.history(quote), await nesco.history(quote)
    assert (first["resultcode"], first["data"]["token"], "tokenType" in first["data"]) == ("0", "", False)
    assert first["data"]["fee"]["purchaseAmount"] == "500.00"
    assert len(second["data"]["token"]) == 20
    assert await nesco.vend(quote) == second


def lines_of(answer: Json) -> list[str]:
    lines: list[str] = answer["data"]["token"].split(",")
    return lines


@pytest.mark.parametrize(
    ("customer", "kinds"),
    [
        ("84000000", ["TARIFF"] * 11 + ["CREDIT"]),
        ("85000000", ["KEYCHANGE"] * 2 + ["CREDIT"]),
    ],
)
async def test_ranges_84_and_85_vend_many_lines_and_the_credit_last(
    nesco: NescoCaller, customer: str, kinds: list[str]
) -> None:
    answer = await nesco.vend(await nesco.a_quote(customer))
    assert answer["data"]["tokenType"].split(",") == kinds
    digits = lines_of(answer)
    assert len(set(digits)) == len(kinds)
    assert all(len(line) == 20 and line.isdigit() for line in digits)
    told = [{"kind": kind, "digits": line} for kind, line in zip(kinds, digits, strict=True)]
    assert (await nesco.vends())[0]["lines"] == told


async def test_range_86_writes_codes_as_numbers_and_no_kinds(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote("86000000")
    assert (await nesco.history(quote))["resultcode"] == 10009
    answer = await nesco.vend(quote)
    assert (answer["resultcode"], "tokenType" in answer["data"]) == (0, False)
    assert await nesco.history(quote) == answer


@pytest.mark.parametrize(("customer", "code"), [("96000000", "10021"), ("91000000", "10022")])
async def test_ranges_96_and_91_refuse_every_vend(nesco: NescoCaller, customer: str, code: str) -> None:
    quote = await nesco.a_quote(customer)
    assert [(await nesco.vend(quote))["resultcode"] for _ in range(2)] == [code, code]
    assert (await nesco.history(quote))["resultcode"] == "10009"


async def test_range_93_vends_at_once_and_answers_late(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote("93000000")
    answer = asyncio.create_task(nesco.vend(quote))
    while not await nesco.vends():
        assert not answer.done()
    assert not answer.done()
    assert (await answer)["resultcode"] == "0"


async def test_range_94_vends_and_loses_the_answer(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote("94000000")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await nesco.vend(quote)
    assert (await nesco.history(quote))["resultcode"] == "0"
    assert len(await nesco.vends()) == 1


async def test_range_95_loses_the_first_vend_and_keeps_the_second(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote("95000000")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await nesco.vend(quote)
    assert (await nesco.history(quote))["resultcode"] == "10009"
    assert (await nesco.vend(quote))["resultcode"] == "0"


async def test_range_98_answers_a_web_page_and_has_vended(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote("98000000")
    url, headers = f"{nesco.origin}/nesco/api/remote-charge", {"access_token": nesco.token}
    async with nesco.session.post(url, json={"transactionId": quote}, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert (await nesco.history(quote))["resultcode"] == "0"


async def test_range_99_tells_one_taka_more_than_it_vended(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote("99000000")
    for answer in (await nesco.vend(quote), await nesco.history(quote), await nesco.vend(quote)):
        fee = answer["data"]["fee"]
        assert fee.pop("purchaseAmount") == "501.00"
        assert sum(paisa(line) for line in fee.values()) == 50_100
    assert [vend["amount_paisa"] for vend in await nesco.vends()] == [50_000]


async def test_unpaid_lists_customers_in_their_order(nesco: NescoCaller) -> None:
    listed = (await nesco.admin("GET", "unpaid?count=2&offset=198"))["customers"]
    assert listed == [{"customer_no": "10000198"}, {"customer_no": "10000199"}]


async def test_the_statistics_count_calls_and_reply_codes(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote(NORMAL)
    await nesco.vend(quote)
    await nesco.vend("1")
    await nesco.history(quote)
    stats = await nesco.admin("GET", "stats")
    assert stats["calls"] == {"login": 1, "quote": 1, "vend": 2, "history": 1}
    assert stats["replies"]["vend"] == {"0": 1, "10001": 1}
