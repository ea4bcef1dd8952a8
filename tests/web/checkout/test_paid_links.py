"""What a payer may do once it is paid: keep the receipt, send it, and pay another."""

from urllib.parse import unquote

import pytest

from tests.scenarios.checkout import PAYMENT_ID, an_order_text
from tests.web.checkout.checkout_setup import ORIGIN, Browser, Counter

RECEIPT = f"{ORIGIN}/receipt/{PAYMENT_ID.hex}"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("bn", f"ekPay: ১,০২০.৭৫ টাকা, প্রাপক: একশপ। রসিদ: {RECEIPT}"),
        ("en", f"ekPay: 1,020.75 taka to ekShop. Receipt: {RECEIPT}"),
    ],
)
async def test_the_receipt_can_be_sent_with_and_without_script(language: str, text: str) -> None:
    browser = Browser(Counter(), language)
    await browser.pay()
    page = (await browser.get()).html
    (sms,) = [link for link in page.links() if link.startswith("sms:")]
    assert unquote(sms.removeprefix("sms:?body=")) == text
    assert "&" not in sms
    assert " " not in sms
    (share,) = [one for one in page.all("a") if "data-share" in one]
    assert share["data-share"] == text
    assert unquote(share["href"]) == f"mailto:?body={text}"


async def test_another_payment_begins_at_the_payees_front_page() -> None:
    browser = Browser(Counter(), "en")
    await browser.pay()
    assert "Pay another" not in (await browser.get()).text
    browser.counter.shopper.payments.put = {"is_told": True}
    page = await browser.get()
    assert "Pay another: ekShop" in page.text
    assert "https://shop.example/" in page.html.links()


@pytest.mark.parametrize("uri", ["", "https://<shop>/done", 'https://"shop/done'])
async def test_where_the_payee_has_no_page_there_is_no_such_link(uri: str) -> None:
    browser = Browser(Counter(), "en")
    browser.counter.shopper.payments.text = an_order_text(s_uri=uri)
    await browser.pay()
    browser.counter.shopper.payments.put = {"is_told": True}
    assert "Pay another" not in (await browser.get()).text


async def test_without_receipts_there_is_nothing_to_send() -> None:
    browser = Browser(Counter(has_receipts=False), "en")
    await browser.pay()
    assert not [link for link in (await browser.get()).html.links() if link.startswith(("sms:", "mailto:"))]
