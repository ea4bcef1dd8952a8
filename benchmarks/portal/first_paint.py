"""`make bench-paint`: what a page of the portal costs a cheap phone, and when it paints first.

Chromium with an empty cache, 360 by 740 pixels, a slow 3G line (400 kbit/s down and up, 400 ms a round trip)
and a processor that is four times slower than this one. Bytes are those on the line, headers included; a font
counts apart, since the page is read before it arrives.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from playwright.async_api import Browser, CDPSession, Page, async_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.kit.errors import BenchError
from benchmarks.kit.stage import Staging, open_stage
from benchmarks.portal.fifty_users import GATEWAY

BYTES_MAX: Final = 60_000
ROUNDS, WIDTH, HEIGHT = 3, 360, 740
_BITS, _ROUND_TRIP_MS, _SLOWER = 400_000, 400, 4
_CHROMIUM = "/usr/bin/chromium"
_SWITCHES = ["--no-sandbox", "--disable-background-networking", "--disable-quic"]
# The first view of each; the cart and the checkout are reached by a bill of DESCO.
PAGES = (
    "/",
    "/bills/desco_postpaid",
    "/cart",
    "checkout",
    "result",
    "/track",
    "/account",
    "/costs",
    "/status",
)
_BILL = "/bills/desco_postpaid"
_LANGUAGES = ("bn", "en")
_ACCOUNTS = {"bn": "10000061", "en": "10000062"}


@dataclass
class Line:
    """What came over the line for one page: bytes and requests, those of fonts apart."""

    page_bytes: int = 0
    font_bytes: int = 0
    requests: int = 0
    _kinds: dict[str, str] = field(default_factory=dict)

    def listen(self, session: CDPSession) -> None:
        """Count what Chromium reports from now on."""
        session.on("Network.responseReceived", self._note_kind)
        session.on("Network.loadingFinished", self._count)

    def _note_kind(self, event: dict[str, Any]) -> None:
        self._kinds[event["requestId"]] = event["type"]

    def _count(self, event: dict[str, Any]) -> None:
        received = round(event["encodedDataLength"])
        self.requests += 1
        if self._kinds.get(event["requestId"]) == "Font":
            self.font_bytes += received
        else:
            self.page_bytes += received


@dataclass(frozen=True, slots=True)
class PageAddress:
    """Where a page is, and the cookies of a browser in which it shows what it has to."""

    url: str
    cookies: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class FirstView:
    """The first view of a page in one language; `paint_ms` is the median of all rounds."""

    page: str
    language: str
    page_bytes: int
    font_bytes: int
    requests: int
    paint_ms: float


async def measure() -> Sequence[FirstView]:
    """The first view of each page in both languages.

    Raises:
        BenchError: something did not start.
    """
    async with open_stage(1, 1_000, Staging(environ=GATEWAY)) as stage, async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=_CHROMIUM, args=_SWITCHES)
        try:
            return [view async for view in _views(browser, stage.switch_url)]
        finally:
            await browser.close()


async def _views(browser: Browser, url: str) -> AsyncIterator[FirstView]:
    for language in _LANGUAGES:
        addresses = await _addresses(browser, url, language)
        for page, address in zip(PAGES, addresses, strict=True):
            rounds = [await _first_view(browser, address) for _ in range(ROUNDS)]
            line, paints = rounds[0][0], [paint for _, paint in rounds]
            yield FirstView(page, language, line.page_bytes, line.font_bytes, line.requests, median(paints))


async def _addresses(browser: Browser, url: str, language: str) -> Sequence[PageAddress]:
    """The address of each page, in the order of PAGES."""
    context = await browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = await context.new_page()
    await page.goto(f"{url}{_BILL}?lang={language}")
    await page.locator("#group-B").check()
    await page.locator("#B-account_no").fill(_ACCOUNTS[language])
    await page.locator("#B-account_no").press("Enter")
    await page.wait_for_url("**/cart**")
    with_cart = await context.cookies()
    await page.locator('form.ekpay-sum button[type="submit"]').click()
    await page.wait_for_url("**/pay/checkout/**")
    checkout = page.url
    await page.goto(f"{url}/cart?lang={language}")
    result = page.url
    await context.close()
    special = {
        "/cart": PageAddress(f"{url}/cart?lang={language}", with_cart),
        "checkout": PageAddress(checkout),
        "result": PageAddress(result),
    }
    return [special.get(name, PageAddress(f"{url}{name}?lang={language}")) for name in PAGES]


async def _first_view(browser: Browser, address: PageAddress) -> tuple[Line, float]:
    context = await browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    try:
        await context.add_cookies(address.cookies)
        page = await context.new_page()
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        bytes_a_second = _BITS / 8
        await session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": _ROUND_TRIP_MS,
                "downloadThroughput": bytes_a_second,
                "uploadThroughput": bytes_a_second,
            },
        )
        await session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER})
        line = Line()
        line.listen(session)
        await page.goto(address.url, wait_until="networkidle")
        return line, await _first_paint(page)
    finally:
        await context.close()


async def _first_paint(page: Page) -> float:
    """Milliseconds from the navigation to the first content on the screen."""
    script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
    paint = float(await page.evaluate(script))
    if paint < 0:
        raise BenchError(f"nothing was painted at {page.url}")
    return paint


def _rows(views: Sequence[FirstView]) -> Iterator[Sequence[str]]:
    for view in views:
        yield (
            view.page,
            view.language,
            f"{view.page_bytes / 1_000:.1f}",
            f"{view.font_bytes / 1_000:.1f}",
            str(view.requests),
            f"{view.paint_ms / 1_000:.1f}",
        )


def main() -> int:
    """Measure, print, and say whether every first view is within its budget."""
    argparse.ArgumentParser(prog="python -m benchmarks.portal.first_paint", description=__doc__).parse_args()
    console = Console()
    try:
        views = asyncio.run(measure())
    except (BenchError, TimeoutError) as problem:
        console.print(f"first paint: {problem}", style="red", markup=False)
        return 1
    table = Table("page", "", "kB", "fonts kB", "requests", "first paint s", title="first views on slow 3G")
    for row in _rows(views):
        table.add_row(*row)
    console.print(table)
    return 0 if all(view.page_bytes < BYTES_MAX for view in views) else 1


if __name__ == "__main__":
    sys.exit(main())
