"""The merchant API over real books: what was answered stands, and is answered again."""

import asyncio
import json
from dataclasses import replace

import pytest

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.security.pass_keys import hash_pass_key
from ekpay_switch.system_clock import SystemClock
from tests.api.api_setup import Content
from tests.api.merchant.merchant_api_setup import NOBODY, Stall
from tests.persistence.merchants.merchant_setup import ORDER, Shop, a_text
from tests.scenarios.merchant_orders import ELSEWHERE, KEY, an_order

SET_KEY = "UPDATE merchants SET pass_key_hash = $1"
COUNT = "SELECT count(*) FROM merchant_orders"
# Names and amounts that a database could change if it took them for anything but text.
ODD: Content = {
    "cust_info": {"cust_id": "007", "cust_name": "রাহেলা \\u0041 \"'{}$1 %s", "cust_mail_addr": " a\n\tb "},
    "trns_info": {"trnx_id": "order-1", "trnx_amt": "0100.50", "ord_det": "😀 ১২৩"},
}


@pytest.fixture
async def stall(shop: Shop) -> Stall:
    """The application upon the shop's books, by the machine's own clock."""
    await shop.books.tell(SET_KEY, hash_pass_key(KEY))
    stall = Stall()
    stall.api.world = replace(
        stall.api.world, merchants=shop.directory, merchant_payments=shop.payments, clock=SystemClock()
    )
    return stall


async def test_an_order_stands_and_its_status_is_the_order_byte_for_byte(stall: Stall, shop: Shop) -> None:
    answer = await stall.taken(an_order(ODD))
    told = (await stall.ask({"trnx_id": "order-1"})).plain
    assert (told["secure_token"], told["msg_code"]) == (answer["secure_token"], "1023")
    assert told["basic_Info"]["mer_reg_id"] == "shop_test"
    for name, value in ODD["cust_info"].items():
        assert told["cust_info"][name] == value
    assert told["trnx_info"]["trnx_amt"] == "0100.50"
    assert told["trnx_info"]["total_pabl_amt"] == "100.5"
    assert told["basic_Info"]["ord_desc"] == "😀 ১২৩"
    assert await shop.books.value("SELECT amount FROM payments") == 10_050


async def test_a_repeat_finds_it_and_another_order_does_not(stall: Stall, shop: Shop) -> None:
    first = await stall.taken(an_order(ODD))
    again = await stall.taken(an_order(ODD, req_timestamp="2026-03-01 12:00:01 GMT+6", mac_addr="x"))
    assert again["secure_token"] == first["secure_token"]
    other = await stall.order(an_order({**ODD, "ipn_info": {"ipn_channel": "0"}}))
    assert (other.status, other.plain["msg_code"]) == (200, "1001")
    assert await shop.books.value(COUNT) == 1


async def test_twenty_at_once_are_one(stall: Stall, shop: Shop) -> None:
    answers = await asyncio.gather(*(stall.taken(an_order(ODD)) for _ in range(20)))
    assert len({answer["secure_token"] for answer in answers}) == 1
    assert await shop.books.value(COUNT) == 1


async def test_the_page_opens_by_the_token_and_by_nothing_else(stall: Stall, shop: Shop) -> None:
    token = (await stall.taken(an_order(ODD)))["secure_token"]
    reference = await shop.books.value("SELECT checkout_reference FROM merchant_orders")
    reply = await stall.visit(f"sToken={token}&trnsID=order-1")
    assert reply.headers["location"] == f"https://pay.example/pay/checkout/{reference}"
    assert (await stall.visit(f"sToken={token[:-1]}&trnsID=order-1")).status == 404
    assert (await stall.visit(f"sToken={token}&trnsID=order-2")).status == 404
    await shop.books.tell("UPDATE partners SET is_active = false")
    assert (await stall.visit(f"sToken={token}&trnsID=order-1")).status == 404


async def test_strangers_need_the_day_and_see_nobodys_name(stall: Stall, shop: Shop) -> None:
    await stall.taken(an_order(ODD))
    assert (await stall.ask({"trnx_id": "order-1"}, address=ELSEWHERE)).plain["msg_code"] == "404"
    created_at = await shop.books.value("SELECT created_at FROM merchant_orders")
    asked = {"trnx_id": "order-1", "trans_date": business_date(created_at).isoformat()}
    told = (await stall.ask(asked, address=ELSEWHERE)).plain
    assert (told["msg_code"], told["secure_token"], told["cust_info"]["cust_name"]) == ("1023", "", "র***")
    assert told["trnx_info"]["trnx_amt"] == "0100.50"


@pytest.mark.parametrize("text", ["a\u0000b", "\ud800"])
async def test_what_no_database_holds_is_never_asked_for(stall: Stall, text: str) -> None:
    for content in (an_order({"mer_info": {"mer_reg_id": text}}), an_order({"cust_info": {"cust_id": text}})):
        assert (await stall.order(json.dumps(content).encode())).status == 400
    assert (await stall.ask(json.dumps({"trnx_id": text}).encode())).status == 400


async def test_a_wrong_key_is_nobody(stall: Stall) -> None:
    assert (await stall.order(an_order({"mer_info": {"mer_pas_key": "wrong"}}))).body == NOBODY


async def test_an_order_from_before_card_numbers_were_masked_is_read_masked(stall: Stall, shop: Shop) -> None:
    text = replace(a_text("order-2"), order={**ORDER, "ord_det": "card 4111111111111111"})
    await shop.payments.open(replace(shop.new("order-2"), text=text))
    assert "4111111111111111" in await shop.books.value("SELECT text::text FROM merchant_orders")
    told = (await stall.ask({"trnx_id": "order-2"})).plain
    assert told["basic_Info"]["ord_desc"] == "card 411111******1111"
    assert told["cust_info"]["cust_id"] == "007"
