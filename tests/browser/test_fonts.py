"""What a reader sees does not move when the font arrives, and every line is as high, in one script or two."""

import asyncio
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, Request

from tests.browser.own_fonts import BENGALI, LATIN, chromium_with
from tests.browser.state_windows import ALL_STATES, shown_state

LATE_SECONDS = 0.4
SHIFT_MAX = 0.01
WATCH = """window.shift = 0; window.moved = []; new PerformanceObserver(list => {
  for (const one of list.getEntries()) {
    window.shift += one.value;
    for (const {node, previousRect: was, currentRect: is} of one.sources) {
      window.moved.push([node && (node.className || node.textContent), was.toJSON(), is.toJSON()]);
    }
  }
}).observe({type: 'layout-shift', buffered: true})"""
ARRIVED = (
    "[...document.fonts].filter(one => one.family.includes('Bengali')).every(one => one.status == 'loaded')"
)
# Text whose line is as high as its letters: another script in it would make it another height.
LOOSE = """() => [...document.querySelectorAll('main *, header *, footer *')].filter(one =>
  [...one.childNodes].some(node => node.nodeType == 3 && node.data.trim())
  && !one.closest('svg, select, code, pre') && getComputedStyle(one).lineHeight == 'normal'
).map(one => one.outerHTML)"""
HEIGHTS = """() => ['govuk-body', 'govuk-heading-l', 'ekpay-tile__label', 'ekpay-state__money',
  'govuk-button', 'receipt-list__row', 'ekpay-money', 'ekpay-tag', 'ekpay-header__name', 'govuk-hint',
  'ekpay-copy'].map(name => {
  return ['ekPay', 'একপে', 'ekPay একপে'].map(text => {
    const box = document.createElement('p');
    box.className = name;
    box.textContent = text;
    box.style.minHeight = 0;
    document.querySelector('main').append(document.createElement('div'));
    document.querySelector('main').lastChild.append(box);
    return box.getBoundingClientRect().height;
  });
})"""


@pytest.fixture(scope="module", params=["no font of Bangla", "a font of Bangla that is not ours"])
def chromium_of_fonts(
    playwright_process: Playwright, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    fonts = LATIN if request.param.startswith("no") else [*LATIN, *BENGALI]
    with chromium_with(playwright_process, fonts, tmp_path_factory.mktemp("fonts")) as browser:
        yield browser


def late_and_ours(asked: Request, body: bytes) -> bytes:
    """The font comes over the network, and late, whatever fonts the machine has."""
    if asked.url.endswith(".css"):
        return re.sub(rb"(?:local\([^)]*\),)+url", b"url", body)
    if asked.url.endswith(".woff2"):
        time.sleep(LATE_SECONDS)
    return body


@pytest.mark.parametrize("name", ["choose", "at_provider", "paid_and_told", "receipt_valid"])
def test_nothing_moves_when_the_font_arrives(
    chromium_of_fonts: Browser, loop: asyncio.AbstractEventLoop, name: str
) -> None:
    state = ALL_STATES[name]
    with shown_state(
        chromium_of_fonts, loop, state, "bn", width=360, change=late_and_ours, before=WATCH
    ) as page:
        while not page.evaluate(ARRIVED):
            page.wait_for_timeout(50)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.evaluate("window.shift") < SHIFT_MAX, page.evaluate("window.moved")


@pytest.mark.parametrize("name", ["kit", "choose_of_many", "at_provider", "receipt_valid", "reference_v1"])
def test_no_text_has_a_line_that_grows_with_its_letters(
    chromium: Browser, loop: asyncio.AbstractEventLoop, name: str
) -> None:
    with shown_state(chromium, loop, ALL_STATES[name], "bn", width=360) as page:
        assert page.evaluate(LOOSE) == []


def test_a_line_of_two_scripts_is_as_high_as_a_line_of_one(
    chromium: Browser, loop: asyncio.AbstractEventLoop
) -> None:
    with shown_state(chromium, loop, ALL_STATES["kit"], "bn", width=360) as page:
        page.evaluate("document.fonts.ready")
        assert [heights for heights in page.evaluate(HEIGHTS) if len(set(heights)) > 1] == []
