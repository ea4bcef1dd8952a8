"""The shop from its pages: ordering, paying again, what it sends, what it keeps over a restart."""

import re
from html import escape

import pytest

from sandbox.callers.ekshop.pricing import Purchase
from sandbox.callers.ekshop.shop import order_description
from sandbox.callers.ekshop.wire import ShopCustomer
from sandbox.callers.ekshop.wording import Wording
from sandbox.kit.institution.amounts import paisa
from sandbox.kit.payer_pages.language import Language, Text, money
from tests.sandbox.callers.ekshop.conftest import FORM, Customer, Opening
from tests.sandbox.callers.ekshop.stub_merchant_api import TOKEN, StubMerchantApi


async def test_an_order_is_sent_as_the_description_says(customer: Customer, switch: StubMerchantApi) -> None:
    status, location = await customer.send("/orders", FORM | {"agent": "udc-fulbari"})
    (trnx_id, sent), *_ = switch.orders.items()
    assert (status, location) == (302, f"{switch.base_url}?sToken={TOKEN}&trnsID={trnx_id}")
    assert list(sent) == [
        "mer_info", "req_timestamp", "feed_uri", "cust_info", "trns_info", "ipn_info", "mac_addr", "lang",
        "settlement_split", "checkout_cart",
    ]  # fmt: skip
    assert sent["mer_info"] == {"mer_reg_id": "ekshop_test", "mer_pas_key": "a-pass-key"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT\+6", sent["req_timestamp"])
    assert sent["feed_uri"] == {
        f"{place}_uri": f"{customer.origin}/back/{place}?shop=ekshop" for place in ("s", "f", "c")
    }
    assert sent["trns_info"]["ord_det"] == "১ x নকশী কাঁথা, ২ x মিষ্টি দই"
    parts = [paisa(share["amount"]) for share in sent["settlement_split"]]
    assert sum(part or 0 for part in parts) == paisa(sent["trns_info"]["trnx_amt"])
    assert [share["payee"] for share in sent["settlement_split"]] == [
        "nakshi-jamalpur", "doi-bogura", "gram-dak", "udc-fulbari", "",
    ]  # fmt: skip
    assert sent["ipn_info"]["ipn_channel"] == "3"
    assert sent["ipn_info"]["ipn_uri"].startswith(f"{customer.origin}/ipn/")


async def test_the_switch_is_told_the_cart_and_the_delivery_in_the_customers_language(
    customer: Customer, switch: StubMerchantApi
) -> None:
    await customer.get("/?lang=en")
    await customer.send("/orders", FORM | {"address": "Sandbox\tRoad 1\u200b", "district": "khulna"})
    (sent,) = switch.orders.values()
    assert sent["lang"] == "en"
    cart = sent["checkout_cart"]
    assert [(line["name"], line["quantity"], line["amount"]) for line in cart["lines"]] == [
        ("Embroidered quilt", "1", "2450.75"),
        ("Sweet curd", "2", "480.70"),
    ]
    delivery = cart["delivery"]
    assert (delivery["carrier"], delivery["expected"]) == ("Padma Courier", "within 2 to 3 days")
    assert delivery["address"] == "Sandbox Road 1, Khulna"
    parts = [paisa(line["amount"]) or 0 for line in cart["lines"]] + [paisa(delivery["charge"]) or 0]
    assert sum(parts) == paisa(sent["trns_info"]["trnx_amt"])


async def test_an_agents_order_goes_to_the_centre_in_bangla_where_no_language_is_chosen(
    customer: Customer, switch: StubMerchantApi
) -> None:
    await customer.send("/orders", FORM | {"agent": "udc-fulbari"})
    (sent,) = switch.orders.values()
    assert sent["lang"] == "bn"
    assert sent["checkout_cart"]["lines"][0]["name"] == "নকশী কাঁথা"
    assert sent["checkout_cart"]["delivery"]["carrier"] == "গ্রাম ডাক"
    assert "Sandbox" not in sent["checkout_cart"]["delivery"]["address"]


async def test_the_cart_lives_in_the_browser(customer: Customer) -> None:
    assert (await customer.get("/checkout"))[0] == 303
    assert await customer.send("/cart", {"q-doi": "2", "do": "add"}) == (303, "/cart")
    await customer.send("/cart", {"q-doi": "1", "do": "add"})
    await customer.send("/cart", {"q-tea": "9", "do": "add"})
    await customer.send("/cart", {"q-tea": "9", "do": "add"})
    _, page = await customer.get("/checkout?lang=en")
    assert re.findall(r'name="q-(\w+)" value="(\d)"', page) == [("doi", "3"), ("tea", "9")]
    await customer.send("/cart", {"q-doi": "0", "q-tea": "1", "do": "change"})
    _, page = await customer.get("/checkout")
    assert re.findall(r'name="q-(\w+)" value="(\d)"', page) == [("tea", "1")]
    assert 'lang="en"' in page
    assert (await customer.send("/orders", FORM))[0] == 302
    assert "nothing in the cart" in (await customer.get("/cart"))[1]


@pytest.mark.parametrize("page", ["/", "/sheet", "/cart", "/checkout"])
@pytest.mark.parametrize("language", ["bn", "en"])
async def test_every_page_is_there_in_both_languages(customer: Customer, page: str, language: str) -> None:
    await customer.send("/cart", {"q-doi": "1", "do": "add"})
    status, text = await customer.get(f"{page}?lang={language}")
    assert status == 200
    assert f'<html lang="{language}">' in text
    assert text.count("<h1") == 1
    labels, ids = re.findall(r'<label for="([^"]+)"', text), re.findall(r' id="([^"]+)"', text)
    assert set(labels) <= set(ids)
    assert len(ids) == len(set(ids))
    assert "<script" not in text


async def test_an_order_page_tells_what_is_known_and_nobodys_address(customer: Customer) -> None:
    trnx_id = await customer.order()
    (order,) = customer.shop.book.orders()
    status, page = await customer.get(f"/orders/{order.id}?lang=en")
    assert status == 200
    assert "Waiting for the payment" in page
    assert trnx_id in page
    assert all(text not in page for text in ("Anwara", "01700000000", "Sandbox Road", TOKEN))
    assert (await customer.get("/orders/nothing"))[0] == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"q-kantha": "0", "q-doi": "0"}, {"q-kantha": "many"}, {"q-moon": "1"}, {"mobile": "0170000000"},
        {"name": ""}, {"address": ""}, {"district": "atlantis"}, {"agent": "nobody"}, {"name": "x" * 201},
        {f"f{nth}": "" for nth in range(90)}, {"name": "x" * 20_001},
    ],
)  # fmt: skip
async def test_an_order_that_cannot_be_read_is_told_so(
    customer: Customer, switch: StubMerchantApi, changes: dict[str, str]
) -> None:
    assert (await customer.send("/orders", FORM | changes))[0] == 400
    assert (list(customer.shop.book.orders()), switch.asked) == ([], 0)


@pytest.mark.parametrize(
    ("field", "typed", "bangla", "english"),
    [
        ("name", "", "আপনার নাম লিখুন", "Give your name"),
        ("mobile", "০১৭১২", "মোবাইল নম্বরটি সঠিক নয়", "This is no mobile number"),
        ("email", "a@b", "ই-মেইল ঠিকানাটি সঠিক নয়", "This is no e-mail address"),
        ("address", "", "পণ্য কোথায় পাঠাব", "Say where the goods are to go"),
        ("q-doi", "99", "শূন্য থেকে ৯", "Give a number from 0 to 9"),
    ],
)
async def test_a_wrong_field_says_so_itself_and_everything_typed_stays(
    customer: Customer, field: str, typed: str, bangla: str, english: str
) -> None:
    sent = FORM | {
        "name": "রহিমা <b>",
        "district": "khulna",
        "agent": "udc-noapara",
        "sheet": "1",
        field: typed,
    }
    for language, head, text in (
        ("bn", "অর্ডারটি নেওয়া যায়নি; চিহ্নিত ঘরগুলো ঠিক করুন", bangla),
        ("en", "The order could not be taken; correct the marked fields", english),
    ):
        await customer.get(f"/?lang={language}")
        async with customer.session.post(f"{customer.origin}/orders", data=sent) as answer:
            status, page = answer.status, await answer.text()
        assert (status, head in page, f'id="{field}-error">{text}' in page) == (400, True, True)
        assert f'href="#{field}"' in page
        assert page.count('aria-invalid="true"') == 1
        kept = {name: value for name, value in sent.items() if name not in {"sheet", "district", "agent"}}
        for name, value in kept.items():
            assert re.search(f'name="{name}"[^>]* value="{re.escape(escape(value))}"', page), name
        assert [f'value="{sent[name]}" selected' in page for name in ("district", "agent")] == [True, True]


async def test_the_price_is_shown_with_the_delivery_before_anything_is_ordered(
    customer: Customer, switch: StubMerchantApi
) -> None:
    sent = FORM | {"name": "", "do": "price", "district": "khulna"}
    async with customer.session.post(f"{customer.origin}/orders", data=sent) as answer:
        status, page = answer.status, await answer.text()
    order = customer.shop.place(Purchase({"kantha": 1, "doi": 2}, "khulna"), ShopCustomer("A", "", "", ""))
    assert (status, money(order.total_paisa, Language.BANGLA) in page) == (200, True)
    assert money(order.carriage_paisa, Language.BANGLA) in page
    assert ("aria-invalid" in page, switch.asked) == (False, 0)
    async with customer.session.post(f"{customer.origin}/orders", data=sent | {"q-doi": "x"}) as answer:
        assert 'id="goods-error"' not in await answer.text()


async def test_numbers_are_taken_in_bangla_digits_and_sent_in_ascii(
    customer: Customer, switch: StubMerchantApi
) -> None:
    assert await customer.send("/cart", {"q-doi": "২", "do": "add"}) == (303, "/cart")
    sent = FORM | {"q-doi": "৩", "mobile": "+৮৮০১৭১২-৩৪৫৬৭৮", "name": "রহিমা খাতুন"}
    assert (await customer.send("/orders", sent))[0] == 302
    (told,) = switch.orders.values()
    assert told["cust_info"]["cust_mobo_no"] == "01712345678"
    assert told["cust_info"]["cust_name"] == "রহিমা খাতুন"
    assert told["trns_info"]["ord_det"] == "১ x নকশী কাঁথা, ৩ x মিষ্টি দই"


async def test_the_shop_speaks_the_language_of_the_browser_until_another_is_chosen(
    customer: Customer,
) -> None:
    async def language(chosen: str = "") -> str:
        headers = {"Accept-Language": "en-GB,bn;q=0.5"}
        async with customer.session.get(f"{customer.origin}/{chosen}", headers=headers) as answer:
            return str((re.findall('<html lang="(..)"', await answer.text()) or [""])[0])

    assert [await language(), await language("?lang=bn"), await language()] == ["en", "bn", "bn"]


async def test_without_a_token_nobody_is_sent_anywhere(customer: Customer, switch: StubMerchantApi) -> None:
    switch.refusal = (400, {"responseCode": "1030", "responseMessage": "Not a BD mobile number"})
    status, location = await customer.send("/orders", FORM)
    assert (status, location.startswith("/orders/")) == (303, True)
    (order,) = customer.shop.book.orders()
    assert (order.standing, order.attempts[0].why) == ("refused", "1030 Not a BD mobile number")
    switch.refusal = (200, {"secure_token": None, "msg_code": "1001", "msg_det": "Failure"})
    await customer.send(f"/orders/{order.id}/pay")
    assert order.attempts[1].why == "1001 Failure"
    switch.refusal = None
    assert (await customer.send(f"/orders/{order.id}/pay"))[0] == 302
    assert [one.standing for one in order.attempts] == ["refused", "refused", "waiting"]
    assert len({one.trnx_id for one in order.attempts}) == 3


@pytest.mark.parametrize("refusal", [(500, {"msg": "oops"}), (200, None), (502, {})])
async def test_an_answer_that_was_not_heard_is_asked_for_again_under_the_same_id(
    customer: Customer, switch: StubMerchantApi, refusal: tuple[int, dict[str, str] | None]
) -> None:
    if refusal[1] is None:
        switch.is_silent = True
    else:
        switch.refusal = (refusal[0], refusal[1])
    await customer.send("/orders", FORM)
    (order,) = customer.shop.book.orders()
    assert order.standing == "placed"
    switch.is_silent, switch.refusal = False, None
    first = order.attempts[0].trnx_id
    status, location = await customer.send(f"/orders/{order.id}/pay")
    assert (status, location.endswith(first), len(order.attempts)) == (302, True, 1)


async def test_a_page_that_is_open_is_used_again_and_a_paid_order_is_never_paid_twice(
    customer: Customer, switch: StubMerchantApi
) -> None:
    trnx_id = await customer.order()
    (order,) = customer.shop.book.orders()
    assert await customer.send(f"/orders/{order.id}/pay") == (302, order.attempts[0].url)
    assert switch.asked == 1
    await switch.notify(trnx_id, "1022")
    status, location = await customer.send(f"/orders/{order.id}/pay")
    assert (status, switch.asked, trnx_id in location) == (302, 2, False)
    await switch.notify(order.attempts[1].trnx_id, "1020")
    assert await customer.send(f"/orders/{order.id}/pay") == (303, f"/orders/{order.id}")
    assert (order.standing, switch.asked) == ("paid", 2)


async def test_the_button_asks_the_switch(customer: Customer, switch: StubMerchantApi) -> None:
    trnx_id = await customer.order()
    (order,) = customer.shop.book.orders()
    await customer.send(f"/orders/{order.id}/check")
    assert (order.standing, dict(order.attempts[0].checks)) == ("waiting", {"1023": 1})
    asked = switch.status_calls[0]
    assert (asked["trnx_id"], asked["username"]) == (trnx_id, "ekshop_test")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", asked["trans_date"])
    switch.codes[trnx_id] = "1020"
    switch.amounts[trnx_id] = "1.00"
    await customer.send(f"/orders/{order.id}/check")
    assert order.standing == "waiting"
    switch.amounts.clear()
    switch.status_text = "<html>"
    await customer.send(f"/orders/{order.id}/check")
    assert order.standing == "waiting"
    switch.status_text = None
    await customer.send(f"/orders/{order.id}/check")
    assert (order.standing, order.attempts[0].source) == ("paid", "status")


async def test_whoever_comes_back_proves_nothing(customer: Customer) -> None:
    trnx_id = await customer.order()
    (order,) = customer.shop.book.orders()
    for place in ("s", "f", "c"):
        assert await customer.get(f"/back/{place}?shop=ekshop&transId={trnx_id}") == (303, "")
    assert order.standing == "waiting"
    assert dict(order.attempts[0].returns) == {"s": 1, "f": 1, "c": 1}
    for path in (f"/back/x?transId={trnx_id}", "/back/s", "/back/s?transId=other"):
        assert (await customer.get(path))[0] == 404
    assert customer.shop.book.strays == 2


async def test_the_book_is_the_same_after_a_restart(opening: Opening, switch: StubMerchantApi) -> None:
    async with opening() as customer:
        paid, waiting = await customer.order(), await customer.order(agent="udc-noapara")
        await switch.notify(paid, "1020")
        await customer.get(f"/back/s?transId={paid}")
        before = [await customer.known(one) for one in (paid, waiting)]
        orders = [order.id for order in customer.shop.book.orders()]
    async with opening() as customer:
        assert [await customer.known(one) for one in (paid, waiting)] == before
        assert [order.id for order in customer.shop.book.orders()] == orders
        assert customer.shop.book.next_number() == "EK-000003"
        # The listener's address of before still counts.
        url = switch.orders[waiting]["ipn_info"]["ipn_uri"].rpartition("/")[2]
        await switch.notify(waiting, "1021", f"{customer.origin}/ipn/{url}")
        assert (await customer.known(waiting))["standing"] == "failed"


def test_long_orders_are_described_briefly_and_numbers_are_written_in_the_readers_digits() -> None:
    goods = dict.fromkeys(["doi", "tea", "wax", "jar"], 1)
    assert order_description(goods, Language.ENGLISH).endswith("1 x Beeswax and 1 more")
    assert order_description(goods, Language.BANGLA).endswith("১ x মৌচাকের মোম ও আরও ১টি")
    assert (Wording("bn").money(1_234_50), Wording("en").money(5)) == ("১,২৩৪.৫০ টাকা", "BDT 0.05")
    assert Wording("xx").of(Text("ক", "a")) == "ক"
