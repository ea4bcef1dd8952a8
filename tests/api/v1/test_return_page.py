"""The page that payers come back to: honest, harmless, and on to the client as soon as it may."""

import asyncio
import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from types import MappingProxyType

import pytest

from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.domain.payment import State
from ekpay_switch.edge_kit.bilingual_text import taka_text
from ekpay_switch.ports.collections import Client
from tests.api.api_setup import Reply
from tests.api.v1.v1_setup import SHOP_KEY, Shop, Till, an_order
from tests.fakes.billers import LOSES_ANSWER
from tests.scenarios.job_rounds import resolve_due

KNOWN = (State.CREATED, State.COMPLETED, State.DECLINED, State.EXPIRED, State.REFUNDING, State.REFUNDED)
UNKNOWN = (State.COLLECTING, State.FUNDED, State.DELIVERING, State.IN_REVIEW)
VOID = {"meta", "br", "link"}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in order, and what matters is kept."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.refresh: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


def read_page(reply: Reply, status: int = 200) -> Reader:
    """The page, once it is known to be safe for any browser."""
    assert reply.status == status
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    html = reply.body.decode()
    assert html.startswith("<!DOCTYPE html>\n")
    page = Reader(html)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    policy = reply.headers["content-security-policy"].split("; ")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert {"default-src 'none'", "frame-ancestors 'none'", f"style-src 'sha256-{digest}'"} <= set(policy)
    assert not page.all("script")
    assert not [
        name for _, attributes in page.seen for name in attributes if name.startswith("on") or name == "style"
    ]
    assert [one["lang"] for one in page.all("html")] == ["bn"]
    assert [one["lang"] for one in page.all("section")] == ["bn", "en"]
    assert len(page.all("title")) == 1
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert not [one for one in page.all("meta") if "http-equiv" in one]
    page.refresh = [reply.headers["refresh"]] if "refresh" in reply.headers else []
    return page


def refresh_of(page: Reader) -> list[str]:
    return page.refresh


@pytest.mark.parametrize("state", KNOWN)
async def test_a_payer_is_sent_on_as_soon_as_the_client_can_tell(
    till: Till, shop: Shop, state: State
) -> None:
    made = await shop.made()
    till.put_into(made, state)
    reply = await till.comes_back("")
    assert (reply.status, reply.body) == (303, b"")
    assert reply.headers["location"] == f"https://shop.example/done?order=7&payment_id={made['id']}"
    assert (reply.headers["referrer-policy"], reply.headers["cache-control"]) == ("no-referrer", "no-store")


@pytest.mark.parametrize("state", UNKNOWN)
async def test_while_nobody_knows_the_page_says_so_and_looks_again(
    till: Till, shop: Shop, state: State
) -> None:
    made = await shop.made()
    till.put_into(made, state)
    reference = till.page().order.reference
    page = read_page(await till.comes_back(""))
    assert refresh_of(page) == [f"5; url={reference}"]
    for said in (
        "মোট: ১,০৭১.৫০ টাকা",
        "Total: 1,071.50 taka",
        "এখনও নিশ্চিত নয়",
        "We do not know yet",
        "দয়া করে আবার টাকা দেবেন না।",
        "Do not pay again.",
        "updates by itself",
        "নিজে থেকে হালনাগাদ হয়",
        made["id"],
        "Shop & <b>Sons</b>",
    ):
        assert said in page.text
    assert [one["href"] for one in page.all("a")] == [
        f"https://shop.example/done?order=7&payment_id={made['id']}"
    ] * 2


def test_every_state_is_either_known_or_not() -> None:
    assert set(KNOWN) | set(UNKNOWN) == set(State)


async def test_a_payer_whose_bill_is_paid_is_sent_on_at_once(till: Till, shop: Shop) -> None:
    await shop.made()
    till.page().is_agreed = True
    assert (await till.comes_back()).status == 303


async def test_a_payer_whose_bill_is_in_doubt_is_told_that_the_money_is_here(till: Till, shop: Shop) -> None:
    await shop.made()
    till.page().is_agreed = True
    till.small.biller.deeds.append(LOSES_ANSWER)
    page = read_page(await till.comes_back())
    assert "Your money has reached us." in page.text
    till.small.clock.pass_by(90)
    await resolve_due(till.small.world, 45.0)
    assert (await till.comes_back("")).status == 303


async def test_a_payer_who_has_cancelled_is_sent_on_at_once(till: Till, shop: Shop) -> None:
    await shop.made()
    page = till.page()
    page.is_gone = True
    reply = await till.comes_back(f"paymentID={page.order.provider_reference}&status=cancel")
    assert reply.status == 303


@pytest.mark.parametrize(
    "query", ["status=success", "paymentID=P1&status=success", "paymentID=&status=success"]
)
async def test_what_the_browser_claims_pays_nothing(till: Till, shop: Shop, query: str) -> None:
    made = await shop.made()
    page = read_page(await till.comes_back(query))
    assert "We do not know yet whether your money has reached us." in page.text
    assert (await shop.look_up(made["id"]))["status"] == "pending"
    assert till.wallet.taken() == 0


@pytest.mark.parametrize(
    "query",
    [
        "<script>alert(1)</script>",
        "a=%3Cscript%3E",
        "%00%ff%fe",
        "&&&===;;;",
        "url=https://evil.example",
        "return_url=https://evil.example&payment_id=pay_1",
        "x" * 60_000,
        "{}",
    ],
)
async def test_a_tampered_query_changes_nothing_and_shows_nowhere(till: Till, shop: Shop, query: str) -> None:
    made = await shop.made()
    reply = await till.comes_back(query)
    read_page(reply)
    assert b"evil" not in reply.body
    assert b"<script" not in reply.body
    assert (await shop.look_up(made["id"]))["status"] == "pending"


async def test_looking_again_keeps_nothing_and_asks_nobody(till: Till, shop: Shop) -> None:
    await shop.made()
    await till.comes_back()
    kept, asked = len(till.small.tables.callbacks), till.wallet.asked.total()
    for _ in range(20):
        till.small.clock.pass_by(0.2)
        await till.comes_back("")
    assert (len(till.small.tables.callbacks), till.wallet.asked.total()) == (kept, asked) == (1, asked)


async def test_a_query_that_is_too_long_is_not_kept(till: Till, shop: Shop) -> None:
    await shop.made()
    await till.comes_back("status=" + "x" * 4_096)
    assert till.small.tables.callbacks == {}


async def posted(till: Till, form: str) -> Reply:
    sent = [("content-type", "application/x-www-form-urlencoded")]
    return await till.request("POST", f"/pay/return/{till.page().order.reference}", form.encode(), sent)


async def test_a_form_that_the_browser_posts_counts_as_much_as_a_query(till: Till, shop: Shop) -> None:
    made = await shop.made()
    till.page().is_agreed = True
    form = f"paymentID={till.page().order.provider_reference}&status=success"
    reply = await posted(till, form)
    assert (reply.status, reply.headers["location"]) == (
        303,
        f"https://shop.example/done?order=7&payment_id={made['id']}",
    )
    ((callback, _),) = till.small.tables.callbacks.values()
    assert callback.body == form.encode()
    assert callback.headers == {"content-type": "application/x-www-form-urlencoded"}


async def test_a_form_that_is_too_long_is_not_kept_and_pays_nothing(till: Till, shop: Shop) -> None:
    made = await shop.made()
    read_page(await posted(till, "status=" + "x" * 16 * 1024))
    assert till.small.tables.callbacks == {}
    assert (await shop.look_up(made["id"]))["status"] == "pending"


@pytest.mark.parametrize(
    "reference",
    [
        "A" * 26,
        "a" * 26,
        "A" * 19,
        "A" * 33,
        "9" * 500,
        "..",
        "%2e%2e",
        "' OR 1=1",
        "<script>",
        "\u09e6" * 26,
    ],
)
async def test_a_page_of_no_payment_says_so_in_two_languages(till: Till, reference: str) -> None:
    page = read_page(await till.request("GET", f"/pay/return/{reference}", query="status=success"), 404)
    assert "There is no payment at this address" in page.text
    assert "পাতাটি পাওয়া যায়নি" in page.text
    assert refresh_of(page) == []
    assert till.small.tables.callbacks == {}


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "'onmouseover='x",
        "\u202eevil",
        "&lt;b&gt;",
        "{{7*7}}",
        "",
    ],
)
async def test_a_clients_name_is_text_and_nothing_else(till: Till, shop: Shop, name: str) -> None:
    till.small.tables.client_names = MappingProxyType({"bank1": name})
    await shop.made()
    page = read_page(await till.comes_back(""))
    assert page.text.count(name) >= 2
    assert not page.all("img")
    assert len(page.all("bdi")) == 2


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://shop.example", "https://shop.example?payment_id={}"),
        ("https://shop.example/?a=1&b=%22%3E", "https://shop.example/?a=1&b=%22%3E&payment_id={}"),
        ("https://shop.example/#/done", "https://shop.example/?payment_id={}#/done"),
        ("https://shop.example/'onclick='x", "https://shop.example/'onclick='x?payment_id={}"),
        ("http://localhost:3000/done?", "http://localhost:3000/done?payment_id={}"),
    ],
)
async def test_the_way_on_is_the_clients_own_address(till: Till, shop: Shop, url: str, place: str) -> None:
    made = await shop.made(an_order(return_url=url))
    page = read_page(await till.comes_back(""))
    assert {one["href"] for one in page.all("a")} == {place.format(made["id"])}
    till.put_into(made, State.COMPLETED)
    assert (await till.comes_back("")).headers["location"] == place.format(made["id"])


async def test_a_wallet_that_does_not_answer_holds_no_payer_up() -> None:
    till = Till(look_seconds=0.02)
    await till.shop().made()
    till.wallet.inquiry_gate = asyncio.Event()
    till.small.clock.pass_by(200)
    page = read_page(await till.comes_back(""))
    assert "We do not know yet" in page.text
    assert len(till.v1.tasks.running) == 1
    till.wallet.inquiry_gate.set()
    await till.v1.tasks.drain(5)


async def test_a_wallet_that_knows_nothing_leaves_the_payer_with_the_page(till: Till, shop: Shop) -> None:
    await shop.made()
    till.wallet.inquiries.append(NoAnswer("timeout", was_asked=True))
    till.small.clock.pass_by(200)
    read_page(await till.comes_back(""))


async def test_a_database_that_is_away_shows_a_page_that_tries_again(till: Till, shop: Shop) -> None:
    await shop.made()
    reference = till.page().order.reference
    till.small.steps.crash_at = "before lease_try"
    page = read_page(await till.comes_back(""), 503)
    assert "Do not pay again." in page.text
    assert refresh_of(page) == [f"5; url={reference}"]
    read_page(await till.comes_back(""))


async def test_a_page_that_is_called_too_often_waits_and_the_others_do_not() -> None:
    till = Till(calls=2)
    shop = till.shop()
    await shop.made()
    await shop.made(till.another_bill("000000000001"))
    statuses = [(await till.comes_back("", number=0)).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    page = read_page(await till.comes_back("", number=0), 429)
    assert "Do not pay again." in page.text
    assert (await till.comes_back("", number=1)).status == 200


async def test_a_client_whose_key_lost_the_host_still_gets_its_payer_back(till: Till, shop: Shop) -> None:
    made = await shop.made()
    till.small.clients.known[SHOP_KEY] = Client("bank1", "Shop", 0, frozenset())
    till.put_into(made, State.COMPLETED)
    assert (await till.comes_back("")).status == 303


@pytest.mark.parametrize(
    ("minor", "written"),
    [
        (1, "0.01"),
        (100, "1.00"),
        (99_999, "999.99"),
        (100_000, "1,000.00"),
        (12_345_678, "1,23,456.78"),
        (10**12, "10,00,00,00,000.00"),
    ],
)
def test_amounts_are_written_in_lakhs_and_in_the_digits_of_each_language(minor: int, written: str) -> None:
    bangla = "".join(chr(0x9E6 + int(sign)) if sign.isdigit() else sign for sign in written)
    text = taka_text(minor)
    assert (text.english, text.bangla) == (f"{written} taka", f"{bangla} টাকা")


def registered(till: Till, *, is_registered: bool = True) -> str:
    """The address that every payer of the wallet comes back to."""
    till.wallet.profile = replace(till.wallet.profile, registers_return=is_registered)
    return "/pay/return/at/bkash"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_from_the_registered_address_a_browser_is_sent_to_its_own_page(
    till: Till, shop: Shop, method: str
) -> None:
    await shop.made()
    told, order = "paymentID=P1&status=success", till.page().order
    form, query = (told.encode(), "") if method == "POST" else (b"", told)
    reply = await till.request(method, registered(till), form, query=query)
    assert (reply.status, reply.headers["location"]) == (303, f"/pay/return/{order.reference}")
    assert reply.headers["referrer-policy"] == "no-referrer"
    ((callback, _),) = till.small.tables.callbacks.values()
    assert callback.body == told.encode()


@pytest.mark.parametrize("query", ["paymentID=P9&status=success", "status=success", "", "paymentID=%00"])
async def test_the_registered_address_knows_no_strangers(till: Till, shop: Shop, query: str) -> None:
    await shop.made()
    read_page(await till.request("GET", registered(till), query=query), 404)
    assert till.small.tables.callbacks == {}


async def test_a_connector_that_registers_no_address_has_none(till: Till, shop: Shop) -> None:
    await shop.made()
    address = registered(till, is_registered=False)
    read_page(await till.request("GET", address, query="paymentID=P1&status=success"), 404)
    read_page(await till.request("GET", "/pay/return/at/nobody", query="paymentID=P1"), 404)


async def test_where_the_registered_address_cannot_look_it_says_so_and_repeats_nothing() -> None:
    till = Till(calls=1)
    await till.shop().made()
    till.small.steps.crash_at = "before keep_callback"
    page = read_page(await till.request("GET", registered(till), query="paymentID=P1&status=success"), 503)
    assert ("Do not pay again." in page.text, refresh_of(page)) == (True, [])
    page = read_page(await till.request("GET", registered(till), query="paymentID=P1&status=success"), 429)
    assert refresh_of(page) == []
