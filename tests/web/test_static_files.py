"""Style and fonts: kept for ever under the names of their content, and nothing of anybody else's."""

import gzip
import hashlib
import re
from dataclasses import replace

import pytest

from ekpay_switch.domain.merchants.cart import Cart, CartDelivery, CartLine
from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.web.pages import TEMPLATES
from ekpay_switch.web.static_files import FOLDER, static_files, static_path
from tests.web.checkout.checkout_setup import HOME, Browser, Counter

STYLE = static_files()["checkout.css"].body.decode()
PORTAL_STYLE = static_files()["portal.css"].body.decode()
REFERENCE_STYLE = static_files()["reference.css"].body.decode()
# sha256 of the fonts as their package has them: ekpay_switch/web/static/ORIGIN.md.
FONTS = {
    "noto-sans-bengali-400.woff2": "adb805ae2eb639cc5d7276ee0e3798a8092fbfe02a6e5a0e19d82587680b528c",
    "noto-sans-bengali-700.woff2": "67ffaf548d85c2022569374b5401cd8d296a2434c2df4b57399c31f9118ce8c3",
}
FIRST_VIEW_MAX = 61_440
STATE_CLASSES = [
    *(f"ekpay-state--{name}" for name in ("waiting", "unknown", "refused", "expired", "paid")),
    *(f"ekpay-steps__step--{name}" for name in ("done", "current", "stopped")),
    *(f"receipt-verdict--{name}" for name in ("partly_refunded", "refunded", "unknown")),
]


@pytest.mark.parametrize("name", sorted(static_files()))
async def test_a_file_is_kept_for_ever_under_the_name_of_its_content(name: str) -> None:
    one = static_files()[name]
    seen = await Counter().request("GET", one.path)
    assert (seen.status, seen.body) == (200, one.body)
    assert hashlib.sha256(one.body).hexdigest()[:16] in one.path
    assert seen.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert seen.headers["content-type"] == one.media_type
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert seen.headers["strict-transport-security"]


async def test_a_style_comes_zipped_where_the_browser_takes_that() -> None:
    seen = await Counter().request(
        "GET", static_path("checkout.css"), headers={"Accept-Encoding": "br, gzip"}
    )
    assert seen.headers["content-encoding"] == "gzip"
    assert gzip.decompress(seen.body).decode() == STYLE
    assert seen.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/static/checkout.css", "/static/..%2fpages.py", "/static/x", "/static/"])
async def test_no_other_path_is_served(path: str) -> None:
    seen = await Counter().request("GET", path)
    assert seen.status == 404
    assert "immutable" not in seen.headers.get("cache-control", "")


def test_the_style_leads_to_fonts_of_ours_by_their_hashed_names() -> None:
    for style in (STYLE, PORTAL_STYLE, REFERENCE_STYLE):
        links = re.findall(r'url\("?([^")]+)"?\)', style)
        assert sorted(links) == sorted(static_path(name) for name in FONTS)
        assert style.count("local(") > style.count("url(")


def test_fonts_load_late_and_only_for_bangla_letters() -> None:
    faces = [face for face in re.findall(r"@font-face\{[^}]*\}", STYLE) if "Ekpay Wait" not in face]
    assert len(faces) == len(FONTS)
    for face in faces:
        assert "font-display:swap" in face
        assert "U+980-9FE" in face or "U+0980-09FE" in face
        assert face.index("local(") < face.index("url(")


@pytest.mark.parametrize("name", FONTS)
def test_a_font_is_the_one_whose_origin_is_recorded(name: str) -> None:
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
    assert digest == FONTS[name]
    assert digest in (FOLDER / "ORIGIN.md").read_text(encoding="utf-8")


def test_nothing_of_another_brand_is_in_the_style() -> None:
    for style in (STYLE, PORTAL_STYLE, REFERENCE_STYLE):
        assert not re.search(
            r"crown-|GDS Transport|govuk-logo|@import|https?:", style.replace("Crown Copyright", "")
        )


@pytest.mark.parametrize("name", ["checkout", "portal"])
def test_every_class_of_a_template_has_a_rule(name: str) -> None:
    """In the style that its pages load: the portal with the status page and the reference have one."""
    portal = {*TEMPLATES.glob("portal/**/*.html"), *TEMPLATES.glob("health/*.html")}
    others = set(TEMPLATES.rglob("*.html")) - portal - {TEMPLATES / "reference" / "document.html"}
    style, templates = (PORTAL_STYLE, portal) if name == "portal" else (STYLE, others)
    used: set[str] = set()
    for path in templates:
        source = re.sub(r"\{#.*?#\}|\{[%{].*?[%}]\}", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        used |= {name for names in re.findall(r'class="([^"]*)"', source) for name in names.split()}
    # Hooks of the components that need no rule of their own, and classes that a value completes.
    plain = {"govuk-summary-list__row", "govuk-error-summary__body", "ekpay-state--", "receipt-verdict--"}
    assert [name for name in sorted(used - plain) if f".{name}" not in style] == []


def test_every_class_of_the_reference_has_a_rule_in_the_style_that_its_pages_load() -> None:
    sources = [TEMPLATES / "layout.html", TEMPLATES / "reference" / "document.html"]
    named = re.findall(r'class="([^"{]*)"', "".join(path.read_text(encoding="utf-8") for path in sources))
    used = {name for names in named for name in names.split()}
    assert {"reference-table", "ekpay-header"} <= used
    assert [name for name in sorted(used) if f".{name}" not in REFERENCE_STYLE] == []


@pytest.mark.parametrize("name", STATE_CLASSES)
def test_a_class_that_a_template_puts_together_has_a_rule(name: str) -> None:
    assert f".{name}" in STYLE


def test_what_a_button_says_is_one_element() -> None:
    """A flex box drops the blank between a word and a name in its own element."""
    source = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html"))
    assert re.findall(r'<a class="govuk-button.*?>(.*?)</a>', source) == ["<span>{{ text }}</span>"]


@pytest.mark.parametrize("language", ["bn", "en"])
async def test_the_first_view_is_small(language: str) -> None:
    """HTML and style together, neither of them zipped, without the fonts."""
    seen = await Browser(Counter(), language).get(HOME)
    assert len(seen.body) + len(STYLE.encode()) < FIRST_VIEW_MAX


async def test_the_first_view_of_every_instrument_and_a_full_cart_is_small() -> None:
    """As many instruments as config/connectors brings, 22, five goods and four shares, with the script."""
    counter = Counter()
    for number in range(17):
        counter.shopper.adds(f"Bank of a longer name {number}", "account")
    goods = tuple(CartLine(f"নকশী কাঁথা নম্বর {number}", "2", Money(19_000)) for number in range(5))
    payments = counter.shopper.payments
    cart = Cart(
        goods, delivery=CartDelivery(Money(5_000), "পদ্মা কুরিয়ার", "২ থেকে ৩ দিনের মধ্যে", "মিরপুর রোড, ঢাকা")
    )
    assert payments.text is not None
    payments.text = replace(payments.text, cart=cart)
    shares = tuple(Share(f"seller-{number}", PayeeKind.SELLER, Money(25_000)) for number in range(4))
    payments.put = {"shares": shares}
    seen = await Browser(counter, "bn").get(HOME)
    assert seen.text.count("নকশী কাঁথা নম্বর") == len(goods)
    assert len(seen.html.all("input", type="radio")) == 22
    script = static_files()["checkout.js"].body
    assert len(seen.body) + len(STYLE.encode()) + len(script) < FIRST_VIEW_MAX
