"""An agent's day in a browser: a drawer, a paid bill, cash of a refused one handed back, the count."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.web.wording import Language, Wording, wording_of
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.portal.desco_accounts import account_of
from tests.browser.portal.steps import LOOKS, WINDOWS, is_good, register
from tests.browser.state_windows import NARROW

# Who serves, and for which agent.
DAYS = {"bn": ("01712340081", "udcbn"), "en": ("01712340082", "udcen")}
DESK, ORDER = re.compile(r"/agent(\?|$)"), re.compile(r"/agent/orders/")
FLOAT_TAKA = 500


@WINDOWS
def test_a_day_at_the_counter(street: Street, window: OpenWindow, language: str, *, has_script: bool) -> None:
    mobile, agent = DAYS[language]
    page, words = window(language, width=NARROW, has_script=has_script).page, wording_of(Language(language))
    page.goto(f"{street.switch}/?lang={language}")
    register(page, window(language, width=NARROW).page, mobile, has_script=has_script)
    page.goto(f"{street.switch}/agent?lang={language}")
    expect(page.locator("h1")).to_have_text(str(words("portal_notice.no_operator.title")))
    _hire(street, agent, mobile)

    page.goto(f"{street.switch}/agent?lang={language}")
    is_good(page, has_script=has_script)
    page.locator("#opening").fill(str(FLOAT_TAKA))
    page.locator("#opening").press("Enter")
    page.wait_for_url(DESK)
    expect(page.locator("h1")).to_have_text(str(words("agent.title")))
    is_good(page, has_script=has_script)

    cash = _serve(page, account_of("COUNTER", language), has_script=has_script)
    _reads(page, str(words("agent.outcome.paid.title")))
    is_good(page, has_script=has_script)
    assert page.locator('a[href^="/receipt/"]').count() == 2

    page.goto(f"{street.switch}/agent?lang={language}")
    _serve(page, account_of("COUNTER_REFUSED", language), has_script=has_script)
    _reads(page, str(words("agent.outcome.to_hand_back.title")))
    is_good(page, has_script=has_script)
    page.locator('form[action*="/back"] button').click()
    _reads(page, str(words("agent.outcome.handed_back.title")))

    page.goto(f"{street.switch}/agent?lang={language}")
    page.locator('a[href^="/agent/close"]').click()
    page.wait_for_url(re.compile("/agent/close"))
    is_good(page, has_script=has_script)
    page.locator("#counted").fill(f"{FLOAT_TAKA + cash:.2f}")
    page.locator("#counted").press("Enter")
    page.wait_for_url(re.compile("/agent/days/"))
    expect(page.get_by_text(str(words("agent.day.right")))).to_be_visible()
    is_good(page, has_script=has_script)
    _earns(page, words)


def _hire(street: Street, agent: str, mobile: str) -> None:
    """Both persons of a rehearsal's staff add an agent with a prefund, and whoever has this number to it."""
    staff = json.loads((street.home / "sandbox" / "staff.json").read_text())["staff"]
    both = {
        "EKPAY_STAFF_PASSPHRASE": staff[0]["passphrase"],
        "EKPAY_APPROVER_PASSPHRASE": staff[1]["passphrase"],
    }
    by = ("--by", staff[0]["name"], "--approved-by", staff[1]["name"])
    street.tool("partners", "add", agent, "--name", "Union centre", *by, **both)
    street.tool("partners", "top-up", agent, "postpaid", "100000", "--reference", f"{agent}-1", *by, **both)
    street.tool("agents", "add-operator", agent, mobile, "Rahim", *by, **both)


def _serve(page: Page, account: str, *, has_script: bool) -> float:
    """Show the bill of an account of DESCO, and confirm that its cash is there; the cash in taka."""
    page.locator('a[href^="/agent/bills/desco_postpaid"]').first.click()
    page.locator("#group-B").check()
    page.locator("#B-account_no").fill(account)
    page.locator("#B-account_no").press("Enter")
    page.wait_for_url(ORDER)
    is_good(page, has_script=has_script)
    button = page.locator("form button[type=submit]")
    button.click()
    page.wait_for_load_state()
    return _taka(page.locator(".ekpay-strong").first.inner_text())


def _earns(page: Page, words: Wording) -> None:
    """The worker books the commission on our fee, which the sheet says then."""
    line = page.locator(".govuk-summary-list__row", has_text=str(words("agent.day.commission"))).locator("dd")
    for _ in range(LOOKS):
        if _taka(line.inner_text()) > 0:
            return
        page.wait_for_timeout(500)
        page.reload()
    pytest.fail(f"the sheet still says {line.inner_text()}")


def _taka(text: str) -> float:
    """The sum of a shown amount, in either language's digits."""
    return float(fold_bangla_digits(text.split(maxsplit=1)[0]).replace(",", ""))


def _reads(page: Page, title: str) -> None:
    """The page comes to this heading, at the latest when the doubt is resolved."""
    for _ in range(LOOKS):
        if page.locator("h1").inner_text() == title:
            return
        page.wait_for_timeout(500)
        page.reload()
    pytest.fail(f"the page still says {page.locator('h1').inner_text()}")
