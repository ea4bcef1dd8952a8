"""merchant-api: where payers and IPNs may go (T65, and T60, T62, T64 of an IPN at the time of the order)."""

from dataclasses import replace

import pytest

from tests.api.merchant.merchant_api_setup import NO_URL, Stall, refusal, refused
from tests.scenarios.merchant_orders import an_order

TRICKS = [
    "",
    "shop.example/done",
    "/done",
    "//evil.example/",
    "https:/shop.example",
    "https:///shop.example",
    "https://shop.example\\@evil.example",
    "https://shop.example@evil.example",
    "https://user:word@shop.example/",
    "https://shop.example.evil.example/",
    "https://evil.example/?https://shop.example/",
    "https://evil.example#@shop.example",
    "https://shop.example\t.evil.example/",
    "https://shop.example/\r\nSet-Cookie:x",
    " https://shop.example/",
    "https://shop\uff0eexample/",
    "https://sh\u043ep.example/",
    "https://shop.example./",
    "https://shop.example:8443/",
    "http://shop.example/",
    "http://localhost/",
    "http://localhost:3001/",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "gopher://shop.example/",
    "ftp://shop.example/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://169.254.169.254/",
    "https://10.0.0.1/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://127.1/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://shop.example:22/",
    "https://shop.example/" + "x" * 1_980,
    "www.marchent.com/success/payment?trnsId =00254",
]


@pytest.mark.parametrize("member", ["s_uri", "f_uri", "c_uri"])
@pytest.mark.parametrize("uri", TRICKS)
async def test_payers_are_sent_to_listed_hosts_alone(stall: Stall, member: str, uri: str) -> None:
    assert await refused(stall, an_order({"feed_uri": {member: uri}})) == NO_URL


@pytest.mark.parametrize("uri", [*TRICKS[1:], "https://shop.example/ipn#top"])
@pytest.mark.parametrize("channel", ["1", "3"])
async def test_ipns_are_posted_to_listed_hosts_alone(stall: Stall, uri: str, channel: str) -> None:
    order = an_order({"ipn_info": {"ipn_uri": uri, "ipn_channel": channel}})
    assert await refused(stall, order) == NO_URL


@pytest.mark.parametrize(
    "uri",
    [
        "https://shop.example",
        "https://shop.example/done?c=1&payment_id=7",
        "https://shop.example:443/#/done",
        "http://localhost:3000/done",
    ],
)
async def test_an_address_at_a_listed_host_is_taken(stall: Stall, uri: str) -> None:
    await stall.taken(an_order({"feed_uri": {"s_uri": uri, "f_uri": uri, "c_uri": uri}}))
    text = stall.books.news[0].text
    assert (text.s_uri, text.f_uri, text.c_uri) == (uri, uri, uri)


PLAIN = "http://shop.example/ipn"


async def test_an_ipn_that_could_never_be_sent_is_refused_with_the_order(stall: Stall) -> None:
    """Taken with 1000 and dropped later, it would be a sale that the shop never hears of."""
    hosts = frozenset({"shop.example", "shop.example:80", "shop.example:9443", "localhost:3000"})
    stall.market.add(replace(stall.market.shop, return_hosts=hosts))
    for uri in (PLAIN, "http://shop.example:80/ipn", "https://shop.example:9443/ipn"):
        reply = await stall.order(an_order({"ipn_info": {"ipn_uri": uri}}))
        assert (reply.status, reply.body) == (400, refusal("1052", "must be a valid URL: ipn_info.ipn_uri"))
    assert stall.books.news == []


@pytest.mark.parametrize("uri", [PLAIN, "http://shop.example:80/ipn", "https://shop.example/ipn"])
async def test_two_persons_may_allow_a_merchant_ipns_over_plain_http(stall: Stall, uri: str) -> None:
    stall.market.add(replace(stall.market.shop, insecure_ipns=True))
    await stall.taken(an_order({"ipn_info": {"ipn_uri": uri}}))
    assert stall.books.news[0].text.ipn_uri == uri


@pytest.mark.parametrize(
    "uri", ["http://evil.example/ipn", "http://shop.example:8080/ipn", "http://shop.example@evil.example/ipn"]
)
async def test_plain_http_goes_to_listed_hosts_alone(stall: Stall, uri: str) -> None:
    stall.market.add(replace(stall.market.shop, insecure_ipns=True))
    assert await refused(stall, an_order({"ipn_info": {"ipn_uri": uri}})) == NO_URL


async def test_plain_http_is_for_ipns_and_not_for_payers(stall: Stall) -> None:
    stall.market.add(replace(stall.market.shop, insecure_ipns=True))
    assert await refused(stall, an_order({"feed_uri": {"s_uri": "http://shop.example/done"}})) == NO_URL
