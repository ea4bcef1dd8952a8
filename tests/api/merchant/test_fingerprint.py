"""What a repeat of an order must equal, and what it need not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.api.merchant.reading import fingerprint
from ekpay_switch.api.merchant.refusals import MerchantApiError, ResponseCode
from ekpay_switch.api.strict_json import parse_object
from tests.api.merchant.merchant_api_setup import Stall
from tests.scenarios.merchant_orders import an_order, as_bytes

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)
LEAVES = st.none() | st.booleans() | st.integers() | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)
CONTENTS = st.dictionaries(st.sampled_from(["a", "b", "mer_info"]), VALUES, max_size=3)


def mark(content: object) -> bytes:
    return fingerprint(parse_object(as_bytes(content)))


def canonical(content: dict[str, Any]) -> str:
    """The same decision by another way: sorted JSON without what is no content."""
    kept = {name: value for name, value in content.items() if name not in {"req_timestamp", "mac_addr"}}
    if isinstance(kept.get("mer_info"), dict):
        kept["mer_info"] = {name: value for name, value in kept["mer_info"].items() if name != "mer_pas_key"}
    return json.dumps(kept, sort_keys=True)


@given(CONTENTS, CONTENTS)
def test_two_contents_have_one_mark_if_and_only_if_they_are_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert (mark(one) == mark(other)) == (canonical(one) == canonical(other))


@given(st.permutations(list(an_order())))
def test_the_order_of_members_is_no_content(names: list[str]) -> None:
    order = an_order()
    assert mark({name: order[name] for name in names}) == mark(order)


def test_time_address_and_pass_key_are_no_content_and_their_names_elsewhere_are() -> None:
    order = an_order()
    same = an_order({"mer_info": {"mer_pas_key": "another"}}, req_timestamp="later", mac_addr="192.0.2.1")
    assert mark(order) == mark(same)
    for block, member in (
        ("cust_info", "mac_addr"),
        ("trns_info", "req_timestamp"),
        ("trns_info", "mer_pas_key"),
        ("mer_info", "mac_addr"),
    ):
        assert mark(order) != mark(an_order({block: {member: "x"}}))


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1", '"1"'), ("1.10", "1.1"), ("null", '"null"')])
def test_a_spelling_is_content(one: str, other: str) -> None:
    marks = {fingerprint(parse_object(f'{{"x":{value}}}'.encode())) for value in (one, other)}
    assert len(marks) == 2


def test_members_nested_without_end_are_refused() -> None:
    deep: object = None
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(MerchantApiError) as refused:
        fingerprint({"x": deep})
    assert refused.value.code is ResponseCode.MALFORMED


@pytest.mark.parametrize("depth", [50, 300, 700, 900])
async def test_an_order_nested_deeply_is_taken_or_refused(stall: Stall, depth: int) -> None:
    body = as_bytes(an_order())[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}"
    reply = await stall.order(body)
    assert reply.status == (200 if depth == 50 else reply.status)
    assert reply.status in {200, 400}
