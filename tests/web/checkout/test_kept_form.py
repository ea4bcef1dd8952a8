"""A changed language keeps the form: what was chosen and typed stays, and stands in no address."""

import pytest

from tests.web.checkout.checkout_setup import HOME, Browser, Counter, Seen


def a_browser() -> Browser:
    counter = Counter()
    for number in range(6):
        counter.shopper.adds(f"Bank {number}", "account")
    return Browser(counter)


async def switched(browser: Browser, page: Seen, fields: dict[str, str]) -> Seen:
    """Press the switch of the language, as a browser without script does."""
    (button,) = page.html.all("button", name="language", form="pay")
    sent = {**page.html.fields(), **fields, "language": ""}
    return await browser.post(button["formaction"], sent)


@pytest.mark.parametrize("instrument", ["nagad", "bank_5"])
async def test_the_chosen_instrument_and_the_typed_text_survive_the_switch(instrument: str) -> None:
    browser = a_browser()
    page = await browser.get()
    english = await switched(browser, page, {"instrument": instrument, "filter": 'bank "5" 01712345678'})
    assert (english.status, english.headers["content-language"]) == (200, "en")
    assert [one["value"] for one in english.html.all("input", type="radio", checked="")] == [instrument]
    assert [one["value"] for one in english.html.all("input", id="filter")] == ['bank "5" 01712345678']
    assert [one for one in english.html.all("details", **{"class": "ekpay-more"}) if "open" in one]
    assert "0171" not in "".join([*english.html.links(), *(str(one) for one in english.html.all("form"))])
    bangla = await switched(browser, english, {"instrument": instrument, "filter": ""})
    assert bangla.headers["content-language"] == "bn"
    assert [one["value"] for one in bangla.html.all("input", type="radio", checked="")] == [instrument]
    assert browser.counter.shopper.tries() == []


async def test_the_language_stays_for_the_pages_after_it() -> None:
    browser = a_browser()
    english = await switched(browser, await browser.get(), {})
    assert (await browser.get()).headers["content-language"] == "en"
    go = await browser.choose("nagad", english)
    assert "lang=en" in go.place


async def test_enter_presses_the_button_that_pays() -> None:
    """A browser presses the first button of a form, wherever in the page it stands."""
    page = await a_browser().get()
    first = next(one for one in page.html.all("button") if one.get("form") == "pay")
    assert "name" not in first
    assert "formaction" not in first


async def test_a_reload_of_the_answer_leads_to_the_payment() -> None:
    browser = a_browser()
    (button,) = (await browser.get()).html.all("button", name="language")
    assert (await browser.get(button["formaction"])).status == 303


async def test_the_switch_of_an_old_page_leads_to_how_it_stands() -> None:
    browser = a_browser()
    page = await browser.get()
    await browser.choose("nagad", page)
    seen = await switched(browser, page, {"instrument": "bkash"})
    assert (seen.status, seen.place) == (303, f"{HOME}?lang=en")


async def test_a_form_of_another_page_switches_nothing() -> None:
    browser = a_browser()
    seen = await browser.post(f"{HOME}/try?lang=en", {"language": "", "csrf": "forged"})
    assert seen.status == 403
