"""aamarPay's wire, from a merchant's side."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.callers.payer.browser import Browser
from sandbox.callers.payer.payer import Payer, PayerDecision, behave, pay
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.sslcommerz.caller import KEY, TRXCHECK, Shop, sslcommerz_served


@pytest.fixture
async def shop(tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with sslcommerz_served(tmp_path, clock) as shop:
        yield shop


async def test_an_order_at_aamarpay_is_paid_told_and_carried_back(shop: Shop) -> None:
    tran_id, visit = await shop.at_aamarpay()
    told = await shop.trxcheck(tran_id)
    assert visit.sent_to == f"{shop.url}/success_url"
    assert visit.carries == told
    assert (told["status_code"], told["pay_status"], told["mer_txnid"]) == ("2", "Successful", tran_id)
    assert (told["amount"], told["currency"], told["store_amount"]) == ("120.50", "BDT", "117.49")
    assert (told["gateway_fee"], told["pay_time"], told["opt_a"]) == ("3.01", "2026-03-10 12:00:00", "a")
    assert not {"verify_sign", "signature_key"} & told.keys()
    # The browser alone carries the news.
    assert shop.forms == []


async def test_a_uuid_names_an_order_and_nothing_longer(shop: Shop) -> None:
    uuid = "0192f0a4-6f6e-7c58-9d5e-2b8a1f0c3d4e"
    answers = [
        await shop.call("aamarpay", "jsonpost.php", "POST", json=shop.order() | {"tran_id": tran_id})
        for tran_id in (uuid, f"{uuid}0")
    ]
    assert [answer["result"] for answer in answers] == ["true", "false"]


async def test_an_order_may_come_as_a_form(shop: Shop) -> None:
    answer = await shop.call("aamarpay", "index.php", "POST", data=shop.order())
    assert answer["result"] == "true"


@pytest.mark.parametrize(
    ("kind", "does", "told", "way"),
    [
        ("declined", PayerDecision.APPROVE, ("7", "Failed"), "fail_url"),
        ("normal", PayerDecision.CANCEL, ("7", "Failed"), "cancel_url"),
        ("pending", PayerDecision.APPROVE, ("0", "Initiated"), "success_url"),
        ("says_paid", PayerDecision.APPROVE, ("7", "Failed"), "success_url"),
        ("return_forged", PayerDecision.APPROVE, ("0", "Initiated"), "success_url"),
    ],
)
async def test_each_end_at_aamarpay_has_its_code(
    shop: Shop, kind: str, does: PayerDecision, told: tuple[str, str], way: str
) -> None:
    tran_id, visit = await shop.at_aamarpay(kind, does)
    answer = await shop.trxcheck(tran_id)
    assert (answer["status_code"], answer["pay_status"]) == told
    assert visit.sent_to == f"{shop.url}/{way}"


async def test_an_order_at_aamarpay_expires(shop: Shop, clock: SetClock) -> None:
    order = shop.order()
    await shop.call("aamarpay", "jsonpost.php", "POST", json=order)
    assert (await shop.trxcheck(order["tran_id"]))["pay_status"] == "Initiated"
    clock.advance(hours=1)
    told = await shop.trxcheck(order["tran_id"])
    assert (told["status_code"], told["pay_status"]) == ("3", "Expired")


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"signature_key": "wrong"}, "Invalid Store ID"),
        ({"amount": "1"}, {"result": "false", "reason": "Invalid amount"}),
        ({"currency": "USD"}, {"result": "false", "reason": "Invalid currency"}),
        ({"tran_id": ""}, {"result": "false", "reason": "Invalid tran_id"}),
        ({"cus_email": ""}, {"result": "false", "reason": "cus_email is required"}),
        ({"fail_url": "nowhere"}, {"result": "false", "reason": "Invalid fail_url"}),
    ],
)
async def test_what_opens_no_order_at_aamarpay(shop: Shop, changes: dict[str, str], answer: object) -> None:
    assert await shop.call("aamarpay", "jsonpost.php", "POST", json=shop.order(**changes)) == answer


async def test_aamarpay_knows_a_name_once_and_tells_strangers_nothing(shop: Shop) -> None:
    tran_id, _ = await shop.at_aamarpay()
    again = await shop.call("aamarpay", "jsonpost.php", "POST", json=shop.order(tran_id=tran_id))
    assert again == {"result": "false", "reason": "Duplicate tran_id"}
    assert await shop.trxcheck("NOBODY") == "Invalid request_id"
    query = {**KEY, "signature_key": "wrong", "request_id": tran_id}
    assert isinstance(await shop.call("aamarpay", TRXCHECK, params=query), str)


async def test_aamarpay_has_a_file_of_the_day(shop: Shop) -> None:
    tran_id, _ = await shop.at_aamarpay()
    told = await shop.trxcheck(tran_id)
    url = f"{shop.origin}/_admin/settlement?house=aamarpay&date=2026-03-10"
    async with shop.session.get(url) as file:
        header, *rows = (await file.text()).splitlines()
    assert header == "pg_txnid,mer_txnid,card_type,pay_time,amount,gateway_fee,store_amount,pay_status"
    paid = "VISA-Brac bank,2026-03-10 12:00:00,120.50,3.01,117.49,Successful"
    assert rows == [f"{told['pg_txnid']},{tran_id},{paid}"]


async def test_an_old_shop_gets_a_path_whose_track_becomes_the_name_of_the_payment(shop: Shop) -> None:
    order = shop.order()
    del order["type"]
    text = await shop.text_of_request_php(order)
    assert text.startswith('"\\/paynow.php?track=AAM')
    # One shop reads the JSON, another strips it by hand; both have the same.
    path: str = json.loads(text)
    assert text.replace("\\", "").replace('"', "") == path
    payer = Payer(await shop.number("aamarpay", "second_try"))
    visit = await pay(f"{shop.origin}/aamarpay{path}", payer)
    told = await shop.trxcheck(order["tran_id"])
    track = path.removeprefix("/paynow.php?track=")
    assert (visit.sent_to, visit.carries) == (f"{shop.url}/success_url", told)
    assert (told["pay_status"], told["pg_txnid"], told["epw_txnid"]) == ("Successful", track, track)


async def test_an_old_shop_may_post_an_empty_form_to_the_path_with_a_slash_too_many(shop: Shop) -> None:
    path = json.loads(await shop.text_of_request_php(shop.order()))
    async with Browser() as browser:
        page = await browser.send(f"{shop.origin}/aamarpay/{path}", {})
        payer = Payer(await shop.number("aamarpay", "normal"))
        left = await behave(browser, page.url, payer, PayerDecision.APPROVE)
    assert left.sent_to == f"{shop.url}/success_url"


async def test_a_form_that_was_glued_together_by_hand_is_read(shop: Shop) -> None:
    order = shop.order(cus_fax="Not¬Applicable", desc="A T-Shirt")
    body = "&".join(f"{name}={value}" for name, value in order.items())
    assert json.loads(await shop.text_of_request_php(body.encode())).startswith("/paynow.php")
    assert (await shop.trxcheck(order["tran_id"]))["pay_status"] == "Initiated"


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"store_id": "nobody"}, "Invalid Store ID"),
        ({"signature_key": "wrong"}, "Invalid Store ID"),
        ({"cus_phone": ""}, {"result": "false", "reason": "cus_phone is required"}),
        ({"amount": "1,200.00"}, {"result": "false", "reason": "Invalid amount"}),
    ],
)
async def test_an_old_shop_is_refused_as_a_new_one(
    shop: Shop, changes: dict[str, str], answer: object
) -> None:
    order = shop.order(**changes)
    assert json.loads(await shop.text_of_request_php(order)) == answer
    assert await shop.trxcheck(order["tran_id"]) == "Invalid request_id"


async def test_a_name_is_known_once_whatever_opened_it(shop: Shop) -> None:
    order = shop.order()
    assert "paynow" in await shop.text_of_request_php(order)
    again = {"result": "false", "reason": "Duplicate tran_id"}
    assert json.loads(await shop.text_of_request_php(order)) == again
    assert await shop.call("aamarpay", "jsonpost.php", "POST", json=order) == again


@pytest.mark.parametrize("query", ["", "?track=", "?track=AAMNOBODY", "?track={tran_id}", "?track={letters}"])
async def test_no_other_track_opens_a_page(shop: Shop, query: str) -> None:
    order = shop.order()
    path: str = json.loads(await shop.text_of_request_php(order))
    names = {"tran_id": order["tran_id"], "letters": path.partition("=AAM")[2]}
    async with shop.session.get(f"{shop.origin}/aamarpay/paynow.php{query.format(**names)}") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("form", ["json", "xml", ""])
async def test_an_inquiry_is_answered_with_json_whatever_type_it_names(shop: Shop, form: str) -> None:
    tran_id, _ = await shop.at_aamarpay()
    query = {**KEY, "request_id": tran_id} | ({"type": form} if form else {})
    assert (await shop.call("aamarpay", TRXCHECK, params=query))["pay_status"] == "Successful"
