"""The pages of the sandbox's providers: no barrier that axe-core finds, and none wider than a phone."""

from playwright.sync_api import Browser

from sandbox.kit.payer_pages.language import Language
from tests.browser.accessibility import barriers, overflow_pixels
from tests.browser.conftest import PHONE_HEIGHT, PHONE_WIDTH
from tests.browser.provider_states import LOOKS, pages_of


def test_no_barrier_on_any_page_of_a_provider_in_either_language_light_or_dark(chromium: Browser) -> None:
    context = chromium.new_context(viewport={"width": PHONE_WIDTH, "height": PHONE_HEIGHT})
    page = context.new_page()
    found: list[str] = []
    for number, (branding, kind) in enumerate(LOOKS.values()):
        for language in Language:
            is_dark = number % 2 == (language is Language.BANGLA)
            page.emulate_media(color_scheme="dark" if is_dark else "light")
            for state in pages_of(branding, kind, language).values():
                page.set_content(state)
                if page.locator("summary").count():
                    page.locator("summary").click()
                place = f"{branding.name.english}, {language}, {'dark' if is_dark else 'light'}"
                found += [f"{place}: {barrier}" for barrier in barriers(page)]
                found += [f"{place}: wider than a phone"] * bool(overflow_pixels(page))
    context.close()
    assert found == []
