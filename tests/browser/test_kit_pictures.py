"""The kit looks as it was last looked at, and a component that breaks is seen."""

import asyncio
from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.kit_pictures import LOOKS, PIECES, Picture, folder_of, pictures_of, shown_kit
from tests.browser.own_fonts import BENGALI, LATIN, chromium_with

# How each piece may break; the smallest of these moves text by a few pixels.
BROKEN = {
    "mark": ".ekpay-brand { width: 28px; }",
    "buttons": ".govuk-button--secondary { border-color: transparent; }",
    "sum": ".ekpay-tile__label { padding: 16px; }",
    "states": ".ekpay-steps__step { padding-top: 12px; }",
    "words": ".ekpay-warning { background: none; }",
    "fields": ".ekpay-field__input { height: 32px; }",
    "work": "td.ekpay-table__money { text-align: left !important; }",
}
ADD_RULE = """rule => {
  const sheet = document.styleSheets[0];
  sheet.insertRule(rule, sheet.cssRules.length);
}"""


@pytest.fixture(scope="module")
def chromium_of_ours(
    playwright_process: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    with chromium_with(playwright_process, [*LATIN, *BENGALI], tmp_path_factory.mktemp("ours")) as browser:
        yield browser


def differences(look: tuple[str, int, str], seen: Mapping[str, Picture]) -> dict[str, str]:
    """Each piece that looks otherwise than it was last looked at, with how."""
    found: dict[str, str] = {}
    for name, picture in seen.items():
        wanted = Picture.read((folder_of(look) / f"{name}.png").read_bytes())
        found |= {name: how} if (how := picture.differs_from(wanted)) else {}
    return found


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(map(str, look)))
def test_the_kit_looks_as_it_was_last_looked_at(
    chromium_of_ours: Browser, loop: asyncio.AbstractEventLoop, look: tuple[str, int, str]
) -> None:
    """Changed on purpose? Look at it, then: python -m tests.browser.kit_pictures."""
    with shown_kit(chromium_of_ours, loop, look) as (page, paper):
        assert differences(look, pictures_of(page, paper)) == {}


def test_a_component_that_breaks_is_seen(chromium_of_ours: Browser, loop: asyncio.AbstractEventLoop) -> None:
    look = LOOKS[0]
    with shown_kit(chromium_of_ours, loop, look) as (page, paper):
        for rule in BROKEN.values():
            page.evaluate(ADD_RULE, rule)
        assert set(PIECES) <= set(differences(look, pictures_of(page, paper)))


def test_a_picture_is_read_as_it_was_written() -> None:
    picture = Picture(2, 1, bytes((1, 2, 3, 250, 251, 252)))
    assert Picture.read(picture.png()) == picture
    other = Picture(2, 1, bytes((1, 2, 3, 250, 251, 100)))
    assert picture.differs_from(other) == "50.0% of it looks otherwise"
    assert picture.differs_from(Picture(4, 1, bytes(12))) == "2 by 1 blocks instead of 4 by 1"
