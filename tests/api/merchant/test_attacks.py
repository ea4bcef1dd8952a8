"""T13 to T34 as merchants and strangers could try them here, where no other file does (docs/attacks.md)."""

import asyncio
import json
from dataclasses import replace

import pytest

from ekpay_switch.api.merchant.refusals import BASE
from tests.api.merchant.merchant_api_setup import MALFORMED, NOBODY, Stall, without_member
from tests.scenarios.merchant_orders import ELSEWHERE, an_order, as_bytes

ROUTES = ("merchant-api", "get-status")
ECHO = "{{7*7}}<script>alert(1)</script>'; DROP TABLE payments --"


async def test_one_paisa_more_under_the_same_name_leaves_the_first_order_as_it_was(stall: Stall) -> None:
    """T15: and neither answer says what the first order cost."""
    first = await stall.taken()
    reply = await stall.order(an_order({"trns_info": {"trnx_amt": "100.01"}}))
    assert (reply.status, reply.plain["msg_code"], reply.plain["secure_token"]) == (200, "1001", None)
    assert b"100" not in reply.body.replace(b'"1001"', b"")
    told = (await stall.ask({"trnx_id": "1709272800"})).plain
    assert (told["trnx_info"]["trnx_amt"], told["secure_token"]) == ("100.00", first["secure_token"])


async def test_a_hundred_orders_at_once_of_which_half_cost_more_are_one_payment(stall: Stall) -> None:
    """T17: whichever was first stands, and each answer is the token of the one payment or 1001."""
    orders = [an_order({"trns_info": {"trnx_amt": "100.00" if n % 2 else "100.01"}}) for n in range(100)]
    replies = await asyncio.gather(*(stall.order(order) for order in orders))
    assert {reply.status for reply in replies} == {200}
    codes = [reply.plain["msg_code"] for reply in replies]
    assert (codes.count("1000"), codes.count("1001")) == (50, 50)
    assert len({reply.plain["secure_token"] for reply in replies}) == 2
    assert len(stall.books.news) == 1


async def test_a_key_of_one_merchant_opens_nothing_of_anothers_order(stall: Stall) -> None:
    """T21: neither a wrong key nor a known trnx_id shows that there is such an order."""
    await stall.taken()
    stolen = an_order({"mer_info": {"mer_reg_id": "other_test"}})
    assert (await stall.order(stolen)).body == NOBODY
    asked = {"trnx_id": "1709272800", "username": "other_test"}
    known = await stall.ask(asked, address=ELSEWHERE)
    unknown = await stall.ask({**asked, "trnx_id": "unknown"}, address=ELSEWHERE)
    assert known.body == unknown.body


@pytest.mark.parametrize(
    "written",
    ["-0", '"-0"', '"-0.00"', "1" + "0" * 24, '"1' + "0" * 24 + '"', "9" * 4_000, '"' + "9" * 5_000 + '"',
     "-Infinity", "-1e-400", '"\u0661\u0660\u0660"', '"\uff11\uff10\uff10"', '"1\u09e60"', '"1_000"',
     '"1,00,000"', '"\u09e7,\u09e6\u09e6\u09e6.\u09eb\u09e6"', '"1e400"', '"৳100"', '"100 BDT"',
     '"100\\u200b"', '"100.000"', '"00100"', "null", "[]", '""'],
)  # fmt: skip
async def test_no_spelling_of_a_sum_is_taken_for_another(stall: Stall, written: str) -> None:
    """T23 to T27: refused, or exactly the sum that a reader would see; never a bug and never silence."""
    body = as_bytes(an_order()).replace(b'"trnx_amt": "100.00"', f'"trnx_amt": {written}'.encode())
    reply = await stall.order(body)
    if reply.status == 200:
        assert written == '"00100"'
        assert stall.books.news[0].amount.minor == 10_000
    else:
        assert (reply.status, without_member(reply.body), stall.books.news) == (400, MALFORMED, [])


def with_further(route: str, number: str) -> bytes:
    """What this route takes, with a number at a place that nobody reads."""
    asked = {"trnx_id": "1", "trans_date": "2026-03-01"}
    body = as_bytes(an_order() if route == "merchant-api" else asked)
    return body[:-1] + f', "further": {{"x": [{number}]}}}}'.encode()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "0x1", "01", "1_0", "+1", "1e"])
async def test_what_is_no_number_is_400_on_every_route(stall: Stall, route: str, number: str) -> None:
    """T24: where a stock framework answers 500."""
    reply = await stall.request("POST", f"{BASE}/{route}", with_further(route, number))
    assert (reply.status, without_member(reply.body), stall.books.news) == (400, MALFORMED, [])


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5_000])
async def test_a_number_too_large_for_a_machine_breaks_no_route(
    stall: Stall, route: str, number: str
) -> None:
    """T24: a number is kept as it was spelled and becomes none of ours, so there is nothing to overflow."""
    reply = await stall.request("POST", f"{BASE}/{route}", with_further(route, number))
    assert (reply.status, reply.plain["msg_code"]) == (200, "1000" if route == "merchant-api" else "404")


@pytest.mark.parametrize("route", ROUTES)
async def test_a_million_members_and_deep_nests_are_refused_before_they_are_read(
    stall: Stall, route: str
) -> None:
    """T30: the body is cut at 64 KB, and what nests deeper than anybody's order is 400."""
    many = b"{" + b",".join(b'"k%d":1' % n for n in range(1_000_000)) + b"}"
    assert (await stall.request("POST", f"{BASE}/{route}", many)).status == 413
    for nest in (b"[" * 65_000, b'{"a":' * 12_000, b"[" * 30_000 + b"]" * 30_000):
        reply = await stall.request("POST", f"{BASE}/{route}", nest)
        assert (reply.status, without_member(reply.body)) == (400, MALFORMED)


async def test_members_that_name_our_own_columns_change_nothing(stall: Stall) -> None:
    """T33: further members are taken, as ekPay takes them, and only tell this order from another one."""
    plain = await stall.taken()
    more = {
        "status": "completed", "state": "completed", "fee": "0", "charge": 0, "merchant_id": "evil",
        "partner_id": "other", "is_refunded": True, "role": "admin", "amount": "1", "payment_id": "x",
        "checkout_reference": "A" * 26, "token_expires_at": "2099-01-01", "msg_code": "1020",
        "networks": ["0.0.0.0/0"],
    }  # fmt: skip
    order = an_order({"trns_info": {"trnx_id": "T-2", **more}, "mer_info": more}, **more)
    await stall.taken(order)
    first, second = stall.books.news
    names = {"payment_id", "checkout_reference", "ekpay_trnx_id", "fingerprint", "return_url", "text"}
    same = {name: getattr(first, name) for name in names}
    assert replace(second, **same) == first
    assert replace(second.text, trnx_id=first.text.trnx_id) == first.text
    told = (await stall.ask({"trnx_id": "T-2"})).plain
    assert (told["msg_code"], told["trnx_info"]["trnx_amt"]) == ("1023", "100.00")
    assert plain["msg_code"] == "1000"


async def test_payloads_are_data_in_every_answer(stall: Stall) -> None:
    """T34: what an order says comes back as JSON of that type, as it was, and in no refusal."""
    texts = {"cust_id": ECHO, "cust_name": ECHO, "cust_email": ECHO, "cust_mail_addr": ECHO}
    await stall.taken(an_order({"cust_info": texts, "trns_info": {"ord_id": ECHO, "ord_det": ECHO}}))
    reply = await stall.ask({"trnx_id": "1709272800"})
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert json.loads(reply.body)["cust_info"]["cust_name"] == ECHO
    for wrong in ({"trnx_id": ECHO}, {"trnx_id": "1709272800", "trans_date": ECHO}, {"username": ECHO}):
        assert b"script" not in (await stall.ask(wrong)).body


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_a_page_elsewhere_cannot_order_in_a_merchants_name(stall: Stall, content_type: str) -> None:
    """T53: an order is proven by key and address, never by a cookie, so a payer's browser brings nothing."""
    headers = [("Content-Type", content_type), ("Origin", "https://evil.example"), ("Cookie", "a=b")]
    guessed = as_bytes(an_order({"mer_info": {"mer_pas_key": "guessed"}}))
    for body in (guessed, as_bytes(an_order())):
        reply = await stall.request("POST", f"{BASE}/merchant-api", body, address=ELSEWHERE, headers=headers)
        assert (reply.status, reply.body) == (400, NOBODY)
        assert not [name for name in reply.headers if name.startswith("access-control")]
    assert stall.books.news == []
