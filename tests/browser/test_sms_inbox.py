"""The inbox of the simulated SMS gateway: no barrier that axe-core finds, and none wider than a phone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.pages import PageVisit
from sandbox.messaging.book import SmsBook, SmsMessage
from sandbox.messaging.inbox_page import InboxPage
from sandbox.messaging.message_parts import parts_of, sms_type_of
from tests.browser.accessibility import barriers, overflow_pixels
from tests.browser.state_windows import LANGUAGES, NARROW, THEMES, WIDE

NOW = datetime(2026, 11, 28, 11, 42, tzinfo=UTC)
BODIES = (
    "ekPay: আপনার যাচাইকরণ কোড ৪৮২৯১৩। কাউকে বলবেন না।",
    "পেমেন্ট সফল হয়েছে: ২,৬৯২.৪১ টাকা। https://pay.example/receipt/" + "EKP2611280000000042" * 5,
    "<script>alert(1)</script>",
)
QUERIES: dict[str, dict[str, str]] = {
    "all": {},
    "one number": {"to": "01712345678"},
    "nothing": {"to": "01812345678"},
    "wrong number": {"to": "০১৭১২"},
    "no page": {"page": "9"},
}


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[InboxPage]:
    book = SmsBook(tmp_path / "sms.jsonl", 7, NOW.date())
    for number, body in enumerate(BODIES):
        book.record_accepted(
            SmsMessage(
                reference_id=f"{number:020x}",
                csms_id=f"id-{number}",
                msisdn="8801712345678",
                sender_id="EKPAY",
                body=body,
                sms_type=sms_type_of(body),
                parts=parts_of(body),
                accepted_at=NOW,
                delivered_at=NOW,
            )
        )
    yield InboxPage(book, Clock(lambda: NOW))
    book.close()


def shown(inbox: InboxPage, language: str, query: dict[str, str]) -> str:
    content: bytes = inbox.show(PageVisit("GET", {"lang": language, **query}, {}, {})).body["body"]
    return content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_barrier_and_nothing_wider_than_a_phone(
    chromium: Browser, inbox: InboxPage, language: str
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    found: list[str] = []
    for name, query in QUERIES.items():
        page.set_content(shown(inbox, language, query))
        for theme in THEMES:
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            for width in (NARROW, WIDE):
                page.set_viewport_size({"width": width, "height": 740})
                place = f"{name}, {theme}, {width}"
                found += [f"{place}: {barrier}" for barrier in barriers(page)]
                found += [f"{place}: too wide"] * bool(overflow_pixels(page))
    context.close()
    assert found == []


def test_a_code_is_larger_than_the_text_around_it(chromium: Browser, inbox: InboxPage) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.set_content(shown(inbox, "bn", {}))
    code = page.locator(".code")
    assert code.inner_text() == "৪৮২৯১৩"
    sizes = [
        float(where.evaluate("element => getComputedStyle(element).fontSize").removesuffix("px"))
        for where in (code, page.locator(".text").last)
    ]
    assert sizes[0] >= 1.4 * sizes[1]
    context.close()
