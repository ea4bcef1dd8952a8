"""Attacks on the checkout that no other file tries: tampered sums, scripts, redirects (T32, T58, T65)."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from ekpay_switch.domain.payment import State
from ekpay_switch.web.pages import TEMPLATES, Pages
from ekpay_switch.web.static_files import FOLDER, static_files, static_path
from tests.scenarios.checkout import an_order_text
from tests.web.checkout.checkout_setup import HOME, ORIGIN, Browser, Counter, Seen

WEB = Path(TEMPLATES).parent
RUNS = re.compile(
    r"<script|<iframe|<object|<embed|\son[a-z]+\s*=|\bhx-|javascript:|\sstyle\s*=|srcdoc", re.IGNORECASE
)
OUR_SCRIPT = """<script src="{{ static('checkout.js') }}" defer></script>"""
SCRIPT_BYTES_MAX = 15 * 1024
PERSON = {
    "cust_id": "PERSON-1042",
    "cust_name": "Rahela Khatun",
    "cust_mobo_no": "+8801712345678",
    "cust_email": "rahela@shop.example",
    "cust_mail_addr": "12 Mirpur Road",
}
ENDS = [State.COMPLETED, State.DECLINED, State.EXPIRED, State.REFUNDED]


# ---- T32: the sum between our page and the provider


@pytest.mark.parametrize("told", ["1", "0", "101574", "101576", "9999999999999"])
async def test_a_total_that_was_tampered_with_begins_nothing(told: str) -> None:
    counter = Counter()
    browser = Browser(counter)
    page = await browser.get()
    right = page.html.fields()["total-bkash"]
    fields = {**page.html.fields(), "instrument": "bkash", "total-bkash": told}
    assert told != right
    assert (await browser.post(f"{HOME}/try", fields)).status == 409
    assert (counter.shopper.tries(), counter.shopper.far["bkash"].orders) == ([], [])


async def test_what_a_form_says_beside_its_fields_changes_no_sum() -> None:
    counter = Counter()
    browser = Browser(counter)
    page = await browser.get()
    right = page.html.fields()["total-bkash"]
    more = {
        "amount": "1", "trnx_amt": "0.01", "charge": "0", "currency": "USD", "status": "completed",
        "fee": "0", "total": "1", "merchant": "evil", "s_uri": "https://evil.example/", "total-nagad": "1",
    }  # fmt: skip
    await browser.post(f"{HOME}/try?amount=1", {**page.html.fields(), "instrument": "bkash", **more})
    (order,) = counter.shopper.far["bkash"].orders
    assert str(order.amount.minor) == right
    assert order.return_url.startswith(f"{ORIGIN}/pay/return/")


# ---- T58: there is no script but one file of ours, and nothing in a page can start another


def test_nothing_that_runs_is_written_in_any_template() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html")}
    found = {path.name: RUNS.findall(text.replace(OUR_SCRIPT, "")) for path, text in texts.items()}
    assert len(found) > 8
    assert {name: runs for name, runs in found.items() if runs} == {}


def test_no_script_is_served_but_one_small_file() -> None:
    scripts = [one for one in static_files().values() if "script" in one.media_type]
    assert [one.path for one in scripts] == [static_path("checkout.js")]
    assert len(scripts[0].body) <= SCRIPT_BYTES_MAX
    assert {path.suffix for path in FOLDER.iterdir()} <= {".css", ".js", ".woff2", ".txt", ".md"}
    assert [path.name for path in WEB.rglob("*") if path.suffix in {".js", ".mjs", ".svg", ".wasm"}] == [
        "checkout.js"
    ]


def test_our_script_makes_no_markup_and_no_request() -> None:
    source = static_files()["checkout.js"].body.decode()
    assert (
        re.findall(
            r"innerHTML|outerHTML|insertAdjacent|eval|Function\(|fetch|XMLHttp|import|location", source
        )
        == []
    )


@pytest.mark.parametrize("url", [ORIGIN, "http://127.0.0.1:8180"])
def test_no_policy_allows_a_connection_or_a_script(url: str) -> None:
    policy = dict(part.split(" ", 1) for part in Pages(url).headers["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert set(policy) == {"style-src", "font-src", "img-src", "form-action", "base-uri", "frame-ancestors"}
    assert set(policy.values()) == {"'self'", "'none'"}


# ---- T57, T65: what a page and the way back tell


def places(seen: Seen) -> set[str]:
    """Every address that a page leads to outside of ours, by link, redirect or header."""
    onward = {seen.headers.get("refresh", "").partition("url=")[2], seen.place}
    return {place for place in {*seen.html.links(), *onward} if place.startswith("http")}


@pytest.mark.parametrize("state", ENDS)
async def test_the_way_back_adds_the_merchants_own_name_and_nothing_else(state: State) -> None:
    """The way back has no state to sign: it proves nothing, and says what its merchant said."""
    counter = Counter()
    browser = Browser(counter)
    await browser.choose("bkash")
    uri = "https://shop.example/back?order=1001"
    counter.shopper.payments.text = an_order_text(s_uri=uri, f_uri=uri, c_uri=uri)
    counter.shopper.payments.put = {"state": state, "is_told": True}
    (back,) = places(await browser.get()) - {"https://shop.example/"}
    assert back == f"{uri}&transId=ORDER-0001"
    assert dict(parse_qsl(urlsplit(back).query)) == {"order": "1001", "transId": "ORDER-0001"}


async def test_nobody_who_has_the_address_of_a_page_learns_who_ordered() -> None:
    counter = Counter()
    browser = Browser(counter)
    order = {**PERSON, "ord_id": "1001", "trnx_amt": "1000.00"}
    order["ord_det"] = f"Two saris for {PERSON['cust_mobo_no']}, {PERSON['cust_email']}"
    counter.shopper.payments.text = an_order_text(order=order)
    seen = [await browser.get()]
    await browser.choose("bkash")
    seen += [await browser.get(HOME + below) for below in ("", "/go", "/cancel")]
    for state in State:
        counter.shopper.payments.put = {"state": state, "is_told": True}
        seen.append(await browser.get())
    for one in seen:
        whole = one.body.decode() + str(one.headers)
        assert [value for value in PERSON.values() if value in whole] == []
        assert one.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "shop.example", "pay.example:8443", ""])
async def test_no_address_of_ours_is_made_from_the_host_that_a_caller_names(host: str) -> None:
    counter = Counter()
    headers = {"Host": host, "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    seen = await counter.request("GET", HOME, headers=headers)
    assert seen.status == 200
    assert "evil" not in seen.body.decode() + str(seen.headers)
    fields = {**seen.html.fields(), "instrument": "bkash"}
    chosen = await Browser(counter).post(f"{HOME}/try", fields, headers)
    assert chosen.place == f"{HOME}/go"
    (order,) = counter.shopper.far["bkash"].orders
    assert order.return_url.startswith(f"{ORIGIN}/")
    assert order.notify_url.startswith(f"{ORIGIN}/")
