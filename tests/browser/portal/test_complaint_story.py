"""A payer complains about a payment in a real browser, is answered, and is not content (ADR 0127)."""

import json
import re

from playwright.sync_api import Page, expect

from ekpay_switch.web.wording import Language, Wording, wording_of
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.portal.desco_accounts import account_of
from tests.browser.portal.steps import LOOKS, RESULT, WINDOWS, is_good, put_into_cart
from tests.browser.state_windows import NARROW

COMPLAINED, WORDS_FIELD = re.compile(r"/cart/[A-Z0-9]{26}/complaints"), "#words"
WORDS = "বিলটি <b>পরিশোধ</b> করেছি,\nকিন্তু ডেসকো জানে না।"
ANSWER, BETTER_ANSWER = "DESCO has it under its number 77.", "DESCO has confirmed it in writing."


@WINDOWS
def test_a_complaint_is_answered_and_by_somebody_else_once_more(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    shopper = window(language, width=NARROW, has_script=has_script)
    page, words = shopper.page, wording_of(Language(language))
    account = account_of("COMPLAINT", language)
    put_into_cart(page, street, language, account)
    page.locator('form.ekpay-sum button[type="submit"]').click()
    page.wait_for_url(re.compile("/pay/checkout/"))
    shopper.pay("bkash")
    page.wait_for_url(RESULT)

    page.locator('a[href*="/complain"]').click()
    page.wait_for_url(re.compile("/complain"))
    is_good(page, has_script=has_script)
    page.locator("#topic").check()
    page.locator(WORDS_FIELD).fill(WORDS)
    page.locator('form#complain button[type="submit"]:not([name])').last.click()
    page.wait_for_url(COMPLAINED)
    expect(page.locator("h2").first).to_be_visible()
    is_good(page, has_script=has_script)
    assert page.get_by_text("<b>পরিশোধ</b>").count() == 1, "words are text and no markup"

    number = _newest_complaint(street)
    _answer(street, number, 0, ANSWER)
    _reads(page, words, ANSWER)
    is_good(page, has_script=has_script)
    page.locator("textarea").fill("না।")
    page.locator("section form button").click()
    expect(page.get_by_text(_begin(words, "complaints.state.escalated"))).to_be_visible()
    is_good(page, has_script=has_script)

    _answer(street, number, 1, BETTER_ANSWER)
    _reads(page, words, BETTER_ANSWER)


def _newest_complaint(street: Street) -> int:
    waiting = json.loads(street.tool("complaints", "list", "--json"))
    return max(int(complaint["number"]) for complaint in waiting)


def _answer(street: Street, number: int, nth_person: int, answer: str) -> None:
    """Answer it as one of the two persons on the staff of a rehearsal."""
    staff = json.loads((street.home / "sandbox" / "staff.json").read_text())["staff"]
    person = staff[nth_person]
    words = ("complaints", "answer", str(number), "--by", person["name"], "--words", answer)
    street.tool(*words, EKPAY_STAFF_PASSPHRASE=person["passphrase"])


def _reads(page: Page, words: Wording, answer: str) -> None:
    """The payer opens the page once more and reads the answer."""
    for _ in range(LOOKS):
        page.reload()
        if page.get_by_text(answer).count():
            break
        page.wait_for_timeout(500)
    expect(page.get_by_text(answer)).to_be_visible()
    expect(page.get_by_text(str(words("complaints.state.answered")))).to_be_visible()


def _begin(words: Wording, key: str) -> str:
    """The words of a sentence before its first value."""
    return str(words(key, day="|")).partition("|")[0].strip()
