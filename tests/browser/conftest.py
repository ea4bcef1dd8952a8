"""Chromium and one whole street for all tests here; each test has a window and a cart of its own."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.browser.installation import Street, opened
from tests.browser.shopper import PATIENCE_MS, Shopper

PHONE_WIDTH, PHONE_HEIGHT = 360, 740
CHROMIUM = os.environ.get("EKPAY_TEST_CHROMIUM", "/usr/bin/chromium")

OpenWindow = Callable[..., Shopper]


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Whatever its tests did there, its books are proven when they are through."""
    with opened(tmp_path_factory.mktemp("street")) as street:
        yield street
        assert street.tool("audit").splitlines()[-1].endswith("clean")


@pytest.fixture(scope="session")
def playwright_process() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright_process: Playwright) -> Iterator[Browser]:
    # Nothing but our own pages is opened, and root has no sandbox of its own to offer.
    browser = playwright_process.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in a thread of its own: the browser's own one runs in the test's."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def window(street: Street, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[OpenWindow]:
    """Opens windows at the shop, a jar of cookies each; what a failed test saw last is kept as a picture."""
    opened_ones: list[BrowserContext] = []
    shoppers: list[Shopper] = []

    def open_one(language: str = "bn", *, has_script: bool = True, width: int = PHONE_WIDTH) -> Shopper:
        context = chromium.new_context(
            viewport={"width": width, "height": PHONE_HEIGHT},
            java_script_enabled=has_script,
            locale="bn-BD" if language == "bn" else "en-GB",
        )
        context.set_default_timeout(PATIENCE_MS)
        opened_ones.append(context)
        shopper = Shopper(context.new_page(), street.shop, language)
        shoppers.append(shopper)
        return shopper

    yield open_one
    folder = os.environ.get("EKPAY_TEST_PICTURES")
    for number, shopper in enumerate(shoppers):
        if folder and not shopper.page.is_closed():
            name = f"{request.node.name}-{number}.png".replace("/", "-")
            shopper.page.screenshot(path=Path(folder) / name, full_page=True)
    for context in opened_ones:
        context.close()
    street.honest()
