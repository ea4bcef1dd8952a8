"""The address that merchants make and payers' browsers open (ekpay-merchant-api.md 1.3)."""

from dataclasses import replace

import pytest

from tests.api.merchant.merchant_api_setup import TOKENS, Stall
from tests.fakes.world import NOON
from tests.scenarios.merchant_orders import a_payment, an_order


async def address_of(stall: Stall, content: object = None) -> str:
    """The query as every client makes it: the token pasted as it is."""
    token = (await stall.taken(content))["secure_token"]
    return f"sToken={token}&trnsID={stall.books.news[-1].text.trnx_id}"


async def test_a_good_token_leads_to_the_payers_page(stall: Stall) -> None:
    query = await address_of(stall)
    reply = await stall.visit(query)
    page = f"https://pay.example/pay/checkout/{stall.books.news[0].checkout_reference}"
    assert (reply.status, reply.headers["location"], reply.body) == (303, page, b"")
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cache-control"] == "no-store"


async def test_it_works_more_than_once_until_the_token_ends(stall: Stall) -> None:
    query = await address_of(stall)
    stall.market.small.clock.pass_by(29_999)
    assert [(await stall.visit(query)).status for _ in range(3)] == [303, 303, 303]
    stall.market.small.clock.pass_by(1)
    reply = await stall.visit(query)
    assert reply.status == 410
    assert "The time for this payment is over" in reply.body.decode()


async def test_the_order_of_the_query_and_further_parameters_do_not_matter(stall: Stall) -> None:
    token, name = (await address_of(stall)).split("&")
    assert (await stall.visit(f"{name}&utm=x&{token}")).status == 303
    assert (await stall.visit(f"{token}&{name}", method="HEAD")).status == 303


@pytest.mark.parametrize(
    "query",
    [
        "",
        "sToken=&trnsID=1709272800",
        "trnsID=1709272800",
        "sToken=a.b.c",
        "sToken=a.b.c&trnsID=",
        "sToken=&trnsID=",
        "stoken=a.b.c&trnsid=1709272800",
        "sToken=a.b.c&sToken=a.b.c&trnsID=1",
        "sToken=a.b.c&trnsID=1&trnsID=2",
    ],
)
async def test_an_address_without_a_token_is_a_clear_page(stall: Stall, query: str) -> None:
    reply = await stall.visit(query)
    assert (reply.status, reply.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "This address is incomplete" in reply.body.decode()
    assert "এই ঠিকানাটি অসম্পূর্ণ" in reply.body.decode()


@pytest.mark.parametrize(
    "token",
    ["a.b.c", "null", "<script>alert(1)</script>", "%00", "%ff%fe", "%ed%a0%80", "x" * 5_000, "..", "1234"],
)
async def test_a_bad_token_is_a_clear_page_that_repeats_nothing(stall: Stall, token: str) -> None:
    await stall.taken()
    reply = await stall.visit(f"sToken={token}&trnsID=1709272800")
    assert reply.status == 404
    assert "There is no payment at this address" in reply.body.decode()
    assert b"<script" not in reply.body
    assert "default-src 'none'" in reply.headers["content-security-policy"]


async def test_a_token_opens_its_own_payment_alone(stall: Stall) -> None:
    first = await address_of(stall)
    second = await address_of(stall, an_order({"trns_info": {"trnx_id": "another"}}))
    token = first.split("&")[0]
    assert (await stall.visit(f"{token}&trnsID=another")).status == 404
    assert (await stall.visit(f"{token}&trnsID=unknown")).status == 404
    assert (await stall.visit(second)).status == 303


async def test_a_token_of_another_merchant_opens_nothing(stall: Stall) -> None:
    query = await address_of(stall)
    other = stall.market.stands(a_payment(7, partner_id="other", mer_reg_id="other_test"))
    token = TOKENS.derive(other.payment_id, "other_test", other.token_expires_at)
    assert (
        (await stall.visit(f"sToken={token}&trnsID=1709272800"))
        .headers["location"]
        .endswith(other.checkout_reference)
    )
    stranger = TOKENS.derive(other.payment_id, "nobody_test", NOON)
    assert (await stall.visit(f"sToken={stranger}&trnsID=1709272800")).status == 404
    assert (await stall.visit(query)).status == 303


async def test_the_page_of_a_merchant_that_was_shut_off_is_gone(stall: Stall) -> None:
    query = await address_of(stall)
    stall.market.add(replace(stall.market.shop, is_active=False))
    assert (await stall.visit(query)).status == 404


async def test_too_many_visits_are_a_page(stall: Stall) -> None:
    stall = Stall(calls=1)
    query = await address_of(stall)
    assert [(await stall.visit(query)).status for _ in range(2)] == [303, 429]


@pytest.mark.parametrize("trouble", [OSError("away"), ZeroDivisionError("a bug")])
async def test_trouble_of_ours_is_a_page_too(stall: Stall, trouble: Exception) -> None:
    query = await address_of(stall)
    stall.books.trouble = trouble
    reply = await stall.visit(query)
    assert (reply.status, reply.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "do not pay again" in reply.body.decode()
