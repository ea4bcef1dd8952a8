"""The payer's page: what it shows, whom it lets through, and where it sends a browser."""

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from sandbox.callers.payer.browser import Browser
from sandbox.callers.payer.payer import PayerDecision
from sandbox.providers.bkash.wallets import WalletKind, magic_wallet
from tests.sandbox.caller import Json
from tests.sandbox.providers.bkash.caller import WALLET, BkashCaller

CONFIRM = ("do", "confirm")


class Seen(HTMLParser):
    """The tags of a page, and the attributes of each."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.tags if found == tag]


async def test_a_page_is_in_bangla_has_labels_and_buttons_and_needs_no_script(
    bkash: BkashCaller,
) -> None:
    creation_time = await bkash.create(amount="1234.50", merchantInvoiceNumber="INV-P")
    async with bkash.session.get(creation_time["bkashURL"]) as answer:
        page = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "HttpOnly" in answer.headers["set-cookie"]
    seen = Seen(page)
    assert seen.named("html") == [{"lang": "bn"}]
    assert seen.named("label")[0]["for"] == seen.named("input")[0]["id"]
    assert [button["value"] for button in seen.named("button")] == ["confirm", "cancel"]
    assert seen.named("script") == []
    assert not any(name.startswith("on") for _, attributes in seen.tags for name in attributes)
    for text in ("INV-P", "১,২৩৪.৫০ টাকা", "আপনার বিকাশ নম্বর"):
        assert text in page


async def test_what_a_merchant_wrote_is_escaped(bkash: BkashCaller) -> None:
    creation_time = await bkash.create(merchantInvoiceNumber="""a"b'c""")
    async with bkash.session.get(creation_time["bkashURL"]) as answer:
        assert "a&#34;b&#39;c" in await answer.text()


async def test_wallet_code_and_pin_are_asked_one_after_the_other(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    async with Browser() as browser:
        shown = await browser.open(creation_time["bkashURL"])
        asked = []
        for values in ({"wallet": WALLET}, {"otp": "123456"}, {"pin": "12121"}):
            assert shown.form is not None
            asked.append(list(shown.form.fields))
            shown = await browser.submit(shown, values, CONFIRM)
    assert asked == [["wallet"], ["otp"], ["pin"]]
    assert shown.sent_to is not None
    query = parse_qs(urlsplit(shown.sent_to).query)
    assert shown.sent_to.startswith("https://merchant.example/return?order=7&")
    assert (query["paymentID"], query["status"], query["apiVersion"]) == (
        [creation_time["paymentID"]],
        ["success"],
        ["1.2.0-beta"],
    )
    assert query["signature"][0]


async def refused_step(bkash: BkashCaller, creation_time: Json, *steps: dict[str, str]) -> str:
    """The page after these steps, the last of which it does not take."""
    async with Browser() as browser:
        shown = await browser.open(creation_time["bkashURL"])
        for values in steps:
            shown = await browser.submit(shown, values, CONFIRM)
        assert shown.sent_to is None
        assert (await bkash.status(creation_time["paymentID"]))["verificationStatus"] == "Incomplete"
        return shown.text


@pytest.mark.parametrize("wallet", ["01711", "01999999999", "০১৭১১", "", "<script>", "88017000000030"])
async def test_a_number_that_is_no_wallet_is_asked_for_again_and_what_was_typed_stays(
    bkash: BkashCaller, wallet: str
) -> None:
    page = await refused_step(bkash, await bkash.create(), {"wallet": wallet})
    assert "নম্বরটি সঠিক নয়" in page
    (field,) = [field for field in Seen(page).named("input") if field.get("type") == "text"]
    assert (field["value"], field["aria-invalid"], field["aria-describedby"]) == (
        wallet,
        "true",
        "hint error",
    )
    assert "<script>" not in page


async def test_what_is_typed_in_bangla_digits_or_as_people_write_it_is_taken(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    async with Browser() as browser:
        shown = await browser.open(creation_time["bkashURL"])
        for values in ({"wallet": "+৮৮০ ১৭০০-০০০০০৩"}, {"otp": " ১২৩ ৪৫৬ "}, {"pin": "১২১২১"}):
            shown = await browser.submit(shown, values, CONFIRM)
    assert shown.sent_to is not None
    assert "status=success" in shown.sent_to


async def test_a_pin_is_never_shown_again_and_the_tries_that_are_left_are_counted(bkash: BkashCaller) -> None:
    steps = ({"wallet": WALLET}, {"otp": "123456"}, {"pin": "99999"})
    page = await refused_step(bkash, await bkash.create(), *steps)
    assert "আর ২ বার চেষ্টা করা যাবে" in page
    assert "99999" not in page


async def test_a_wrong_code_or_pin_is_asked_for_again_and_the_right_one_is_taken(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    page = await refused_step(bkash, creation_time, {"wallet": WALLET}, {"otp": "000000"})
    assert "যাচাইকরণ কোডটি ভুল" in page
    page = await refused_step(bkash, creation_time, {"wallet": WALLET}, {"otp": "123456"}, {"pin": "1"})
    assert "পিনটি ভুল" in page
    assert (await bkash.visit(creation_time)).status == "success"


async def test_a_third_wrong_pin_ends_the_payment_even_from_new_browsers(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    steps = ({"wallet": WALLET}, {"otp": "123456"}, {"pin": "1"})
    for _ in range(2):
        await refused_step(bkash, creation_time, *steps)
    visit = await bkash.visit(creation_time, does=PayerDecision.WRONG_PIN)
    assert visit.status == "failure"
    assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "2015"
    status = await bkash.status(creation_time["paymentID"])
    assert (status["transactionStatus"], status["verificationStatus"]) == ("Declined", "Incomplete")
    assert (await bkash.visit(creation_time)).status == "failure"


async def test_a_third_wrong_code_ends_the_payment_with_2017(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    for _ in range(2):
        await refused_step(bkash, creation_time, {"wallet": WALLET}, {"otp": "000000"})
    async with Browser() as browser:
        shown = await browser.submit(
            await browser.open(creation_time["bkashURL"]), {"wallet": WALLET}, CONFIRM
        )
        shown = await browser.submit(shown, {"otp": "000000"}, CONFIRM)
    assert shown.sent_to is not None
    assert parse_qs(urlsplit(shown.sent_to).query)["status"] == ["failure"]
    assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "2017"


async def test_the_page_of_an_approved_payment_sends_the_browser_back_again(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    visits = [await bkash.visit(creation_time) for _ in range(2)]
    await bkash.execute(creation_time["paymentID"])
    visits.append(await bkash.visit(creation_time))
    assert [visit.status for visit in visits] == ["success"] * 3
    # Nothing can be taken from the signature, not even that it is the same.
    assert len({visit.sent_to for visit in visits}) == 3


async def test_cancel_after_approval_changes_nothing(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    await bkash.visit(creation_time)
    assert (await bkash.visit(creation_time, does=PayerDecision.CANCEL)).status == "success"
    assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "0000"


async def test_a_wrong_hash_or_payment_shows_no_form(bkash: BkashCaller) -> None:
    url = (await bkash.create())["bkashURL"]
    wrong = (url.replace("hash=", "hash=x"), url.replace("paymentId=TR", "paymentId=TX"), url.split("?")[0])
    for address in (*wrong, f"{bkash.origin}/checkout?hash=%E0%A6%95"):
        async with bkash.session.get(address) as answer:
            assert answer.status == 404
            assert "<form" not in await answer.text()


async def test_fields_that_a_page_does_not_know_do_not_disturb_it(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    more = "&url=x&self=y&kind=z&%E0%A6%95=%3Cb%3E&status=success"
    visit = await bkash.visit(creation_time | {"bkashURL": creation_time["bkashURL"] + more})
    assert visit.sent_to is not None
    assert parse_qs(urlsplit(visit.sent_to).query)["status"] == ["success"]
    assert "%3Cb%3E" not in visit.sent_to


async def test_a_form_without_its_cookie_or_of_another_payment_begins_anew(bkash: BkashCaller) -> None:
    creation_time, other = await bkash.create(), await bkash.create()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        form = {"pin": "12121", "do": "confirm"}
        async with session.post(creation_time["bkashURL"], data=form, allow_redirects=False) as answer:
            assert answer.status == 303
            assert urlsplit(answer.headers["location"]).query == urlsplit(creation_time["bkashURL"]).query
    async with Browser() as browser:
        shown = await browser.open(creation_time["bkashURL"])
        await browser.submit(shown, {"wallet": WALLET}, CONFIRM)
        shown = await browser.open(other["bkashURL"])
        assert shown.form is not None
        assert list(shown.form.fields) == ["wallet"]
    for payment in (creation_time, other):
        assert (await bkash.status(payment["paymentID"]))["verificationStatus"] == "Incomplete"


async def test_cookies_of_other_pages_on_the_host_do_not_disturb_it(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        async with session.get(creation_time["bkashURL"]) as answer:
            own = answer.headers["set-cookie"].split(";")[0]
        headers = {"Cookie": f"a/b=1; nothing; {own}; x=y=z"}
        form = {"wallet": WALLET, "do": "confirm"}
        async with session.post(creation_time["bkashURL"], data=form, headers=headers) as answer:
            assert 'name="otp"' in await answer.text()


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=%ff", b"&".join(b"f%d=1" % n for n in range(60))])
async def test_a_form_that_cannot_be_read_is_400(bkash: BkashCaller, body: bytes) -> None:
    url = (await bkash.create())["bkashURL"]
    async with bkash.session.post(url, data=body) as answer:
        assert answer.status == 400
    async with bkash.session.put(url, data=body) as answer:
        assert answer.status == 403


async def test_a_magic_wallet_knows_no_right_pin(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    assert (await bkash.visit(creation_time, magic_wallet(WalletKind.WRONG_PIN))).status == "failure"
    assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "2014"


async def test_a_magic_wallet_cancels(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    assert (await bkash.visit(creation_time, magic_wallet(WalletKind.CANCELS))).status == "cancel"
    assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "2069"


async def test_a_magic_wallet_is_said_to_have_succeeded_and_has_approved_nothing(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    assert (await bkash.visit(creation_time, magic_wallet(WalletKind.SAYS_SUCCESS))).status == "success"
    assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "2060"
    assert (await bkash.status(creation_time["paymentID"]))["transactionStatus"] == "Initiated"


async def test_a_magic_wallet_approves_and_never_returns_until_it_opens_the_page_again(
    bkash: BkashCaller,
) -> None:
    creation_time, wallet = await bkash.create(), magic_wallet(WalletKind.LEAVES)
    visit = await bkash.visit(creation_time, wallet)
    assert (visit.sent_to, "পেমেন্ট অনুমোদিত হয়েছে" in visit.page) == (None, True)
    assert (await bkash.status(creation_time["paymentID"]))["verificationStatus"] == "Complete"
    assert (await bkash.visit(creation_time, wallet)).status == "success"


async def test_an_approval_by_admin_call_does_what_the_page_does(bkash: BkashCaller) -> None:
    payment_id = (await bkash.create())["paymentID"]
    told = await bkash.admin("POST", "approve", {"paymentID": payment_id, "wallet": WALLET})
    assert (told["status"], told["is_verified"]) == ("Initiated", True)
    assert (await bkash.execute(payment_id))["customerMsisdn"] == WALLET
    for body, status in (
        ({"paymentID": "TR0011x"}, 404),
        ({"paymentID": payment_id}, 409),
        ({"paymentID": payment_id, "wallet": "1"}, 400),
        ({}, 400),
    ):
        async with bkash.session.post(f"{bkash.origin}/_admin/approve", json=body) as answer:
            assert answer.status == status
