"""Chromium with fonts that we name, so that text is as wide on one machine as on another."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright

from tests.browser.conftest import CHROMIUM

FONTS = Path(__file__).parents[2] / "ekpay_switch" / "web" / "fonts"
LATIN = sorted(FONTS.glob("NotoSans-*.ttf"))
BENGALI = sorted(FONTS.glob("NotoSansBengali-*.ttf"))
# Grey edges, no hinting: what remains of a machine's own taste is below what a comparison tolerates.
_CONFIGURATION = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}</dir><cachedir>{folder}/cache</cachedir>
<match target="font"><edit name="hinting" mode="assign"><bool>false</bool></edit>
<edit name="rgba" mode="assign"><const>none</const></edit>
<edit name="antialias" mode="assign"><bool>true</bool></edit></match></fontconfig>
"""


@contextmanager
def chromium_with(playwright: Playwright, fonts: Sequence[Path], home: Path) -> Iterator[Browser]:
    """A browser that knows these fonts and no others of the system."""
    folder = home / "fonts"
    folder.mkdir()
    for font in fonts:
        (folder / font.name).symlink_to(font)
    configuration = home / "fonts.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder))
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox", "--font-render-hinting=none", "--force-color-profile=srgb"],
        env={**os.environ, "FONTCONFIG_FILE": str(configuration)},
    )
    yield browser
    browser.close()
