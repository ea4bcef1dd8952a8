"""`make screenshots OUT=folder`: each state of a page, at 360 and 1,280 pixels, in both languages and themes.

    python -m tests.browser.screenshots FOLDER [NAME ...]

writes one PNG for each into the folder and an index.html beside them; with names, only the states whose names
begin so. Nothing of the network is used, and the states are those that the tests bring about.
"""

import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import CHROMIUM
from tests.browser.shop_states import shop_pages
from tests.browser.state_windows import ALL_STATES, LANGUAGES, THEMES, WAIT_SECONDS, WIDE, shown_state
from tests.sandbox.callers.ekshop.conftest import opened_shop
from tests.sandbox.callers.ekshop.stub_merchant_api import StubMerchantApi, stub_merchant_api

WIDTHS = (360, WIDE)
HEIGHT = 740
# A payer never forces a theme: the page of the kit is photographed as the browser's own theme shows it.
FORCED = {"kit_light", "kit_dark"}
SHOP = "shop_"


def photograph(page: Page, folder: Path, name: str, language: str) -> None:
    """The page as it stands, in each width and theme.

    A bar that stands still would hide a part of a whole page: of such a page the first view is taken as well.
    """
    for theme in THEMES:
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            place = folder / f"{name}-{language}-{width}-{theme}"
            page.screenshot(path=place.with_suffix(".png"), full_page=True)
            if page.locator(".ekpay-sum").count():
                page.screenshot(path=place.with_name(f"{place.name}-first.png"))


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _photograph_shop(browser: Browser, loop: asyncio.AbstractEventLoop, folder: Path) -> None:
    """The shop's pages, which need a server: the shop's cart lives in cookies."""
    stack = AsyncExitStack()

    async def opened(home: Path) -> tuple[str, StubMerchantApi]:
        switch = await stack.enter_async_context(stub_merchant_api())
        customer = await stack.enter_async_context(opened_shop(switch, home))
        return customer.origin, switch

    with tempfile.TemporaryDirectory() as home:
        shop, switch = asyncio.run_coroutine_threadsafe(opened(Path(home)), loop).result(WAIT_SECONDS)
        try:
            for language in LANGUAGES:
                context = browser.new_context()
                page = context.new_page()
                for name in shop_pages(page, shop, switch, language):
                    photograph(page, folder, name, language)
                context.close()
        finally:
            asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(WAIT_SECONDS)


def write_index(folder: Path) -> None:
    """A page that shows every picture of the folder, those of one state in one row."""
    rows: dict[str, list[str]] = {}
    for picture in sorted(folder.glob("*.png")):
        rows.setdefault(picture.name.partition("-")[0], []).append(picture.name)
    shown = ""
    for state, names in rows.items():
        pictures = "".join(f"<a href={one}><img src={one} alt={one} loading=lazy></a>" for one in names)
        shown += f"<h2>{state}</h2><div>{pictures}</div>"
    style = "body{font:16px sans-serif}div{display:flex;overflow-x:auto;gap:8px}img{height:480px}"
    page = f"<!doctype html><meta charset=utf-8><title>Pages</title><style>{style}</style>{shown}"
    (folder / "index.html").write_text(page, encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Photograph what the arguments name."""
    if not arguments:
        sys.exit("say where the pictures go: make screenshots OUT=folder")
    folder, names = Path(arguments[0]), tuple(arguments[1:]) or ("",)
    states = {name: state for name, state in ALL_STATES.items() if name.startswith(names)}
    has_shop = any(SHOP.startswith(name[: len(SHOP)]) for name in names)
    if not states and not has_shop:
        sys.exit(f"no state begins with {' or '.join(names)}; there are {', '.join(ALL_STATES)} and {SHOP}…")
    folder.mkdir(parents=True, exist_ok=True)
    with _loop() as loop, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, state in states.items():
            for language in LANGUAGES if name not in FORCED else ():
                with shown_state(browser, loop, state, language) as page:
                    photograph(page, folder, name, language)
        if has_shop:
            _photograph_shop(browser, loop, folder)
        browser.close()
    write_index(folder)
    print(f"{len(list(folder.glob('*.png')))} pictures: {folder / 'index.html'}")  # noqa: T201 - the command


if __name__ == "__main__":
    main(sys.argv[1:])
