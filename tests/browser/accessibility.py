"""What axe-core finds on a page, and how wide and heavy the page is."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
RUN = """async rules => (await axe.run(document, {
  resultTypes: ['violations'], ...(rules.length && {runOnly: rules}),
})).violations"""


@cache
def axe_source() -> str:
    """The vendored script, which must be what it is said to be."""
    content = AXE.read_bytes()
    assert hashlib.sha256(content).hexdigest() == AXE_SHA256
    return content.decode()


def barriers(page: Page, *rules: str) -> list[str]:
    """Every rule that the page breaks, with the first place where it does; all rules where none is named."""
    page.evaluate(axe_source())
    found: list[dict[str, Any]] = page.evaluate(RUN, rules)
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html']}" for one in found]


def overflow_pixels(page: Page) -> int:
    """How far the page reaches beyond the window to the right: whoever zooms would scroll in two ways."""
    wide: int = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    return max(wide, 0)
