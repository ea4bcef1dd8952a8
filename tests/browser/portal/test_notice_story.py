"""An office raises a bill, and a citizen pays it from the QR code of its notice (ADR 0131)."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ekpay_switch.web.wording import Language, wording_of
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.portal.steps import CART, WINDOWS, is_good, pay_cart, reads_outcome
from tests.browser.state_windows import NARROW
from tests.web.receipts.test_receipt_pdf import inflated

OFFICE = "up_holding_tax"
HOLDINGS = {"bn": "HT-90001", "en": "HT-90002"}


def raised(street: Street, holding: str, *words: str) -> dict[str, str]:
    """The first bill that the office raises for a holding."""
    named = ("--field", "union_id=26140011", "--field", f"holding_no={holding}", "--field", "year=2026")
    owed = ("--amount", "1200", "--due", "2099-12-31", "--customer", "রহিমা খাতুন", "--period", "2026")
    done = street.tool("bills", "raise", OFFICE, "--bill-no", holding, *named, *owed, *words, "--json")
    bill: dict[str, str] = json.loads(done)[0]
    return bill


@WINDOWS
def test_a_notice_is_paid_from_its_qr_code(
    street: Street, window: OpenWindow, tmp_path: Path, language: str, *, has_script: bool
) -> None:
    holding = HOLDINGS[language]
    code = raised(street, holding)["notice_code"]
    papers = ("bills", "notice", OFFICE, holding, "--out", str(tmp_path))
    street.tool(*papers, EKPAY_PUBLIC_URL=street.switch)
    pdf = (tmp_path / f"notice-{holding}.pdf").read_bytes()
    address = re.search(rb"https?://[0-9.:]+/n/[0-9]{16}", pdf + inflated(pdf))
    assert address is not None
    assert address[0].decode() == f"{street.switch}/n/{code}"

    shopper, words = window(language, width=NARROW, has_script=has_script), wording_of(Language(language))
    page = shopper.page
    page.goto(f"{address[0].decode()}?lang={language}")
    expect(page.locator("#A-holding_no")).to_have_value(holding)
    is_good(page, has_script=has_script)
    page.locator("#A-holding_no").press("Enter")
    page.wait_for_url(CART)
    pay_cart(shopper)
    reads_outcome(page, words, "paid")
    is_good(page, has_script=has_script)
    with pytest.raises(AssertionError, match="paid or withdrawn"):
        street.tool(*papers)


def test_a_typed_code_leads_to_the_earliest_instalment(street: Street, window: OpenWindow) -> None:
    raised(street, "HT-90004", "--instalments", "2")
    rows = street.tool(
        "db", "psql", "-At", "-c", "SELECT code FROM bill_notices WHERE bill_key = 'HT-90004-2'"
    )
    page = window("bn", width=NARROW).page
    page.goto(f"{street.switch}/?lang=bn")
    page.locator('a[href^="/notice"]').click()
    page.locator("#code").fill(rows.strip())
    page.locator("#code").press("Enter")
    page.wait_for_url(re.compile(f"/bills/{OFFICE}"))
    page.locator("#A-holding_no").press("Enter")
    page.wait_for_url(CART)
    words = wording_of(Language.BANGLA)
    expect(page.get_by_text(str(words.day(date(2099, 12, 31))), exact=True)).to_be_visible()
