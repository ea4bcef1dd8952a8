"""`/`: every bill is within reach, by a word, a tile or a category."""

import pytest

from ekpay_switch.web.portal.routes import category_names
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import PortalStand, real_profiles


def billers(links: list[str]) -> set[str]:
    return {link.partition("?")[0].removeprefix("/bills/") for link in links if link.startswith("/bills/")}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_active_biller_is_offered_under_its_category(language: str) -> None:
    stand = PortalStand(language, suspended=["titas_metered"])
    seen = await stand.browser.get("/")
    assert (seen.status, len(seen.html.all("h1"))) == (200, 1)
    assert stand.says(seen, "home.title")
    assert billers(seen.html.links()) == {one.id for one in real_profiles()} - {"titas_metered"}
    assert len(seen.html.all("details")) == len({one.category for one in real_profiles()})


def test_every_category_of_a_manifest_has_a_name() -> None:
    assert {one.category for one in real_profiles()} <= category_names().keys()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_search_shows_what_it_found_and_keeps_what_was_typed(language: str) -> None:
    stand = PortalStand(language)
    seen = await stand.browser.get("/?q=titas")
    assert billers(seen.html.links()) == {"titas_metered", "titas_nonmetered"}
    assert stand.says(seen, "home.found", count=stand.t.number(2))
    (field,) = seen.html.all("input", id="q")
    assert (field["value"], field["type"]) == ("titas", "search")
    assert seen.html.all("label", **{"for": "q"})


@pytest.mark.parametrize("language", LANGUAGES)
async def test_nothing_found_keeps_the_word_and_offers_the_categories(language: str) -> None:
    stand = PortalStand(language)
    seen = await stand.browser.get("/?q=%3Cb%3Etrain")
    assert stand.says(seen, "home.nothing_what")
    assert seen.html.all("input", id="q")[0]["value"] == "<b>train"
    assert b"<b>train" not in seen.body
    assert len(billers(seen.html.links())) == len(real_profiles())


async def test_the_other_language_keeps_the_search() -> None:
    stand = PortalStand("en")
    seen = await stand.browser.get("/?q=gas+%26+water")
    switch = next(one for one in seen.html.all("a") if one.get("rel") == "alternate")
    assert switch["href"] == "/?lang=bn&q=gas%20%26%20water"
    bangla = await stand.browser.get(switch["href"])
    assert bangla.html.all("input", id="q")[0]["value"] == "gas & water"


@pytest.mark.parametrize("is_rehearsal", [True, False])
async def test_a_rehearsal_says_that_no_money_moves(*, is_rehearsal: bool) -> None:
    stand = PortalStand(is_rehearsal=is_rehearsal)
    seen = await stand.browser.get("/")
    assert stand.says(seen, "home.rehearsal") == is_rehearsal
    assert "/programs?lang=en" in seen.html.links()


async def test_a_page_is_kept_by_nobody_and_loads_nothing_of_others() -> None:
    seen = await PortalStand().browser.get("/")
    assert seen.headers["cache-control"] == "no-store"
    assert "script-src" not in seen.headers["content-security-policy"]


async def test_looking_at_bills_gives_no_cart() -> None:
    stand = PortalStand()
    await stand.browser.get("/")
    assert "ekpay-cart" not in "".join(stand.browser.cookies)


async def test_too_many_visits_of_one_address_wait() -> None:
    stand = PortalStand(calls=2)
    for _ in range(2):
        assert (await stand.browser.get("/")).status == 200
    seen = await stand.browser.get("/")
    assert (seen.status, seen.headers["retry-after"]) == (429, "10")
    assert stand.says(seen, "portal_notice.busy.title")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/bills/nobody", 404),
        ("GET", "/bills/a/b", 404),
        ("GET", "/bills/", 404),
        ("PUT", "/bills/desco_postpaid", 405),
        ("POST", "/bills/nobody", 404),
    ],
)
async def test_an_address_of_nothing_leads_home(method: str, path: str, status: int) -> None:
    stand = PortalStand()
    seen = await stand.counter.request(method, f"{path}?lang=en")
    assert seen.status == status
    assert "/?lang=en" in seen.html.links()
