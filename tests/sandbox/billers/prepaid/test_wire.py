"""Quote, vend and history of the prepaid utilities over their real socket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.sandbox.billers.prepaid.caller import HOUSES, MOBILE, PrepaidCaller, paisa, prepaid_at
from tests.sandbox.caller import SetClock

DESCO, DPDC, BREB = "desco_prepaid", "dpdc_prepaid", "breb_prepaid"


@pytest.fixture
async def prepaid(tmp_path: Path, clock: SetClock) -> AsyncIterator[PrepaidCaller]:
    async with prepaid_at(tmp_path, clock) as caller:
        yield caller


@pytest.mark.parametrize("house", HOUSES)
async def test_quote_vend_and_history_of_every_house_tell_one_story(
    prepaid: PrepaidCaller, house: str
) -> None:
    quote = await prepaid.quote(house)
    number = quote["transactionId"]
    assert (await prepaid.history(house, number))["resultcode"] == "10009"
    first = await prepaid.vend(house, number)
    again, asked = await prepaid.vend(house, number), await prepaid.history(house, number)
    (line,) = await prepaid.payments()
    assert first["resultcode"] == "0"
    assert first == again == asked
    assert quote.items() <= first["data"].items()
    assert first["data"]["orderNo"] == line["receipt"]
    assert line["amount_paisa"] == paisa(quote["fee"]["purchaseAmount"])
    assert (line["house"], line["reference"], line["sends"]) == (house, number, 2)


@pytest.mark.parametrize("house", HOUSES)
async def test_the_lines_of_a_quote_sum_to_its_amount(prepaid: PrepaidCaller, house: str) -> None:
    for nth in range(10):
        for amount in ("100.00", "1234.56", "15000.00"):
            fee = (await prepaid.quote(house, nth=nth, payinAmount=amount))["fee"]
            lines = {name: paisa(text) for name, text in fee.items()}
            assert lines.pop("purchaseAmount") == paisa(amount)
            assert sum(lines.values()) == paisa(amount)
            assert lines["rebate"] <= 0
            assert min(lines["energyCost"], lines["vat"], lines["debt"]) >= 0


@pytest.mark.parametrize("house", HOUSES)
async def test_an_account_is_charged_as_often_as_somebody_pays(prepaid: PrepaidCaller, house: str) -> None:
    for _ in range(3):
        assert (await prepaid.vend(house, await prepaid.a_quote(house)))["resultcode"] == "0"
    assert len({line["facts"].get("token") for line in await prepaid.payments()}) in {1, 3}
    assert len(await prepaid.payments()) == 3


async def test_fifty_vends_of_one_quote_at_once_are_one(prepaid: PrepaidCaller) -> None:
    number = await prepaid.a_quote(DPDC)
    answers = await asyncio.gather(*(prepaid.vend(DPDC, number) for _ in range(50)))
    assert all(answer == answers[0] for answer in answers)
    assert [line["sends"] for line in await prepaid.payments()] == [50]


async def test_a_quote_is_of_one_house_only(prepaid: PrepaidCaller) -> None:
    number = await prepaid.a_quote(DPDC)
    assert (await prepaid.vend(BREB, number))["resultcode"] == "10001"
    assert (await prepaid.history(BREB, number))["resultcode"] == "10001"


async def test_a_customer_and_its_meter_are_the_same_account(prepaid: PrepaidCaller) -> None:
    by_customer = await prepaid.quote(DPDC)
    pay = {"mobileNo": MOBILE, "payinAmount": by_customer["fee"]["purchaseAmount"]}
    answer = await prepaid.ask(DPDC, "pre-charge", {"meterNo": by_customer["meterNo"], **pay})
    assert answer["data"]["customerNo"] == by_customer["customerNo"]
    both = {"customerNo": by_customer["customerNo"], "meterNo": "21234500002", **pay}
    assert (await prepaid.ask(DPDC, "pre-charge", both))["resultcode"] == "10001"


@pytest.mark.parametrize("house", HOUSES)
async def test_unknown_accounts_and_strange_quotes_are_10001(prepaid: PrepaidCaller, house: str) -> None:
    named = await prepaid.named(house, "unknown")
    assert (await prepaid.ask(house, "pre-charge", named))["resultcode"] == "10001"
    for answer in (await prepaid.vend(house, "260310"), await prepaid.history(house, "260310")):
        assert answer == {"resultcode": "10001", "resultdesc": "not found", "data": None}


@pytest.mark.parametrize("amount", ["99.99", "15000.01"])
async def test_an_amount_outside_the_bounds_is_10024(prepaid: PrepaidCaller, amount: str) -> None:
    named = await prepaid.named(BREB) | {"payinAmount": amount}
    assert (await prepaid.ask(BREB, "pre-charge", named))["resultcode"] == "10024"


async def test_a_quote_dies_after_half_an_hour_and_what_was_vended_is_told_for_ever(
    prepaid: PrepaidCaller, clock: SetClock
) -> None:
    dead, vended = await prepaid.a_quote(DPDC), await prepaid.a_quote(DPDC)
    first = await prepaid.vend(DPDC, vended)
    clock.advance(minutes=30)
    assert (await prepaid.vend(DPDC, dead))["resultcode"] == "10020"
    assert (await prepaid.history(DPDC, dead))["resultcode"] == "10011"
    assert await prepaid.vend(DPDC, vended) == first
    clock.advance(days=400)
    await prepaid.log_in(DPDC)
    assert await prepaid.history(DPDC, vended) == first


# ---- tokens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("house", "nth", "kinds"),
    [
        (DPDC, 0, "CREDIT"),
        (DPDC, 2, "TARIFF CREDIT"),
        (DPDC, 12, "TARIFF*11 CREDIT"),
        (BREB, 2, "TARIFF*11 CREDIT"),
        (BREB, 4, "KEYCHANGE*2 CREDIT"),
        (BREB, 6, "KEYCHANGE*2 TARIFF*9 CREDIT"),
        ("wzpdcl_prepaid", 2, "TARIFF*8 CREDIT"),
        ("wzpdcl_prepaid", 12, "TARIFF*10 CREDIT"),
        ("wzpdcl_prepaid", 22, "TARIFF*4 CREDIT"),
        (DESCO, 3, "CREDIT"),
    ],
)
async def test_lines_come_in_their_order_and_a_set_of_many_once(
    prepaid: PrepaidCaller, house: str, nth: int, kinds: str
) -> None:
    expected = [
        kind for one in kinds.split() for kind in [one.split("*")[0]] * int((one + "*1").split("*")[1])
    ]
    first = (await prepaid.vend(house, await prepaid.a_quote(house, nth=nth)))["data"]
    assert first["tokenType"].split(",") == expected
    lines = first["token"].split(",")
    assert len(set(lines)) == len(expected) <= 12
    assert all(len(line) == 20 and line.isdecimal() for line in lines)
    second = (await prepaid.vend(house, await prepaid.a_quote(house, nth=nth)))["data"]
    assert second["tokenType"] == "CREDIT"
    assert second["token"] not in lines


async def test_a_meter_credited_from_afar_gets_no_token(prepaid: PrepaidCaller) -> None:
    for house, nth in ((DESCO, 0), (DPDC, 1)):
        data = (await prepaid.vend(house, await prepaid.a_quote(house, nth=nth)))["data"]
        assert (data["delivery"], data["token"], data["tokenType"]) == ("REMOTE", "", "")


# ---- what goes wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("house", HOUSES)
@pytest.mark.parametrize(
    ("kind", "code"),
    [("already_paid", "10022"), ("amount_changes", "10020"), ("refuses", "10021")],
)
async def test_odd_accounts_are_refused_and_nothing_is_vended(
    prepaid: PrepaidCaller, house: str, kind: str, code: str
) -> None:
    number = await prepaid.a_quote(house, kind)
    assert [(await prepaid.vend(house, number))["resultcode"] for _ in range(2)] == [code] * 2
    assert (await prepaid.history(house, number))["resultcode"] == "10009"
    dump = await prepaid.admin("GET", "dump")
    assert (dump["payments"], len(dump["refused"])) == ([], 2)


@pytest.mark.parametrize(("kind", "vends"), [("lost_paid", 1), ("lost_unpaid", 0), ("echoes_other", 1)])
async def test_lost_answers_are_found_or_may_be_sent_again(
    prepaid: PrepaidCaller, kind: str, vends: int
) -> None:
    number = await prepaid.a_quote(BREB, kind)
    assert await prepaid.vend_in_vain(BREB, number)
    assert len(await prepaid.payments()) == vends
    asked = await prepaid.history(BREB, number)
    assert asked["resultcode"] == ("0" if vends else "10009")
    again = await prepaid.vend(BREB, number)
    assert again["resultcode"] == "0"
    (line,) = await prepaid.payments()
    extra = 100 if kind == "echoes_other" else 0
    assert paisa(again["data"]["fee"]["purchaseAmount"]) == line["amount_paisa"] + extra


async def test_close_before_cuts_off_every_call_of_an_account(prepaid: PrepaidCaller) -> None:
    named, number = await prepaid.named(BREB), await prepaid.a_quote(BREB)
    bodies = [
        ("pre-charge", named),
        ("remote-charge", {"transactionId": number}),
        ("history", {"transactionId": number}),
    ]
    order = {"house": BREB, "fault": "close_before", "account": named["meterNo"], "times": len(bodies)}
    await prepaid.admin("POST", "faults", order)
    for path, body in bodies:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await prepaid.post(BREB, path, body)
    assert await prepaid.payments() == []
    assert (await prepaid.vend(BREB, number))["resultcode"] == "0"


async def test_logins_die_at_an_order_and_a_wrong_password_gets_none(prepaid: PrepaidCaller) -> None:
    number = await prepaid.a_quote(DPDC)
    await prepaid.admin("POST", "faults", {"fault": "expire_tokens"})
    status, answer = await prepaid.post(DPDC, "remote-charge", {"transactionId": number})
    assert (status, answer["resultcode"]) == (401, "401")
    status, _ = await prepaid.post(DPDC, "login", {"userName": "ekpay", "password": "guessed"})
    assert status == 401
    assert await prepaid.payments() == []
    await prepaid.log_in(DPDC)
    assert (await prepaid.vend(DPDC, number))["resultcode"] == "0"
