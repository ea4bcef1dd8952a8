"""merchant-api: what is refused, in two keys and nothing else (ekpay-merchant-api.md 2.3; docs/adr/0046)."""

import asyncio
import copy

import pytest

from ekpay_switch.domain.errors import OverloadedError
from tests.api.merchant.merchant_api_setup import (
    MALFORMED,
    NO_MOBILE,
    NOBODY,
    TOO_MANY,
    Stall,
    refusal,
    refused,
)
from tests.scenarios.merchant_orders import ELSEWHERE, KEY, SERVER, an_order, as_bytes

BUSY = refusal("1028", "Busy, send the same again")
BROKEN = refusal("1099", "Internal error, send the same again")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"order"',
        b"{",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\\u0000"}',
        b'{"a":"\\ud800"}',
        b"[" * 60_000,
        b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
        b"mer_info[mer_reg_id]=shop_test",
    ],
)
async def test_what_is_no_json_object_is_refused(stall: Stall, body: bytes) -> None:
    assert await refused(stall, body) == MALFORMED


async def test_a_member_that_stands_twice_is_refused_wherever_it_stands(stall: Stall) -> None:
    for block in (b'"trnx_amt": "100.00"', b'"mac_addr": "1.1.1.1"', b'"cust_id": 1042'):
        body = as_bytes(an_order()).replace(block, block + b", " + block)
        assert await refused(stall, body) == MALFORMED


@pytest.mark.parametrize(
    ("block", "member"),
    [
        ("mer_info", "mer_reg_id"),
        ("mer_info", "mer_pas_key"),
        ("feed_uri", "s_uri"),
        ("feed_uri", "f_uri"),
        ("feed_uri", "c_uri"),
        ("cust_info", "cust_name"),
        ("cust_info", "cust_mobo_no"),
        ("trns_info", "trnx_id"),
        ("trns_info", "trnx_amt"),
        ("trns_info", "trnx_currency"),
        ("ipn_info", "ipn_channel"),
        ("ipn_info", "ipn_uri"),
    ],
)
async def test_what_every_client_sends_may_not_be_missing(stall: Stall, block: str, member: str) -> None:
    order = an_order()
    del order[block][member]
    assert await refused(stall, order) == MALFORMED
    for value in (None, True, [], {}, ["x"], {"x": "y"}):
        assert await refused(stall, an_order({block: {member: value}})) == MALFORMED


@pytest.mark.parametrize("lang", ["", "BN", "bangla", 1, True, [], {"bn": 1}])
async def test_a_language_that_is_none_of_ours_is_refused_by_its_name(stall: Stall, lang: object) -> None:
    reply = await stall.order(an_order(lang=lang))
    assert reply.status == 400
    assert reply.body == refusal("1024", "Validation error: lang")


@pytest.mark.parametrize(
    "name", ["mer_info", "req_timestamp", "feed_uri", "cust_info", "trns_info", "ipn_info"]
)
async def test_no_block_may_be_missing(stall: Stall, name: str) -> None:
    order = an_order()
    del order[name]
    assert await refused(stall, order) == MALFORMED
    for value in (None, "", [], 1, [order], "x" * 2_001):
        if (name, value) != ("req_timestamp", 1):
            assert await refused(stall, an_order() | {name: value}) == MALFORMED


@pytest.mark.parametrize(
    ("block", "member", "value"),
    [
        ("cust_info", "cust_name", ""),
        ("cust_info", "cust_name", "x" * 2_001),
        ("cust_info", "cust_id", {"id": 1}),
        ("cust_info", "cust_email", ["a@b"]),
        ("cust_info", "cust_email", False),
        ("trns_info", "trnx_currency", "USD"),
        ("trns_info", "trnx_currency", "bdt"),
        ("trns_info", "trnx_currency", ""),
        ("trns_info", "ord_det", "x" * 2_001),
        ("ipn_info", "ipn_channel", "4"),
        ("ipn_info", "ipn_channel", "01"),
        ("ipn_info", "ipn_channel", ""),
        ("ipn_info", "ipn_channel", -1),
        ("ipn_info", "ipn_channel", 1.0),
        ("ipn_info", "ipn_uri", ""),
    ],
)
async def test_rubbish_in_a_member_that_we_know_is_refused(
    stall: Stall, block: str, member: str, value: object
) -> None:
    assert await refused(stall, an_order({block: {member: value}})) == MALFORMED


@pytest.mark.parametrize(
    "written",
    ["0", '"0"', '"0.00"', "-1", '"-1"', "1e3", "1E3", '"1e3"', "1.005", '"1.005"', "0.1e1", '"+1"', '" 1"',
     '"1 "', '"1,000"', '"1,000.00"', '".5"', '"1."', '"NaN"', '"Infinity"', '"0x10"', '"১০০"', "true",
     "0.30000000000000004", "1e400", '"99999999999999"', "10000000000.01", "[100]", '{"x": 1}', '"1\\n"'],
)  # fmt: skip
async def test_what_is_no_amount_of_taka_is_refused(stall: Stall, written: str) -> None:
    body = as_bytes(an_order()).replace(b'"trnx_amt": "100.00"', f'"trnx_amt": {written}'.encode())
    assert await refused(stall, body) == MALFORMED


@pytest.mark.parametrize(
    "trnx_id", ["", " ", "a b", "a&b", "a#b", "a+b", "a%20", "a?b", "a\nb", "a\n", "ক", "a" * 65, "'", "<b>"]
)
async def test_a_trnx_id_that_does_not_survive_a_query_is_refused(stall: Stall, trnx_id: str) -> None:
    assert await refused(stall, an_order({"trns_info": {"trnx_id": trnx_id}})) == MALFORMED


@pytest.mark.parametrize(
    "number",
    ["", "0", "1712345678", "88801712345678", "+880171234567", "+88017123456789", "01012345678", "029559010",
     "+919812345678", "017-12345678", "+880 1712345678", " 01712345678", "01712345678\n", "٠١٧١٢٣٤٥٦٧٨",
     "+8801712345678;ext=5", "tel:01712345678", "0171234567x", "NOTHING", 1712345678, "01200000000"],
)  # fmt: skip
async def test_what_is_no_mobile_number_of_bangladesh_is_refused(stall: Stall, number: object) -> None:
    assert await refused(stall, an_order({"cust_info": {"cust_mobo_no": number}})) == NO_MOBILE


@pytest.mark.parametrize(
    "number", ["01712345678", "8801712345678", "+8801712345678", "01312345678", "+8801998765432"]
)
async def test_a_mobile_number_is_written_with_or_without_its_country(stall: Stall, number: str) -> None:
    await stall.taken(an_order({"cust_info": {"cust_mobo_no": number}}))
    assert stall.books.news[0].text.order["cust_mobo_no"] == number


@pytest.mark.parametrize(
    ("order", "code", "words"),
    [
        (b"[]", "1024", "Validation error: the body is no JSON object"),
        ({"mer_info": {"mer_reg_id": ""}}, "1024", "Validation error: mer_info.mer_reg_id"),
        ({"trns_info": {"trnx_amt": "1.005"}}, "1024", "Validation error: trns_info.trnx_amt"),
        ({"trns_info": {"trnx_amt": "0"}}, "1024", "Validation error: trns_info.trnx_amt"),
        ({"trns_info": {"trnx_currency": "USD"}}, "1024", "Validation error: trns_info.trnx_currency"),
        ({"cust_info": {"cust_name": ""}}, "1024", "Validation error: cust_info.cust_name"),
        ({"ipn_info": {"ipn_channel": "9"}}, "1024", "Validation error: ipn_info.ipn_channel"),
        ({"ipn_info": {"ipn_uri": ""}}, "1024", "Validation error: ipn_info.ipn_uri"),
        ({"cust_info": {"cust_mobo_no": "1"}}, "1030", "Not a BD mobile number: cust_info.cust_mobo_no"),
        ({"feed_uri": {"f_uri": "shop"}}, "1052", "must be a valid URL: feed_uri.f_uri"),
        ({"ipn_info": {"ipn_uri": "shop"}}, "1052", "must be a valid URL: ipn_info.ipn_uri"),
    ],
)
async def test_a_refusal_names_the_member_and_not_its_value(
    stall: Stall, order: object, code: str, words: str
) -> None:
    reply = await stall.order(an_order(order) if isinstance(order, dict) else order)
    assert (reply.status, reply.body) == (400, refusal(code, words))


async def test_a_split_that_does_not_add_up_is_named(stall: Stall) -> None:
    order = an_order(settlement_split=[{"payee": "", "amount": "1.00"}])
    assert (await stall.order(order)).body == refusal("1024", "Validation error: settlement_split")


# ---- who calls -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mer_info", "address"),
    [
        ({"mer_reg_id": "nobody_test"}, SERVER),
        ({"mer_reg_id": "other_test"}, SERVER),
        ({"mer_pas_key": KEY + "x"}, SERVER),
        ({}, ELSEWHERE),
        ({}, ""),
        ({"mer_reg_id": "shop_test\u0007"}, SERVER),
    ],
)
async def test_a_wrong_name_key_or_address_is_one_answer(
    stall: Stall, mer_info: dict[str, object], address: str
) -> None:
    reply = await stall.order(an_order({"mer_info": mer_info}), address=address)
    assert (reply.status, reply.body) == (400, NOBODY)
    assert stall.books.news == []


async def test_strangers_learn_nothing_of_what_else_is_wrong(stall: Stall) -> None:
    order = an_order({"mer_info": {"mer_pas_key": "wrong"}, "cust_info": {"cust_mobo_no": "1"}})
    assert (await stall.order(order)).body == NOBODY


async def test_a_header_that_claims_an_address_is_not_believed(stall: Stall) -> None:
    headers = [("X-Forwarded-For", SERVER), ("X-Real-IP", SERVER), ("Forwarded", f"for={SERVER}")]
    reply = await stall.request(
        "POST", "/ekpaypg/v1/merchant-api", as_bytes(an_order()), address=ELSEWHERE, headers=headers
    )
    assert reply.body == NOBODY


# ---- shares ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "split",
    [
        [],
        {},
        "",
        "SELLER-1",
        [None],
        ["SELLER-1"],
        [{"payee": "SELLER-1"}],
        [{"payee": "SELLER-1", "amount": "99.99"}],
        [{"payee": "SELLER-1", "amount": "100.01"}],
        [{"payee": "SELLER-2", "amount": "100"}],
        [{"payee": "SELLER-1", "amount": "50"}, {"payee": "SELLER-1", "amount": "50"}],
        [{"amount": "50"}, {"payee": "", "amount": "50"}],
        [{"payee": "SELLER-1", "amount": "100"}, {"amount": "0"}],
        [{"payee": "SELLER-1", "amount": "110"}, {"amount": "-10"}],
        [{"payee": ["SELLER-1"], "amount": "100"}],
        [{"payee": "SELLER-1", "amount": "1e2"}],
        [{"payee": "SELLER-1", "amount": None}],
        [{"payee": "S" * 65, "amount": "100"}],
        [{"payee": f"S-{number}", "amount": "1"} for number in range(100)],
    ],
)
async def test_a_split_that_is_none_is_refused(stall: Stall, split: object) -> None:
    assert await refused(stall, an_order(settlement_split=split)) == MALFORMED


# ---- too much, too often, too late -----------------------------------------------------------------------


async def test_a_merchant_that_orders_too_often_is_told_to_wait() -> None:
    stall = Stall(calls=2)
    for number in range(2):
        await stall.taken(an_order({"trns_info": {"trnx_id": f"t-{number}"}}))
    reply = await stall.order(an_order({"trns_info": {"trnx_id": "t-3"}}))
    assert (reply.status, reply.body, reply.headers["retry-after"]) == (429, TOO_MANY, "1")


async def test_whoever_guesses_keys_is_told_to_wait() -> None:
    stall = Stall(strange_calls=3)
    wrong = an_order({"mer_info": {"mer_pas_key": "wrong"}})
    assert [(await stall.order(wrong)).status for _ in range(4)] == [400, 400, 400, 429]
    assert (await stall.order(wrong, address="192.0.2.8")).status == 400
    await stall.taken()


async def test_a_message_that_is_too_long_is_refused_in_two_keys(stall: Stall) -> None:
    assert await refused(stall, b" " * 70_000, 413) == MALFORMED


async def test_headers_without_end_are_refused_in_two_keys(stall: Stall) -> None:
    reply = await stall.request("POST", "/ekpaypg/v1/get-status", headers=[("X", "y" * 17_000)])
    assert (reply.status, reply.body) == (431, MALFORMED)


@pytest.mark.parametrize(
    ("trouble", "status", "body"),
    [
        (OSError("the database is away"), 503, BUSY),
        (OverloadedError(), 503, BUSY),
        (ZeroDivisionError("a bug"), 500, BROKEN),
    ],
)
async def test_trouble_of_ours_is_said_in_two_keys(
    stall: Stall, trouble: Exception, status: int, body: bytes
) -> None:
    stall.books.trouble = trouble
    assert await refused(stall, an_order(), status) == body
    stall.books.trouble = None
    await stall.taken()


async def test_a_late_answer_is_busy_and_the_same_order_finds_its_payment() -> None:
    stall = Stall(answer_seconds=0.01)
    stall.books.gate = asyncio.Event()
    assert await refused(stall, an_order(), 503) == BUSY
    stall.books.gate.set()
    await stall.api.tasks.drain(5)
    assert len(stall.books.news) == 1
    await stall.taken()
    assert len(stall.books.news) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ekpaypg/v1/merchant-api", 405),
        ("PUT", "/ekpaypg/v1/get-status", 405),
        ("POST", "/ekpaypg/v1", 405),
        ("GET", "/ekpaypg/v1/", 404),
        ("POST", "/ekpaypg/v1/merchant-api/", 404),
        ("POST", "/ekpaypg/v1/refund", 404),
        ("GET", "/ekpaypg/v1/../../etc/passwd", 404),
    ],
)
async def test_what_is_not_there_is_said_in_two_keys(
    stall: Stall, method: str, path: str, status: int
) -> None:
    reply = await stall.request(method, path)
    assert (reply.status, reply.body) == (status, MALFORMED)
    assert ("allow" in reply.headers) == (status == 405)


async def test_addresses_beside_the_merchant_api_keep_their_own_answers(stall: Stall) -> None:
    for path in ("/ekpaypg/v10", "/ekpaypg", "/"):
        reply = await stall.request("POST", path)
        assert (reply.status, reply.headers["content-type"]) == (404, "application/problem+json")


async def test_no_answer_repeats_what_was_sent(stall: Stall) -> None:
    marked = copy.deepcopy(an_order({"mer_info": {"mer_pas_key": "s3cr3t-mark"}}))
    for content in (marked, an_order({"cust_info": {"cust_mobo_no": "s3cr3t-mark"}})):
        assert b"s3cr3t-mark" not in (await stall.order(content)).body
