"""aamarPay's wire, from a merchant's side."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.callers.payer.payer import PayerDecision
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
