"""What a browser remembers of its last choice, and the code that leads to the phone."""

import pytest

from ekpay_switch.web.qr_codes import qr_svg
from tests.web.checkout.checkout_setup import HOME, ORIGIN, Browser, Counter

# ---- the instrument that was used last


async def test_a_choice_that_opened_a_page_is_remembered_in_this_browser_alone() -> None:
    browser = Browser(Counter(), "en")
    chosen = await browser.choose("nagad")
    assert "__Host-ekpay-instrument=nagad; HttpOnly; Max-Age=31536000; Path=/; SameSite=lax; Secure" in (
        chosen.cookies
    )


@pytest.mark.parametrize("told", ["", "<b>", "../nagad", "nobody", "x" * 500])
async def test_a_remembered_name_that_is_no_instrument_changes_nothing(told: str) -> None:
    counter = Counter()
    plain = await Browser(counter, "en").get()
    seen = await Browser(counter, "en", {"__Host-ekpay-instrument": told}).get()
    assert seen.text == plain.text


async def test_the_one_used_last_is_marked_and_on_top_of_its_kind() -> None:
    seen = await Browser(Counter(), "en", {"__Host-ekpay-instrument": "nagad"}).get()
    assert "Used last time" in seen.text
    assert seen.html.all("input", type="radio")[0]["value"] == "nagad"


async def test_a_choice_that_was_refused_is_not_remembered() -> None:
    seen = await Browser(Counter(), "en").choose("nobody")
    assert not any("instrument" in cookie for cookie in seen.cookies)


# ---- the code that leads to the phone


async def test_the_code_leads_to_this_very_page_and_is_a_picture() -> None:
    seen = await Browser(Counter()).get(f"{HOME}/qr.svg")
    assert (seen.status, seen.headers["content-type"]) == (200, "image/svg+xml")
    assert seen.body.decode() == qr_svg(f"{ORIGIN}{HOME}")
    assert "script" not in seen.body.decode()
