"""Where payers may be sent back to (api-conventions-and-security.md, T65), and how the payment is added."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.edge_kit.return_urls import is_return_host, return_url_fault, with_payment_id
from tests.api.v1.v1_setup import Shop, Till, an_order, code_of

HOSTS = frozenset({"shop.example", "shop.example:8443", "localhost:3000", "10.0.0.7:80"})


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example/",
        "https://SHOP.example/Done",
        "https://shop.example:443/done",
        "https://shop.example:8443/done",
        "https://shop.example/done?order=7&x=%E0%A7%AC#top",
        "https://shop.example?order=7",
        "https://shop.example#/done/7",
        "https://shop.example/a@b:c;d,e(f)!*'~$&=+",
        "https://shop.example/?next=https://evil.example/",
        "http://localhost:3000/done",
        "https://localhost:3000/done",
        "http://10.0.0.7/done",
        "https://shop.example/?my_payment_id=1&payment-id=2#payment_id=3",
    ],
)
def test_a_url_of_a_listed_host_is_taken(url: str) -> None:
    assert return_url_fault(url, HOSTS) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "malformed"),
        ("shop.example", "malformed"),
        ("/done", "malformed"),
        ("//shop.example/", "malformed"),
        ("//evil.example", "malformed"),
        ("https:", "malformed"),
        ("https:/shop.example", "malformed"),
        ("https:shop.example", "malformed"),
        ("https:///shop.example", "malformed"),
        ("HTTPS://shop.example", "malformed"),
        (" https://shop.example", "malformed"),
        ("https://shop.example ", "malformed"),
        ("https://shop.example\n", "malformed"),
        ("https://shop.example\t.evil.example", "malformed"),
        ("https://shop.example/a b", "malformed"),
        ("https://shop.example/\r\nSet-Cookie:x", "malformed"),
        ("https://shop.example\\@evil.example", "malformed"),
        ("https://evil.example\\@shop.example", "malformed"),
        ("https:\\\\shop.example", "malformed"),
        ("https://shop.example@evil.example", "malformed"),
        ("https://user:word@shop.example/", "malformed"),
        ("https://@shop.example/", "malformed"),
        ("https://shop.example:/", "malformed"),
        ("https://shop.example:443@evil.example", "malformed"),
        ("https://shop.example:port/", "malformed"),
        ("https://shop.example:-1/", "malformed"),
        ("https://shop.example:4430000/", "malformed"),
        ("https://[::1]/", "malformed"),
        ("https://shop%2eexample/", "malformed"),
        ("https://shop.example%00.evil.example/", "malformed"),
        ("https://shop\uff0eexample/", "malformed"),
        ("https://shop\u3002example/", "malformed"),
        ("https://sh\u043ep.example/", "malformed"),
        ("https://shop.example/\u202e", "malformed"),
        ("https://shop.example/<script>", "malformed"),
        ('https://shop.example/"onload=', "malformed"),
        ("https://shop.example/{{7*7}}", "malformed"),
        ("javascript:alert(1)", "malformed"),
        ("javascript://shop.example/%0aalert(1)", "malformed"),
        ("data:text/html,x", "malformed"),
        ("ftp://shop.example/", "malformed"),
        ("https://.shop.example/", "malformed"),
        ("https://-/", "malformed"),
        ("https://shop.example/" + "x" * 2_000, "malformed"),
        ("https://shop.example./", "malformed"),
        ("https://shop.example.evil.example/", "host_not_listed"),
        ("https://evil-shop.example/", "host_not_listed"),
        ("https://a.shop.example/", "host_not_listed"),
        ("https://evil.example/?https://shop.example/", "host_not_listed"),
        ("https://evil.example#@shop.example", "host_not_listed"),
        ("http://shop.example/", "host_not_listed"),
        ("http://shop.example:443/", "host_not_listed"),
        ("https://shop.example:444/", "host_not_listed"),
        ("https://shop.example:0/", "host_not_listed"),
        ("https://localhost/", "host_not_listed"),
        ("http://localhost/", "host_not_listed"),
        ("https://xn--shp-6kc.example/", "host_not_listed"),
        ("https://shop.example/?payment_id=pay_1", "payment_id_is_ours"),
        ("https://shop.example/?a=1&payment_id", "payment_id_is_ours"),
        ("https://shop.example/?a=1;payment%5fid=x", "payment_id_is_ours"),
        ("https://shop.example/?a=1&%70ayment_id=x#y", "payment_id_is_ours"),
    ],
)
async def test_a_url_that_leads_or_may_lead_elsewhere_is_not(
    till: Till, shop: Shop, url: str, why: str
) -> None:
    assert return_url_fault(url, HOSTS) == why
    reply = await shop.create(an_order(return_url=url))
    assert reply.status == 422
    assert code_of(reply) in {"return_url_not_allowed", "validation_failed"}
    assert [one["pointer"] for one in reply.plain["errors"]] == ["/return_url"]
    assert till.small.tables.collections == {}


def test_nothing_is_allowed_where_nothing_is_listed() -> None:
    assert return_url_fault("https://shop.example/", frozenset()) == "host_not_listed"


@pytest.mark.parametrize(
    ("url", "joined"),
    [
        ("https://s.example", "https://s.example?payment_id=P"),
        ("https://s.example/", "https://s.example/?payment_id=P"),
        ("https://s.example/done?", "https://s.example/done?payment_id=P"),
        ("https://s.example/done?a=1", "https://s.example/done?a=1&payment_id=P"),
        ("https://s.example/done?a=1&", "https://s.example/done?a=1&payment_id=P"),
        ("https://s.example/done#top", "https://s.example/done?payment_id=P#top"),
        ("https://s.example#/a?b=1", "https://s.example?payment_id=P#/a?b=1"),
        ("https://s.example/done?a=1#x?y#z", "https://s.example/done?a=1&payment_id=P#x?y#z"),
        ("https://s.example/done?a=b?c", "https://s.example/done?a=b?c&payment_id=P"),
        ("https://s.example/?u=%2F%3Fx%3D1", "https://s.example/?u=%2F%3Fx%3D1&payment_id=P"),
    ],
)
def test_the_payment_joins_the_query_before_the_fragment(url: str, joined: str) -> None:
    assert with_payment_id(url, "P") == joined


@given(
    st.from_regex(
        r"https://shop\.example(/[a-z0-9%&=;.~-]*)?(\?[a-z0-9&=.~/?-]*)?(#[a-z0-9&=?/-]*)?", fullmatch=True
    )
)
def test_whatever_is_joined_is_read_back_once_and_nothing_else_changes(url: str) -> None:
    if return_url_fault(url, HOSTS) is not None:
        return
    joined = urlsplit(with_payment_id(url, "pay_1"))
    before = urlsplit(url)
    assert (joined.netloc, joined.path, joined.fragment) == (before.netloc, before.path, before.fragment)
    pairs = parse_qsl(joined.query, keep_blank_values=True)
    assert [pair for pair in pairs if pair[0] == "payment_id"] == [("payment_id", "pay_1")]
    assert return_url_fault(with_payment_id(url, "pay_1"), HOSTS) in {"payment_id_is_ours", "malformed"}


@pytest.mark.parametrize("text", ["shop.example", "shop.example:8443", "localhost:3000", "10.0.0.7", "a"])
def test_a_key_may_list_a_host(text: str) -> None:
    assert is_return_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "Shop.example", "https://shop.example", "shop.example/", "shop.example:", "shop.example:0",
        "shop.example:65536", "*.example", "[::1]:80", "shop .example", "shop.example\n", "a" * 254, "@a",
        ".a",
    ],
)  # fmt: skip
def test_a_key_lists_nothing_but_hosts(text: str) -> None:
    assert not is_return_host(text)
