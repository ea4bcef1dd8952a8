"""A customer of ekShop in a real browser: fills the cart, chooses an instrument, pays at its page."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Error, Locator, Page, expect

CHECKOUT = re.compile(r"/pay/checkout/[^/?]+(\?|$)")
ORDER = re.compile(r"/orders/")
STEPS_MAX = 8
PATIENCE_MS = 180_000
PIN, OTP = "12121", "123456"
# Whoever types at a provider's page knows these; the number comes with the payer.
KNOWN = {"pin": PIN, "otp": OTP}
NORMAL = {"wallet": "01700000007", "card": "4100000000000007", "account": "1000000000007"}


@dataclass
class Shopper:
    """One browser window, the shop that it is at, and the language that its reader knows."""

    page: Page
    shop: str
    language: str = "bn"
    checkout: str = ""

    def order(self, goods: Mapping[str, int], agent: str = "") -> None:
        """Fill the cart, order, and arrive at the checkout of the switch."""
        page = self.page
        page.goto(f"{self.shop}/?lang={self.language}")
        for code, count in goods.items():
            field = page.locator(f'form[action="/cart"] input[name="q-{code}"]')
            field.fill(str(count))
            field.locator("xpath=ancestor::form").locator('button[value="add"]').click()
            page.goto(f"{self.shop}/")
        page.goto(f"{self.shop}/checkout")
        page.fill("#name", "রহিমা খাতুন" if self.language == "bn" else "Rahima Khatun")
        page.fill("#mobile", "01712345678")
        page.fill("#address", "Fulbari, Bogura")
        if agent:
            page.select_option("#agent", agent)
        page.locator('button[value="place"]').click()
        page.wait_for_url(CHECKOUT)
        self.checkout = page.url.partition("?")[0]
        if self.language == "en":
            self.read_english()

    def read_english(self) -> None:
        """Switch the checkout's language, by its own switch."""
        if self.page.locator("html").get_attribute("lang") != "en":
            self.page.locator('header [lang="en"]').click()
            expect(self.page.locator("html")).to_have_attribute("lang", "en")

    def choose(self, instrument: str) -> None:
        """Choose an instrument and arrive at the page that leads to its provider."""
        self.pick(instrument)
        self.submit()
        self.page.wait_for_url(re.compile(r"/go|^(?!.*/pay/checkout)"))

    def pick(self, instrument: str) -> None:
        """Mark an instrument, unfolding the further ones where it is among those."""
        field = self.page.locator(f'input[name="instrument"][value="{instrument}"]')
        if not field.is_visible():
            self.page.locator("details:has(fieldset) > summary").click()
        field.check()

    def submit(self) -> None:
        """Press the button that goes on."""
        self.page.locator('form[action*="/try"] button[type="submit"]').click()

    def go_on(self) -> None:
        """Follow the page that leads away, which also goes on by itself."""
        way = self.page.locator("main a.govuk-button")
        if "/go" in self.page.url and way.count():
            way.first.click()
        self.page.wait_for_url(lambda url: "/pay/checkout/" not in url)

    def pay_there(self, number: str = "", button: str = "confirm", *, stop_before: str = "") -> None:
        """Fill in what the provider's page asks for, step by step, until it has nothing more to ask.

        `stop_before` names a field at which the payer stops; `button` is pressed at the last step.
        """
        here = urlsplit(self.page.url).netloc
        for _ in range(STEPS_MAX):
            field = self._asked(here)
            if field is None:
                return
            name = field.get_attribute("name") or ""
            if name == stop_before:
                return
            field.fill(KNOWN.get(name) or number or NORMAL[name])
            pressed = button if name == "pin" or button == "cancel" else "confirm"
            self.page.locator(f'button[name="do"][value="{pressed}"]').click()
            self.page.wait_for_load_state()

    def _asked(self, place: str) -> Locator | None:
        if urlsplit(self.page.url).netloc != place:
            return None
        field = self.page.locator("form input:not([type=hidden])")
        return field.first if field.count() else None

    def pay(self, instrument: str, number: str = "") -> None:
        """From the checkout to the provider and through its page."""
        self.choose(instrument)
        self.go_on()
        self.pay_there(number)

    def pay_there_and_vanish(self) -> None:
        """Give the last thing that the provider asks for, and see nothing more."""
        self.page.locator("form input:not([type=hidden])").first.fill(PIN)
        with contextlib.suppress(Error):
            self.page.locator('button[name="do"][value="confirm"]').click()
            self.page.wait_for_timeout(2_000)
        self.page.close()

    def leave(self) -> None:
        """Press what leads back to the shop without paying, and confirm it."""
        self.page.locator('a[href*="/cancel"]').first.click()
        self.page.locator('form[action*="/cancel"] button[type="submit"]').click()

    def waits_for_choice(self) -> None:
        """Wait until the checkout knows that nothing was paid, and offers another instrument."""
        self.page.locator('form[action*="/try"]').wait_for(timeout=PATIENCE_MS)

    def sees_end(self, checkout: str) -> None:
        """The checkout knows that it is paid, or has led back to the shop already."""
        for _ in range(60):
            if "/pay/checkout/" not in self.page.url or self.page.locator(".ekpay-state--paid").count():
                return
            self.page.wait_for_timeout(1_000)
            self.page.goto(checkout)
        raise AssertionError(f"the checkout still says: {self.page.inner_text('main')}")

    def back_at_shop(self) -> None:
        """Wait until the switch has led back to the shop."""
        self.page.wait_for_url(ORDER, timeout=PATIENCE_MS)

    def standing(self) -> str:
        """What the shop says of the order, as the word of its class."""
        classes = self.page.locator("div.standing").get_attribute("class") or ""
        return classes.replace("standing", "").strip()

    def sees_standing(self, word: str) -> None:
        """The shop says so, at the latest when it has heard of it."""
        for _ in range(30):
            if self.standing() == word:
                return
            self.page.wait_for_timeout(500)
            self.page.reload()
        assert self.standing() == word
