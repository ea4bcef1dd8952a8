"""Verify, vend, acknowledge and look up over the real socket of the XML utilities; and rubbish."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.sandbox.billers.prepaid.caller import BPDB, XmlCaller, paisa, told, written, xmlvend_at
from tests.sandbox.caller import SetClock

CALLS = ("verifyAmount", "thirdPartyRequest", "acknowledgement", "getTnxRecords")
SPLIT = ("arrearAMT", "feeAMT", "engAMT")


@pytest.fixture
async def bpdb(tmp_path: Path, clock: SetClock) -> AsyncIterator[XmlCaller]:
    async with xmlvend_at(tmp_path, clock) as caller:
        yield caller


async def test_verify_vend_acknowledge_and_records_tell_one_story(bpdb: XmlCaller) -> None:
    vend = await bpdb.a_vend()
    assert await bpdb.records() == {"state": "44", "message": "no record"}
    first, again = await bpdb.vend(vend), await bpdb.vend(vend)
    assert first["state"] == "0"
    assert first == again
    assert {name: first[name] for name in ("transID", "refCode")} == {
        name: vend[name] for name in ("transID", "refCode")
    }
    assert await bpdb.records() == {**first, "acknowledged": "N"}
    assert [await bpdb.acknowledge(vend) for _ in range(2)] == ["success", "success"]
    assert await bpdb.records() == {**first, "acknowledged": "Y"}
    (line,) = await bpdb.payments()
    assert (line["reference"], line["amount_paisa"], line["sends"]) == (
        vend["transID"],
        paisa(vend["amount"]),
        2,
    )


async def test_arrears_fees_and_energy_sum_to_the_amount(bpdb: XmlCaller) -> None:
    arrears = 0
    for nth in range(50):
        vend, answer = await bpdb.verify(nth=nth)
        lines = [paisa(answer[name]) for name in SPLIT]
        assert sum(lines) == paisa(vend["amount"])
        arrears += lines[0]
    assert arrears > 0


@pytest.mark.parametrize(("nth", "length"), [(0, 20), (2, 80), (12, 240), (4, 60)])
async def test_a_token_is_one_row_of_digits(bpdb: XmlCaller, nth: int, length: int) -> None:
    token = (await bpdb.vend(await bpdb.a_vend(nth=nth)))["token"]
    assert token.isdecimal()
    assert len(token) == length
    second = await bpdb.vend(await bpdb.a_vend(nth=nth, transID="TRANS00000002"))
    assert len(second["token"]) == 20
    assert second["token"] not in token


async def test_fifty_vends_under_one_name_at_once_are_one(bpdb: XmlCaller) -> None:
    vend = await bpdb.a_vend()
    answers = await asyncio.gather(*(bpdb.vend(vend) for _ in range(50)))
    assert all(answer == answers[0] for answer in answers)
    assert len(await bpdb.payments()) == 1


async def test_what_was_verified_is_vended_under_one_name(bpdb: XmlCaller) -> None:
    vend = await bpdb.a_vend()
    await bpdb.vend(vend)
    assert (await bpdb.vend(vend | {"transID": "TRANS00000002"}))["state"] == "40"
    assert len(await bpdb.payments()) == 1


@pytest.mark.parametrize("changes", [{"amount": "1.00"}, {"meterNum": "010112300002"}, {"refCode": "260310"}])
async def test_what_was_not_verified_is_not_vended(bpdb: XmlCaller, changes: dict[str, str]) -> None:
    assert (await bpdb.vend(await bpdb.a_vend() | changes))["state"] == "40"
    assert await bpdb.payments() == []


async def test_a_name_used_for_something_else_is_41(bpdb: XmlCaller) -> None:
    await bpdb.vend(await bpdb.a_vend())
    assert (await bpdb.vend(await bpdb.a_vend(nth=1)))["state"] == "41"
    assert len(await bpdb.payments()) == 1


async def test_an_offer_dies_after_half_an_hour(bpdb: XmlCaller, clock: SetClock) -> None:
    vend = await bpdb.a_vend()
    clock.advance(minutes=30)
    assert (await bpdb.vend(vend))["state"] == "40"


@pytest.mark.parametrize(
    ("kind", "state"), [("already_paid", "88"), ("amount_changes", "40"), ("refuses", "41")]
)
async def test_odd_meters_are_refused_and_nothing_is_vended(bpdb: XmlCaller, kind: str, state: str) -> None:
    assert (await bpdb.vend(await bpdb.a_vend(kind)))["state"] == state
    assert (await bpdb.records())["state"] == "44"


async def test_unknown_meters_and_amounts_out_of_bounds_are_told(bpdb: XmlCaller) -> None:
    assert (await bpdb.verify("unknown"))[1]["state"] == "21"
    for amount in ("99.99", "15000.01"):
        assert (await bpdb.verify(amount=amount))[1]["state"] == "46"


@pytest.mark.parametrize(("kind", "vends"), [("lost_paid", 1), ("lost_unpaid", 0), ("echoes_other", 1)])
async def test_lost_answers_are_found_or_may_be_sent_again(bpdb: XmlCaller, kind: str, vends: int) -> None:
    vend = await bpdb.a_vend(kind)
    assert await bpdb.vend_in_vain(vend)
    assert len(await bpdb.payments()) == vends
    assert (await bpdb.records())["state"] == ("0" if vends else "44")
    again = await bpdb.vend(vend)
    extra = 100 if kind == "echoes_other" else 0
    assert sum(paisa(again[name]) for name in SPLIT) == paisa(vend["amount"]) + extra
    assert len(await bpdb.payments()) == 1


async def test_a_vend_whose_answer_is_a_web_page_is_on_record(bpdb: XmlCaller) -> None:
    vend = await bpdb.a_vend("html")
    status, text = await bpdb.say("thirdPartyRequest", written(bpdb.login | vend))
    assert (status, text[:9]) == (200, "<!doctype")
    assert (await bpdb.records())["state"] == "0"


async def test_a_deposit_that_does_not_reach_is_45_until_it_is_filled(bpdb: XmlCaller) -> None:
    vend = await bpdb.a_vend()
    await bpdb.admin("POST", "deposits", {"house": BPDB, "paisa": -(10**14)})
    assert (await bpdb.vend(vend))["state"] == "45"
    await bpdb.admin("POST", "deposits", {"house": BPDB, "paisa": paisa(vend["amount"])})
    assert (await bpdb.vend(vend))["balance"] == "0.00"


# ---- acknowledging -----------------------------------------------------------------------------------------


async def test_an_acknowledgement_of_nothing_is_44(bpdb: XmlCaller) -> None:
    vend = await bpdb.a_vend()
    assert told(await bpdb.acknowledge(vend))["state"] == "44"
    await bpdb.vend(vend)
    assert told(await bpdb.acknowledge(vend, refCode="260310"))["state"] == "44"
    assert (await bpdb.records())["acknowledged"] == "N"


async def test_acknowledgements_get_lost_at_an_order(bpdb: XmlCaller) -> None:
    vend = await bpdb.a_vend()
    await bpdb.vend(vend)
    await bpdb.admin("POST", "acknowledgements", {"house": BPDB, "times": 2})
    for _ in range(2):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await bpdb.acknowledge(vend)
        assert (await bpdb.records())["acknowledged"] == "N"
    assert await bpdb.acknowledge(vend) == "success"


@pytest.mark.parametrize("order", [{"house": "other"}, {"house": BPDB, "times": -1}, {"times": 1}])
async def test_an_order_to_lose_them_that_cannot_be_read_is_400(
    bpdb: XmlCaller, order: dict[str, object]
) -> None:
    async with bpdb.session.post(f"{bpdb.origin}/_admin/acknowledgements", json=order) as answer:
        assert answer.status == 400


async def test_vends_and_their_acknowledgements_outlive_a_restart(tmp_path: Path, clock: SetClock) -> None:
    async with xmlvend_at(tmp_path, clock) as caller:
        vend = await caller.a_vend(nth=12)
        first = await caller.vend(vend)
        await caller.acknowledge(vend)
    async with xmlvend_at(tmp_path, clock) as caller:
        assert await caller.records() == {**first, "acknowledged": "Y"}
        assert await caller.vend(vend) == first
        assert (await caller.vend(vend | {"transID": "TRANS00000002"}))["state"] == "40"


# ---- rubbish -----------------------------------------------------------------------------------------------

DOCTYPE = '<!DOCTYPE request [<!ENTITY u "ekpay">]><request userName="&u;" userPass="counter-sandbox"/>'
RUBBISH = {
    "nothing": b"",
    "no form": b"\xff\xfe",
    "bare XML": b"<request/>",
    "another field": urlencode({"data": "<request/>"}).encode(),
    "two fields": urlencode([("xml", "<request/>"), ("xml", "<request/>")]).encode(),
    "no XML": urlencode({"xml": "userName=ekpay"}).encode(),
    "half an element": urlencode({"xml": '<request userName="ekpay"'}).encode(),
    "another element": urlencode({"xml": '<response state="0"/>'}).encode(),
    "an element within": urlencode({"xml": "<request><request/></request>"}).encode(),
    "text within": urlencode({"xml": "<request>ekpay</request>"}).encode(),
    "a DOCTYPE": urlencode({"xml": DOCTYPE}).encode(),
    "no login": urlencode({"xml": "<request/>"}).encode(),
}


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("body", RUBBISH.values(), ids=RUBBISH)
async def test_what_cannot_be_read_is_400(bpdb: XmlCaller, path: str, body: bytes) -> None:
    status, text = await bpdb.say(path, body)
    assert (status, told(text)["state"]) == (400, "400")
    assert await bpdb.payments() == []


@pytest.mark.parametrize("path", CALLS)
async def test_a_wrong_login_is_31_whatever_is_asked(bpdb: XmlCaller, path: str) -> None:
    vend = await bpdb.a_vend()
    for wrong in ({"userPass": "guessed"}, {"userName": "other"}):
        assert (await bpdb.call(path, **vend, **wrong))["state"] == "31"
    assert await bpdb.payments() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("meterNum", "0101"),
        ("meterNum", ""),
        ("amount", "500"),
        ("amount", "0.00"),
        ("amount", "-500.00"),
        ("transID", "short"),
        ("transID", "with space 1"),
        ("refCode", ""),
        ("calcMode", "POST"),
        ("vendingMode", ""),
    ],
)
async def test_a_field_in_another_form_is_400(bpdb: XmlCaller, name: str, value: str) -> None:
    vend = await bpdb.a_vend()
    status, text = await bpdb.say("thirdPartyRequest", written(bpdb.login | vend | {name: value}))
    assert (status, told(text)["state"]) == (400, "400")
    assert name in told(text)["message"]
    assert await bpdb.payments() == []
