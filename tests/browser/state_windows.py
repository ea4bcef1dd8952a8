"""A window on a page in some state, answered by the application itself, without a network."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, Route

from tests.browser.checkout_states import STATES, Answered, State
from tests.browser.kit_states import KIT
from tests.browser.portal.portal_states import PORTAL
from tests.browser.provider_states import PROVIDERS
from tests.browser.receipt_states import RECEIPTS
from tests.browser.site_states import SITE
from tests.web.checkout.checkout_setup import ORIGIN

# 1,280 pixels at 400 % are as wide as 320.
NARROW, WIDE = 320, 1_280
LANGUAGES = ["bn", "en"]
THEMES = ["light", "dark"]
WAIT_SECONDS = 120.0
ALL_STATES: dict[str, State] = {**STATES, **RECEIPTS, **SITE, **PROVIDERS, **KIT, **PORTAL}

# What becomes of an answer before the browser gets it.
Change = Callable[[Request, bytes], bytes]


def unchanged(_: Request, body: bytes) -> bytes:
    """The answer as it is."""
    return body


@contextmanager
def shown_state(
    chromium: Browser,
    loop: asyncio.AbstractEventLoop,
    state: State,
    language: str,
    *,
    width: int = NARROW,
    change: Change = unchanged,
    before: str = "",
    has_script: bool = True,
) -> Iterator[Page]:
    """A page in one state; `change` may alter what is answered, and the script `before` runs first."""
    context = chromium.new_context(viewport={"width": width, "height": 740}, java_script_enabled=has_script)
    shown = asyncio.run_coroutine_threadsafe(state(language), loop).result(WAIT_SECONDS)

    def answer(route: Route) -> None:
        asked = route.request
        place = urlsplit(asked.url)
        url = f"{place.path}?{place.query}" if place.query else place.path
        answering = shown.answer(asked.method, url, asked.post_data_buffer or b"", asked.headers)
        seen: Answered = asyncio.run_coroutine_threadsafe(answering, loop).result(WAIT_SECONDS)
        # Whoever looks at a page looks at it as it is; by itself it would be another one soon.
        kept = {name: value for name, value in seen.headers.items() if name != "refresh"}
        route.fulfill(status=seen.status, headers=kept, body=change(asked, seen.body))

    page = context.new_page()
    page.route("**/*", answer)
    if before:
        page.add_init_script(before)
    page.goto(f"{ORIGIN}{shown.path}")
    try:
        yield page
    finally:
        context.close()
