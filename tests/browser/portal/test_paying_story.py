"""What citizens pay at the portal, from the search to the end: a meter, land, three bills, a lost answer."""

import re
from collections.abc import Mapping

from playwright.sync_api import Page, expect

from ekpay_switch.web.wording import Language, Wording, wording_of
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.portal.desco_accounts import account_of
from tests.browser.portal.steps import CART, WINDOWS, is_good, pay_cart, put_into_cart, reads_outcome
from tests.browser.shopper import Shopper
from tests.browser.state_windows import NARROW

# Each window has numbers of its own.
NTH = {"bn": 1, "en": 2}
METER = "100021{:02}"
TOKEN = re.compile(r"([0-9]{4} ){4}[0-9]{4}")


@WINDOWS
def test_a_prepaid_meter_gets_its_token(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    shopper, words = _found(street, window, ("nesco", "nesco_prepaid"), language, has_script=has_script)
    page = shopper.page
    _fill(page, {"A-customer_no": METER.format(NTH[language]), "A-amount": "500"})
    pay_cart(shopper)
    reads_outcome(page, words, "paid")
    is_good(page, has_script=has_script)
    token = page.locator('[id^="token-"]').first
    assert TOKEN.fullmatch(token.inner_text()), token.inner_text()
    page.reload()
    expect(token).to_be_visible()


@WINDOWS
def test_a_land_mutation_is_paid_for(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    query = ("mutation", "emutation_application")
    shopper, words = _found(street, window, query, language, has_script=has_script)
    page = shopper.page
    page.locator('[name="A-stage"][value="court"]').check()
    application = street.unpaid("emutation_application", NTH[language])["application_no"]
    _fill(page, {"A-application_no": application, "A-mobile": "01712345678"})
    is_good(page, has_script=has_script)
    pay_cart(shopper)
    reads_outcome(page, words, "paid")
    is_good(page, has_script=has_script)
    office = page.locator("dt", has_text=str(words("result.receipt"))).locator("xpath=following-sibling::dd")
    assert office.inner_text().strip(), "the number under which the office has it"


@WINDOWS
def test_of_three_bills_the_refused_one_goes_back_alone(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    nth = NTH[language]
    shopper, words = window(language, width=NARROW, has_script=has_script), wording_of(Language(language))
    page = shopper.page
    put_into_cart(page, street, language, account_of("THREE_BILLS_REFUSED", language))
    put_into_cart(page, street, language, account_of("THREE_BILLS_PAID", language))
    page.goto(f"{street.switch}/bills/dhaka_wasa?lang={language}")
    _fill(page, {"A-bill_no": street.unpaid("dhaka_wasa", nth)["bill_no"]})
    is_good(page, has_script=has_script)
    pay_cart(shopper)
    reads_outcome(page, words, "given_back")
    is_good(page, has_script=has_script)
    outcomes = page.locator(".ekpay-outcome").all_inner_texts()
    ends = ("given_back", "paid", "paid")
    assert outcomes == [str(words(f"result.bill.{end}.title")) for end in ends]
    expect(page.locator("ol time")).to_have_count(3)


@WINDOWS
def test_a_lost_answer_resolves_while_the_payer_waits(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    shopper, words = window(language, width=NARROW, has_script=has_script), wording_of(Language(language))
    page = shopper.page
    put_into_cart(page, street, language, account_of("LOST_ANSWER", language))
    # The bill is paid there, and whatever DESCO answers gets lost.
    with street.struck("desco", "black_hole_after"):
        pay_cart(shopper)
        reads_outcome(page, words, "on_its_way")
        expect(page.get_by_text(str(words("result.do_not_pay_again")))).to_be_visible()
        is_good(page, has_script=has_script)
    # Nobody touches the page: it finds out by itself.
    paid = page.get_by_text(str(words("result.bill.paid.title")), exact=True)
    expect(paid).to_be_visible(timeout=120_000)
    is_good(page, has_script=has_script)


def _found(
    street: Street, window: OpenWindow, query: tuple[str, str], language: str, *, has_script: bool
) -> tuple[Shopper, Wording]:
    """Whoever has found a biller by a word, at its form."""
    typed, biller = query
    shopper = window(language, width=NARROW, has_script=has_script)
    page = shopper.page
    page.goto(f"{street.switch}/?lang={language}")
    page.locator("#q").fill(typed)
    page.locator("#q").press("Enter")
    page.locator(f'a[href^="/bills/{biller}"]').first.click()
    page.wait_for_url(re.compile(f"/bills/{biller}"))
    is_good(page, has_script=has_script)
    return shopper, wording_of(Language(language))


def _fill(page: Page, typed: Mapping[str, str]) -> None:
    for field, text in typed.items():
        page.locator(f"#{field}").fill(text)
    page.locator(f"#{next(iter(typed))}").press("Enter")
    page.wait_for_url(CART)
