"""What a browser is told and never told: headers, texts of others, addresses (T54 to T59, T65)."""

import re
from dataclasses import replace

import pytest

from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.payment import State
from ekpay_switch.web.static_files import static_path
from tests.scenarios.checkout import an_order_text
from tests.web.checkout.checkout_setup import HOME, ORIGIN, Browser, Counter, Seen

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</bdi></dd><a href='https://evil.example'>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "{merchant} {amount} %s",
    "<svg onload=alert(1)>",
    "hx-get=https://evil.example",
]
CONTROLS = "\u202egnp.exe\u202c \u2066x\u2069 \u200f\u0000"
SCRIPT = static_path("checkout.js")
EVERY_ANSWER = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; font-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
}


def is_hardened(seen: Seen) -> bool:
    """Every header stands, and a script is allowed, by its whole address, only where the page loads it."""
    own = f"; script-src {ORIGIN}{SCRIPT}" if SCRIPT.encode() in seen.body else ""
    policy = EVERY_ANSWER["content-security-policy"] + own
    expected = {**EVERY_ANSWER, "content-security-policy": policy}
    return all(seen.headers.get(name) == value for name, value in expected.items())


def is_inert(seen: Seen) -> bool:
    """No script but our own file, no handler, no style, no frame, and no address but ours and the shop's."""
    assert seen.body.decode().count("<script") == len(seen.html.all("script", src=SCRIPT))
    for tag, attributes in seen.html.tags:
        assert tag not in {"iframe", "object", "embed", "style", "base", "use", "foreignobject", "animate"}, (
            tag
        )
        assert tag != "img" or attributes["src"].startswith(f"{HOME}/qr.svg")
        assert not any(name.startswith(("on", "style", "hx-")) for name in attributes), attributes
        for name in ("href", "action", "src"):
            place = attributes.get(name, "")
            ours = ("/", "#", "https://shop.example/", "https://bkash.example/", "https://nagad.example/")
            if place.startswith(("sms:?body=", "mailto:?body=")):
                # One text, whatever it says: nothing in it begins a second field or an address.
                assert re.fullmatch(r"[a-z]+:\?body=[A-Za-z0-9%./_~-]*", place), place
                continue
            assert not place or (place.startswith(ours) and not place.startswith("//")), place
    return True


async def answers(counter: Counter) -> list[Seen]:
    """One of each kind: pages, redirects, refusals."""
    browser = Browser(counter)
    first = await browser.get()
    seen = [first, await browser.get("/pay/checkout/nothing"), await counter.request("PUT", HOME)]
    seen.append(await browser.post(f"{HOME}/try", {}))
    seen.append(await browser.choose("nobody", first))
    seen.append(await browser.choose("nagad", first))
    seen += [await browser.get(HOME + below) for below in ("", "/go", "/cancel", "/try")]
    counter.shopper.payments.fails_with = OSError()
    seen.append(await browser.get())
    return seen


async def test_every_answer_is_hardened_errors_and_redirects_too() -> None:
    found = await answers(Counter())
    assert {one.status for one in found} == {200, 303, 403, 404, 405, 422, 503}
    assert [one.status for one in found if not is_hardened(one)] == []


async def test_over_http_nobody_is_told_to_use_https_alone() -> None:
    counter = Counter(public_url="http://127.0.0.1:8180")
    seen = await Browser(counter).get(f"{HOME}?lang=en")
    assert "strict-transport-security" not in seen.headers
    assert seen.cookies[0].startswith("ekpay-language=en.CCCCCCCC;")
    assert "Secure" not in seen.cookies[0]


# ---- languages


async def test_the_language_is_kept_in_a_cookie_of_this_host_alone() -> None:
    browser = Browser(Counter())
    seen = await browser.get(f"{HOME}?lang=en")
    (cookie,) = seen.cookies
    assert (
        cookie
        == "__Host-ekpay-language=en.CCCCCCCC; HttpOnly; Max-Age=31536000; Path=/; SameSite=lax; Secure"
    )
    assert (await browser.get()).headers["content-language"] == "en"
    await browser.get(f"{HOME}?lang=bn")
    assert (await browser.get()).headers["content-language"] == "bn"


async def test_what_the_browser_asks_for_is_answered_and_kept_in_no_cookie() -> None:
    seen = await Counter().request("GET", HOME, headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert (seen.headers["content-language"], seen.cookies) == ("en", [])


@pytest.mark.parametrize("told", ["EN", "fr", "bn-BD", "../en", "%3Cscript%3E", "en%0d%0aSet-Cookie:x=1", ""])
async def test_a_language_that_is_none_of_ours_is_passed_over(told: str) -> None:
    browser = Browser(Counter(), cookies={"__Host-ekpay-language": "<b>"})
    seen = await browser.get(f"{HOME}?lang={told}")
    assert (seen.headers["content-language"], seen.cookies) == ("bn", [])
    assert is_inert(seen)


async def test_without_cookies_every_address_keeps_the_language() -> None:
    counter = Counter()
    seen = await counter.request("GET", f"{HOME}?lang=en")
    (form,) = seen.html.all("form")
    assert form["action"] == f"{HOME}/try?lang=en"
    ours = [link for link in seen.html.links() if link.startswith(HOME) and "hreflang" not in link]
    assert all("lang=" in link for link in ours)
    browser = Browser(counter)
    chosen = await browser.post(form["action"], {**seen.html.fields(), "instrument": "bkash"})
    assert chosen.place == f"{HOME}/go?lang=en"


# ---- T54, T55, T59


@pytest.mark.parametrize("attack", [*ATTACKS, CONTROLS, "x" * 5_000])
async def test_texts_of_others_are_texts_on_every_page(attack: str) -> None:
    counter = Counter()
    shopper, browser = counter.shopper, Browser(counter)
    order = {"ord_id": attack, "ord_det": attack}
    shopper.payments.text = an_order_text(order=order, trnx_id=attack)
    shopper.payments.merchant = replace(shopper.merchant, name_en=attack, name_bn=attack)
    far = shopper.far["nagad"]
    far.profile = replace(far.profile, name_en=attack, name_bn=attack)
    seen = [await browser.get()]
    await browser.choose("nagad")
    seen += [await browser.get(HOME + below) for below in ("", "/go", "/cancel")]
    for put in ({"state": State.COMPLETED}, {"state": State.EXPIRED}, {"state": State.IN_REVIEW}):
        shopper.payments.put = {**put, "is_told": True}
        seen.append(await browser.get())
    for one in seen:
        assert one.status == 200
        assert is_inert(one)
        assert not set("\u202e\u202c\u2066\u2069\u200f\x00") & set(one.body.decode())


async def test_what_a_provider_says_is_never_shown() -> None:
    counter = Counter()
    counter.shopper.refuses("bkash", Declined("<script>alert(1)</script>", "<b>"))
    seen = await Browser(counter).follow(await Browser(counter).choose("bkash"))
    assert "alert(1)" not in seen.body.decode()
    assert is_inert(seen)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_stands_in_an_address_is_never_echoed(attack: str) -> None:
    counter = Counter()
    quoted = "".join(f"%{byte:02x}" for byte in attack.encode())
    for path in (f"{HOME}?x={quoted}", f"{HOME}?other={quoted}&stay={quoted}", f"/pay/checkout/{quoted}"):
        seen = await counter.request(
            "GET", path, headers={"Referer": attack, "User-Agent": attack, "Host": attack}
        )
        assert is_inert(seen)
        assert attack not in seen.body.decode()


async def test_names_are_kept_apart_from_the_words_around_them() -> None:
    seen = await Browser(Counter()).get(f"{HOME}?lang=en")
    assert "<bdi>ekShop</bdi>" in seen.body.decode()
    assert "<bdi>Two saris and a clay pot</bdi>" in seen.body.decode()


# ---- T65


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)", "data:text/html,x", "//evil.example", "/local", "https://shop.example/a b",
        "https://shop.example/\r\nSet-Cookie: x=1", "https://shop.example\\@evil.example", "https://shop.example/\t",
        'https://shop.example/"onclick=x', "ftp://shop.example/", "", "https://দোকান.example/",
    ],
)  # fmt: skip
async def test_an_address_that_should_never_have_been_taken_is_not_led_to(uri: str) -> None:
    counter = Counter()
    counter.shopper.payments.text = an_order_text(s_uri=uri, f_uri=uri, c_uri=uri)
    browser = Browser(counter)
    for state in (State.COMPLETED, State.DECLINED, State.EXPIRED):
        counter.shopper.payments.put = {"state": state, "is_told": True}
        seen = await browser.get()
        assert seen.status == 200
        assert "refresh" not in seen.headers
        assert is_inert(seen)
        assert not any("evil" in link for link in seen.html.links())


async def test_the_name_of_the_merchants_order_cannot_break_out_of_its_address() -> None:
    counter = Counter()
    counter.shopper.payments.text = an_order_text(trnx_id="A&status=paid#x y\r\nLocation: z")
    counter.shopper.payments.put = {"state": State.COMPLETED, "is_told": True}
    seen = await Browser(counter).get()
    expected = "https://shop.example/done?order=1001&transId=A%26status%3Dpaid%23x%20y%0D%0ALocation%3A%20z"
    assert seen.headers["refresh"] == f"6; url={expected}"


async def test_no_secret_of_the_payment_is_on_a_page() -> None:
    counter = Counter()
    browser = Browser(counter)
    await browser.pay()
    counter.shopper.payments.put = {"is_told": True}
    page = (await browser.get()).body.decode()
    for one in counter.shopper.tries():
        assert one.new.reference not in page
    assert "hash" not in page
    assert "ipn" not in page
