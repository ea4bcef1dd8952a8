"""The pages of the sandbox's providers: no barrier that axe-core finds, and none wider than a phone."""

from playwright.sync_api import Browser

from sandbox.kit.payer_pages import payer_page
from sandbox.kit.payer_pages.branding import Branding
from sandbox.kit.payer_pages.language import Language
from sandbox.kit.payer_pages.payer_page import Consequence, PayerPage, PaymentDue, Step
from sandbox.kit.provider.magic_numbers import Payers
from sandbox.kit.provider.numbers_to_try import numbers_to_try
from sandbox.kit.provider.page_fields import NUMBER_FIELDS, PIN, unknown_number
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.bkash.page_wording import LOOK
from sandbox.registry import PROVIDER_FAMILIES
from tests.browser.accessibility import barriers, overflow_pixels
from tests.browser.conftest import PHONE_HEIGHT, PHONE_WIDTH

INSTITUTIONS = {one.id: one for family in PROVIDER_FAMILIES.values() for one in family.institutions}
# With bKash: a wallet, a card and an account; a dark and a light colour. The others differ in colour alone,
# which tests/sandbox/kit/payer_pages checks for all of them.
SEEN = ("upay", "ebl", "pubali")
DUE = PaymentDue("ekShop", "EKP2611280000000042", 12_34_567_89, "Bill payment", Consequence.ALLOW)


def states(branding: Branding, kind: PayerKind, language: Language) -> list[str]:
    """A step with an error, the last step, and a page with a message."""
    pages = PayerPage(branding, language, {})
    tries = numbers_to_try(Payers(kind, 1), ProviderSettings())
    wrong = Step(NUMBER_FIELDS[kind], 1, 3, unknown_number(kind), "০১৭১২")
    return [
        pages.form(DUE, wrong, tries),
        pages.form(DUE, Step(PIN, 3, 3), tries),
        pages.message(payer_page.LAPSED),
    ]


def test_no_barrier_on_any_page_of_a_provider_in_either_language_light_or_dark(chromium: Browser) -> None:
    seen = [(LOOK, PayerKind.WALLET)]
    seen += [(Branding(one.name, one.colour), one.kind) for one in map(INSTITUTIONS.__getitem__, SEEN)]
    context = chromium.new_context(viewport={"width": PHONE_WIDTH, "height": PHONE_HEIGHT})
    page = context.new_page()
    found: list[str] = []
    for number, (branding, kind) in enumerate(seen):
        for language in Language:
            is_dark = number % 2 == (language is Language.BANGLA)
            page.emulate_media(color_scheme="dark" if is_dark else "light")
            for state in states(branding, kind, language):
                page.set_content(state)
                if page.locator("summary").count():
                    page.locator("summary").click()
                place = f"{branding.name.english}, {language}, {'dark' if is_dark else 'light'}"
                found += [f"{place}: {barrier}" for barrier in barriers(page)]
                found += [f"{place}: wider than a phone"] * bool(overflow_pixels(page))
    context.close()
    assert found == []
