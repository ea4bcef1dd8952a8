"""What the merchant API does with card numbers: masked in text, refused in names (docs/adr/0084)."""

import json
from typing import Any

import pytest

from ekpay_switch.domain.payment import State
from tests.api.merchant.merchant_api_setup import Stall, refusal
from tests.scenarios.merchant_orders import BY_BKASH, ELSEWHERE, a_payment, an_order

CARD = "4111 1111-1111.1111"
BARE = "4111111111111111"
MASKED = "4111 11**-****.1111"
TEXTS = [
    ("cust_info", "cust_name"),
    ("cust_info", "cust_email"),
    ("cust_info", "cust_mail_addr"),
    ("trns_info", "ord_det"),
]
NAMES = [
    ("cust_info", "cust_id"),
    ("trns_info", "trnx_id"),
    ("trns_info", "ord_id"),
    ("feed_uri", "s_uri"),
    ("feed_uri", "f_uri"),
    ("feed_uri", "c_uri"),
    ("ipn_info", "ipn_uri"),
]


@pytest.mark.parametrize(("block", "member"), TEXTS)
async def test_a_card_number_in_text_is_stored_masked_and_never_refused(
    stall: Stall, block: str, member: str
) -> None:
    await stall.taken(an_order({block: {member: f"card {CARD} exp 12/29"}}))
    stored = stall.books.news[0].text.order
    assert stored[member] == f"card {MASKED} exp 12/29"
    reply = await stall.ask({"trnx_id": "1709272800"})
    assert CARD not in reply.body.decode()
    assert MASKED in reply.body.decode()


async def test_other_members_with_text_are_masked_too(stall: Stall) -> None:
    order = an_order({"ipn_info": {"ipn_email": f"{BARE}@shop.example"}}, req_timestamp=CARD)
    await stall.taken(order)
    text = stall.books.news[0].text
    assert text.ipn_email == "411111******1111@shop.example"
    assert text.order["req_timestamp"] == MASKED


async def test_a_card_number_as_a_json_number_is_one(stall: Stall) -> None:
    await stall.taken(an_order({"trns_info": {"ord_det": int(BARE)}}))
    assert stall.books.news[0].text.order["ord_det"] == "411111******1111"


@pytest.mark.parametrize(("block", "member"), NAMES)
async def test_a_name_with_a_card_number_is_refused_by_its_member(
    stall: Stall, block: str, member: str
) -> None:
    before = an_order()[block][member]
    name = f"{before}/{BARE}" if "uri" in member else f"A-{BARE}"
    reply = await stall.order(an_order({block: {member: name}}))
    told = refusal("1024", f"Validation error: {block}.{member} holds a card number")
    assert (reply.status, reply.body) == (400, told)
    assert stall.books.news == []


@pytest.mark.parametrize(
    "trnx_id",
    [
        "2611291721550004",
        "1709272800",
        "018f5c5e-7b1a-4111-1111-11111111a111",
        "4222222222222",
        "20241108181400",
    ],
)
async def test_names_as_live_clients_make_them_are_taken(stall: Stall, trnx_id: str) -> None:
    await stall.taken(an_order({"trns_info": {"trnx_id": trnx_id, "ord_id": trnx_id}}))
    text = stall.books.news[0].text
    assert (text.trnx_id, text.order["ord_id"]) == (trnx_id, trnx_id)


async def test_a_repeat_with_the_card_number_is_a_repeat(stall: Stall) -> None:
    order = an_order({"trns_info": {"ord_det": CARD}}, note=BARE)
    first = await stall.taken(order)
    assert (await stall.taken(order))["secure_token"] == first["secure_token"]


async def test_no_hash_covers_the_hidden_digits(stall: Stall) -> None:
    """Two numbers that look the same once masked are the same to a repeat: a hash tells none from another."""
    await stall.taken(an_order({"trns_info": {"ord_det": "4111111111111111"}}, note=["4111111111111111"]))
    other = an_order({"trns_info": {"ord_det": "4111110000411111"}}, note=["4111110000411111"])
    assert (await stall.order(other)).plain["msg_code"] == "1000"
    assert len(stall.books.news) == 1


async def test_strangers_see_neither_the_order_text_nor_the_customers_id(stall: Stall) -> None:
    stall.market.stands(a_payment(state=State.COMPLETED, funding=BY_BKASH))
    asked: dict[str, Any] = {"trnx_id": "1709272800", "trans_date": "2026-03-01"}
    own = json.loads((await stall.ask(asked)).body)
    seen = json.loads((await stall.ask(asked, address=ELSEWHERE)).body)
    assert own["basic_Info"]["ord_desc"] == "একটি শাড়ি"
    assert own["cust_info"]["cust_id"] == "1042"
    assert seen["basic_Info"]["ord_desc"] == "এ***"
    assert seen["cust_info"]["cust_id"] == "1***"
    assert {block: list(own[block]) for block in ("basic_Info", "cust_info")} == {
        block: list(seen[block]) for block in ("basic_Info", "cust_info")
    }
