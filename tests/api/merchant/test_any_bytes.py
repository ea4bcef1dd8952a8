"""Whatever is sent, the merchant API answers in its own shapes and never breaks (T29, T34)."""

import json
import string
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.merchant.merchant_api_setup import Stall
from tests.scenarios.merchant_orders import ELSEWHERE, SERVER, an_order

SMALL = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.sampled_from(
        ["{{7*7}}", "'; DROP TABLE payments --", "../../etc/passwd", "\r\nX: y", "\u202e", "${x}"]
    )
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
BLOCKS = ["mer_info", "feed_uri", "cust_info", "trns_info", "ipn_info"]
ADDRESSES = st.sampled_from([SERVER, ELSEWHERE, "", "::1", "not an address"])


def is_ours(status: int, body: bytes) -> bool:
    """Whether an answer is of this API, and no answer has both pairs of keys."""
    told = json.loads(body)
    if status == 200:
        return "responseCode" not in told and isinstance(told["msg_code"], str)
    return status == 400 and list(told) == ["responseCode", "responseMessage"]


@SMALL
@given(st.binary(max_size=200), ADDRESSES)
async def test_any_bytes(body: bytes, address: str) -> None:
    stall = Stall()
    for reply in (await stall.order(body, address=address), await stall.ask(body, address=address)):
        assert is_ours(reply.status, reply.body), reply


@SMALL
@given(st.dictionaries(st.sampled_from([*BLOCKS, "settlement_split", "req_timestamp"]), VALUES), ADDRESSES)
async def test_any_members(members: dict[str, Any], address: str) -> None:
    stall = Stall()
    reply = await stall.order(an_order() | members, address=address)
    assert is_ours(reply.status, reply.body), reply


@SMALL
@given(st.data())
async def test_any_value_in_any_place(data: st.DataObject) -> None:
    order, stall = an_order(), Stall()
    for _ in range(data.draw(st.integers(1, 3))):
        block = data.draw(st.sampled_from(BLOCKS[1:]))
        order[block][data.draw(st.sampled_from(sorted(order[block])))] = data.draw(VALUES)
    reply = await stall.order(order)
    assert is_ours(reply.status, reply.body), reply
    if reply.status == 200:
        text = stall.books.news[0].text
        asked = {"trnx_id": text.trnx_id, "trans_date": "2026-03-01"}
        told = (await stall.ask(asked)).plain
        assert told["cust_info"]["cust_id"] == (text.order["cust_id"] or "")
        assert told["trnx_info"]["trnx_amt"] == text.order["trnx_amt"]


@SMALL
@given(
    st.fixed_dictionaries({}, optional={"trnx_id": VALUES, "trans_date": VALUES, "username": VALUES}),
    ADDRESSES,
)
async def test_any_question(asked: dict[str, Any], address: str) -> None:
    reply = await Stall().ask(asked, address=address)
    assert is_ours(reply.status, reply.body), reply


@SMALL
@given(st.binary(max_size=120) | st.text(string.printable, max_size=120).map(str.encode))
async def test_any_query(query: bytes) -> None:
    for sent in (query, b"sToken=" + query + b"&trnsID=1", b"sToken=a.b.c&trnsID=" + query):
        reply = await Stall().visit(sent)
        assert reply.status in {400, 404}
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
