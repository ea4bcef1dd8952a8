"""`/_kit`: every component of our pages in every state, in rehearsals only.

What stands there is made up and moves nothing; `?lang=` and `?theme=light` or `dark` say how it is shown.
"""

from collections.abc import Mapping

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.brands import derived_brand
from ekpay_switch.edge_kit.bilingual_text import Text
from ekpay_switch.flows.merchants.offers import Offer, UnavailableReason
from ekpay_switch.web.checkout.tiles import Popularity, arrange_offers
from ekpay_switch.web.pages import Pages

PATH = "/_kit"
THEMES = frozenset({"light", "dark"})
STATES = (
    ("waiting", Text("পেমেন্টের পাতা খোলা হচ্ছে", "Opening the page to pay"), 0, False),
    ("unknown", Text("পেমেন্ট এখনও নিশ্চিত নয়", "Not confirmed yet"), 1, False),
    ("refused", Text("পেমেন্টটি প্রত্যাখ্যান করা হয়েছে", "The payment was declined"), 1, True),
    ("expired", Text("টাকা দেওয়ার সময় শেষ", "The time to pay is over"), 0, True),
    ("paid", Text("পেমেন্ট সফল হয়েছে", "The payment succeeded"), 3, False),
    ("returned", Text("টাকা ফেরত দেওয়া হয়েছে", "The money was given back"), 0, True),
    ("notice", Text("পাতাটি পাওয়া যায়নি", "There is no such page"), 0, True),
)
_PRICE = Money(295_000)
_FEES = Money(575)
_SAMPLES = (
    ("bkash", "wallet", 420, True), ("nagad", "wallet", 420, True), ("rocket", "wallet", 0, True),
    ("upay", "wallet", 420, True), ("city_bank", "card", 900, True), ("agrani", "account", 420, True),
    ("janata", "account", 420, True), ("rupali", "account", 420, False),
)  # fmt: skip


def mount(app: FastAPI, pages: Pages, *, is_rehearsal: bool) -> None:
    """Add the page in a rehearsal; where money is real there is nothing at its address."""
    if not is_rehearsal:
        return

    async def show(request: Request) -> Response:
        return pages.render(request, "kit/page.html", kit_values(request.query_params.get("theme", "")))

    app.add_route(PATH, show, methods=["GET"])


def kit_values(theme: str) -> Mapping[str, object]:
    """What the page shows; a theme that there is not leaves it to the browser."""
    offers = [_offer(*sample) for sample in _SAMPLES]
    return {
        "theme": theme if theme in THEMES else "",
        "here": PATH,
        "brand": derived_brand("ekshop", "ekShop"),
        "states": STATES,
        "choices": arrange_offers(offers, Popularity({}, {}, last_used="nagad")),
        "price": _PRICE,
        "total": _PRICE + _FEES + Money(420),
        "token": "12345678901234567890",
        "rows": (("2026-11-28", "pay_7f3a", Money(295_995)), ("2026-11-29", "pay_81cc", Money(12_345_678))),
    }


def _offer(instrument: str, kind: str, charge: int, is_open: bool) -> Offer:  # noqa: FBT001 - a row of samples
    return Offer(
        instrument=instrument,
        kind=kind,
        profile=None,
        charges=Charges(Money(charge), Money(500), Money(75)),
        total=_PRICE + Money(charge) + _FEES,
        why_not=None if is_open else UnavailableReason.UNAVAILABLE,
        until=None,
        is_shaky=False,
        amount_min=Money(100),
        amount_max=Money(3_000_000),
    )
