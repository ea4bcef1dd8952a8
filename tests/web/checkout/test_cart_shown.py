# ruff: noqa: RUF001 - Bangla digits, and the sign of a quantity
"""What the merchant sent of an order stands on its pages, folded at first, and on its receipt."""

import re
from dataclasses import replace

import pytest

from ekpay_switch.domain.merchants.cart import Cart, CartDelivery, CartLine
from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.receipts.receipt import receipt_of
from ekpay_switch.web.receipts.lines import signed_facts
from ekpay_switch.web.receipts.pages import SignedReceipt, pdf_content
from tests.fakes.receipts import a_merchants_payment, a_paid_order
from tests.web.checkout.checkout_setup import HOME, Browser, Counter
from tests.web.receipts.receipt_setup import KEYS, Stage

CART = Cart(
    (CartLine("নকশী কাঁথা <b>", "2", Money(90_000)), CartLine("Honey, call 01712345678", "0.5", Money(10_000))),
    Money(6_000),
    CartDelivery(Money(6_000), "ডাক বিভাগ", "২ থেকে ৪ দিন", "বাড়ি ১২, মিরপুর, ফোন 01812345678"),
)
SHARES = (
    Share("SELLER-1", PayeeKind.SELLER, Money(80_000)),
    Share("POST", PayeeKind.DELIVERY, Money(6_000)),
    Share("", None, Money(14_000)),
)


def a_browser(language: str = "bn", **changes: object) -> Browser:
    counter = Counter()
    payments = counter.shopper.payments
    assert payments.text is not None
    payments.text = replace(payments.text, cart=CART)
    payments.put = {"shares": SHARES, "payee_names": {"SELLER-1": "রূপা স্টোর"}, **changes}
    return Browser(counter, language)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "bn",
            (
                "কী কিনেছেন নকশী কাঁথা <b> × ২ ৯০০.০০ টাকা Honey, call *******5678 × ০.৫ ১০০.০০ টাকা ছাড় ৬০.০০ টাকা "
                "ডেলিভারি চার্জ ৬০.০০ টাকা পৌঁছে দেবে ডাক বিভাগ কবে পাবেন ২ থেকে ৪ দিন "
                "কোথায় পাঠানো হবে বাড়ি ১২, মিরপুর, ফোন *******5678 "
                "কে কত পাবেন রূপা স্টোর ৮০০.০০ টাকা POST ৬০.০০ টাকা একশপ ১৪০.০০ টাকা"
            ),
        ),
        (
            "en",
            (
                "What you buy নকশী কাঁথা <b> × 2 900.00 taka Honey, call *******5678 × 0.5 100.00 taka "
                "Discount 60.00 taka Delivery charge 60.00 taka Delivered by ডাক বিভাগ Expected ২ থেকে ৪ দিন "
                "Delivered to বাড়ি ১২, মিরপুর, ফোন *******5678 "
                "Who gets what রূপা স্টোর 800.00 taka POST 60.00 taka ekShop 140.00 taka"
            ),
        ),
    ],
)
async def test_the_order_opens_to_what_the_merchant_sent(language: str, words: str) -> None:
    seen = await a_browser(language).get(HOME)
    folded = re.search(
        r'<details class="ekpay-order">(.*?)</summary>(.*?)</details>', seen.body.decode(), re.DOTALL
    )
    assert words in seen.text
    assert folded is not None
    assert "নকশী" not in folded[1]
    assert "নকশী কাঁথা &lt;b&gt;" in folded[2]


async def test_the_paid_page_says_what_was_bought() -> None:
    browser = a_browser()
    await browser.pay()
    seen = await browser.get()
    assert "পেমেন্ট সফল হয়েছে" in seen.text
    assert "নকশী কাঁথা <b> × ২ ৯০০.০০ টাকা" in seen.text
    assert "রূপা স্টোর ৮০০.০০ টাকা" in seen.text


async def test_an_order_without_a_cart_and_a_split_says_nothing_of_them() -> None:
    browser = Browser(Counter(), "en")
    seen = await browser.get(HOME)
    for words in ("What you buy", "Who gets what", "Delivered"):
        assert words not in seen.text


async def test_page_and_pdf_of_a_receipt_say_the_cart_in_the_same_words_and_no_address() -> None:
    order = a_paid_order(cart=CART, shares=(("রূপা স্টোর", Money(80_000)), ("", Money(20_000))))
    stage = Stage(a_merchants_payment(order=order))
    page = await stage.page()
    for words in (
        "কী কিনেছেন · What was bought নকশী কাঁথা <b> × 2 ৯০০.০০ টাকা 900.00 taka",
        "Honey, call *******5678 × 0.5",
        "ছাড় Discount ৬০.০০ টাকা",
        "ডেলিভারি চার্জ Delivery charge ৬০.০০ টাকা",
        "পৌঁছে দেবে Delivered by ডাক বিভাগ",
        "কবে পাবেন Expected ২ থেকে ৪ দিন",
        "কে কত পাবেন · Who gets what রূপা স্টোর ৮০০.০০ টাকা",
        "ইকশপ ekShop ২০০.০০ টাকা",
    ):
        assert words in page.words, words
    assert "মিরপুর" not in page.words
    world = stage.small.world
    receipt = await receipt_of(stage.paid.payment_id, stage.receipts, world.billers, world.connectors)
    assert receipt is not None
    content = str(
        pdf_content(SignedReceipt(receipt, KEYS.sign(signed_facts(receipt)), stage.path, "https://x"))
    )
    for one in ("নকশী কাঁথা <b> × 2", "900.00 taka", "রূপা স্টোর", "Delivery charge", "২ থেকে ৪ দিন"):
        assert one in content
    assert "মিরপুর" not in content


async def test_a_receipt_with_a_cart_can_be_set_as_pdf() -> None:
    stage = Stage(a_merchants_payment(order=a_paid_order(cart=CART)))
    reply = await stage.get(f"{stage.path}.pdf")
    assert (reply.status, reply.body[:5]) == (200, b"%PDF-")
