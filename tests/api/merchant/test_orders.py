"""merchant-api: what is answered with a token (ekpay-merchant-api.md 1 and 2)."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.money import Money
from tests.api.merchant.merchant_api_setup import NOBODY, STAMP, TOKENS, Stall
from tests.fakes.world import NOON
from tests.scenarios.merchant_orders import ELSEWHERE, OLD_KEY, a_merchant, an_order, as_bytes

FAILURE = (
    b'{"secure_token":null,"token_exp_time":null,"msg_code":"1001","msg_det":"Failure",'
    b'"ack_tstamp":"2026-03-01 12:00:00 GMT+06:00","ack_timestamp":"2026-03-01 12:00:00 GMT+06:00"}'
)


def issued(token: str, life: str = "30000s") -> bytes:
    return (
        f'{{"secure_token":"{token}","token_exp_time":"{life}","msg_code":"1000",'
        f'"msg_det":"Secure token generated successfully","ack_tstamp":"{STAMP}","ack_timestamp":"{STAMP}"}}'
    ).encode()


async def test_an_order_is_answered_with_a_token_as_recorded(stall: Stall) -> None:
    reply = await stall.order()
    (new,) = stall.books.news
    token = TOKENS.derive(new.payment_id, "shop_test", NOON + timedelta(seconds=30_000))
    assert (reply.status, reply.body) == (200, issued(token))
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"


async def test_what_was_ordered_stands_in_the_books_as_it_was_spelled(stall: Stall) -> None:
    await stall.taken()
    (new,) = stall.books.news
    assert (new.partner_id, new.amount, new.text.trnx_id) == ("shop", Money(10_000), "1709272800")
    assert new.text.order == {
        "cust_id": "1042",
        "cust_name": "Rahela Khatun",
        "cust_mobo_no": "+8801712345678",
        "cust_email": "",
        "cust_mail_addr": "12 Mirpur Road, Dhaka",
        "trnx_amt": "100.00",
        "trnx_currency": "BDT",
        "ord_id": "7",
        "ord_det": "একটি শাড়ি",
        "req_timestamp": "2026-03-01 12:00:00 GMT+6",
    }
    assert (new.text.ipn_channel, new.text.ipn_email) == ("3", "ipn@shop.example")


@pytest.mark.parametrize(("sent", "stored"), [("bn", "bn"), ("en", "en"), (None, None)])
async def test_the_payers_language_is_taken_from_the_order_where_it_names_one(
    stall: Stall, sent: str | None, stored: str | None
) -> None:
    await stall.taken(an_order(lang=sent))
    (new,) = stall.books.news
    assert new.text.order.get("lang") == stored


async def test_an_order_sent_again_in_another_language_is_the_same_order(stall: Stall) -> None:
    first = await stall.order(an_order(lang="bn"))
    again = await stall.order(an_order(lang="en"))
    assert (first.status, again.status) == (200, 200)
    assert first.body == again.body


@pytest.mark.parametrize(
    ("written", "minor"),
    [
        ('"10"', 1_000),
        ('"11.00"', 1_100),
        ('"11.5"', 1_150),
        ("100", 10_000),
        ("1500.00", 150_000),
        ("1500.0", 150_000),
        ("0.01", 1),
        ('"0100"', 10_000),
        ("10000000000", 10**12),
    ],
)
async def test_an_amount_is_a_text_or_a_number_and_keeps_its_spelling(
    stall: Stall, written: str, minor: int
) -> None:
    body = as_bytes(an_order()).replace(b'"trnx_amt": "100.00"', f'"trnx_amt": {written}'.encode())
    await stall.taken(body)
    (new,) = stall.books.news
    assert (new.amount.minor, new.text.order["trnx_amt"]) == (minor, written.strip('"'))


@pytest.mark.parametrize(
    "written", ["8700001", "8700001.50", "1e3", "-0", "1e400", '"007"', '"১০৪২"', '""', "null"]
)
async def test_a_customers_number_comes_back_as_it_was_spelled(stall: Stall, written: str) -> None:
    body = as_bytes(an_order()).replace(b'"cust_id": 1042', f'"cust_id": {written}'.encode())
    await stall.taken(body)
    expected = None if written == "null" else written.strip('"')
    assert stall.books.news[0].text.order["cust_id"] == expected


async def test_a_trnx_id_may_be_a_number(stall: Stall) -> None:
    await stall.taken(an_order({"trns_info": {"trnx_id": 1709272800}}))
    assert stall.books.news[0].text.trnx_id == "1709272800"


@pytest.mark.parametrize(
    "trnx_id",
    ["65f1a0b2c3d4e", "code-1709272800", "A1B2C3D4E5F6G7H8", "202603011200000001", "42EKPAY20260301120000",
     "a" * 36, "a" * 64, "INV/2026/7"],
)  # fmt: skip
async def test_every_trnx_id_that_was_seen_is_taken(stall: Stall, trnx_id: str) -> None:
    await stall.taken(an_order({"trns_info": {"trnx_id": trnx_id}}))
    assert stall.books.news[0].text.trnx_id == trnx_id


async def test_more_members_than_we_know_are_taken_at_every_level(stall: Stall) -> None:
    order = an_order({"cust_info": {"cust_country": "BD"}, "trns_info": {"x": [1, {"y": None}]}})
    await stall.taken(order | {"invoice": "7", "payment_purpose": None, "_token": ["form"]})
    assert not {"cust_country", "x", "invoice", "_token"} & stall.books.news[0].text.order.keys()


@pytest.mark.parametrize(
    ("block", "member"),
    [
        ("cust_info", "cust_id"),
        ("cust_info", "cust_email"),
        ("cust_info", "cust_mail_addr"),
        ("trns_info", "ord_id"),
        ("trns_info", "ord_det"),
        ("ipn_info", "ipn_email"),
    ],
)
async def test_what_some_clients_leave_out_or_empty_is_not_missed(block: str, member: str) -> None:
    without = an_order()
    del without[block][member]
    for order in (an_order({block: {member: None}}), an_order({block: {member: ""}}), without):
        stall = Stall()
        await stall.taken(order)
        text = stall.books.news[0].text
        assert not (text.ipn_email if member == "ipn_email" else text.order.get(member))


async def test_the_address_that_a_server_claims_does_not_matter(stall: Stall) -> None:
    order = an_order()
    del order["mac_addr"]
    await stall.taken(order)
    assert (await stall.order(an_order(mac_addr="192.0.2.7"), address=ELSEWHERE)).body == NOBODY


async def test_a_name_in_any_script_is_taken(stall: Stall) -> None:
    for number, name in enumerate(["রাহেলা খাতুন", 'Ra\'hela "K" <b>', "\u202eRahela", "Rahela\nKhatun", "😀"]):
        order = an_order({"cust_info": {"cust_name": name}, "trns_info": {"trnx_id": f"n-{number}"}})
        await stall.taken(order)
        assert stall.books.news[-1].text.order["cust_name"] == name


@pytest.mark.parametrize("channel", ["0", "1", "2", "3", 0, 1, 2, 3])
async def test_a_channel_is_a_text_or_a_number(stall: Stall, channel: object) -> None:
    await stall.taken(an_order({"ipn_info": {"ipn_channel": channel}}))
    assert stall.books.news[0].text.ipn_channel == str(channel)


@pytest.mark.parametrize("channel", ["0", "2"])
@pytest.mark.parametrize("uri", ["", None, "www.ekpay.gov.bd/v1/ipn/SendIpn"])
async def test_an_ipn_that_nobody_asked_for_needs_no_address(
    stall: Stall, channel: str, uri: str | None
) -> None:
    await stall.taken(an_order({"ipn_info": {"ipn_channel": channel, "ipn_uri": uri}}))
    assert stall.books.news[0].text.ipn_channel == channel


# ---- the second time -------------------------------------------------------------------------------------


async def test_a_repeat_is_answered_with_the_same_token_and_the_rest_of_its_life(stall: Stall) -> None:
    first = await stall.taken()
    stall.market.small.clock.pass_by(61)
    again = await stall.taken(an_order(req_timestamp="2026-03-01 12:01:01 GMT+6", mac_addr="192.0.2.8"))
    assert again["secure_token"] == first["secure_token"]
    assert again["token_exp_time"] == "29939s"
    assert len(stall.books.news) == 1


async def test_a_repeat_in_other_order_and_with_the_other_pass_key_is_a_repeat(stall: Stall) -> None:
    await stall.taken()
    order = an_order({"mer_info": {"mer_pas_key": OLD_KEY}})
    turned = {name: order[name] for name in reversed(order)}
    turned["cust_info"] = dict(reversed(order["cust_info"].items()))
    await stall.taken(json.dumps(turned).encode())
    assert len(stall.books.news) == 1


@pytest.mark.parametrize(
    "order",
    [
        an_order({"trns_info": {"trnx_amt": "100"}}),
        an_order({"trns_info": {"trnx_amt": 100}}),
        an_order({"cust_info": {"cust_id": "1042"}}),
        an_order({"cust_info": {"cust_country": "BD"}}),
        an_order({"feed_uri": {"s_uri": "https://shop.example/done?appid=8"}}),
        an_order({"ipn_info": {"ipn_uri": "https://shop.example/ipn?again"}}),
        an_order({"ipn_info": {"ipn_channel": 3}}),
        an_order(invoice="7"),
        an_order(settlement_split=[{"amount": "100.00"}]),
    ],
    ids=str,
)
async def test_another_order_under_the_same_trnx_id_fails_without_a_reason(
    stall: Stall, order: object
) -> None:
    await stall.taken()
    reply = await stall.order(order)
    assert (reply.status, reply.body) == (200, FAILURE)
    assert len(stall.books.news) == 1


async def test_a_repeat_after_the_token_has_ended_fails_as_well(stall: Stall) -> None:
    await stall.taken()
    stall.market.small.clock.pass_by(30_000)
    reply = await stall.order()
    assert (reply.status, reply.plain["msg_code"], reply.plain["secure_token"]) == (200, "1001", None)


async def test_two_merchants_may_use_the_same_trnx_id(stall: Stall) -> None:
    first = await stall.taken()
    stall.market.add(replace(a_merchant("other"), return_hosts=frozenset({"shop.example"})))
    second = await stall.taken(an_order({"mer_info": {"mer_reg_id": "other_test"}}))
    assert first["secure_token"] != second["secure_token"]


# ---- shares ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [{}, {"payee": ""}, {"payee": None}])
async def test_a_payment_may_be_shared(stall: Stall, own: dict[str, object]) -> None:
    lines = [{"payee": "SELLER-1", "amount": "80"}, {"payee": "UDC-0042", "amount": 2.5}]
    await stall.taken(an_order(settlement_split=[*lines, own | {"amount": "17.50", "note": "ours"}]))
    shares = [(share.payee, share.amount.minor) for share in stall.books.news[0].shares]
    assert shares == [("SELLER-1", 8_000), ("UDC-0042", 250), ("", 1_750)]


async def test_a_split_that_is_null_is_none(stall: Stall) -> None:
    await stall.taken(an_order(settlement_split=None))
    assert [share.payee for share in stall.books.news[0].shares] == [""]
