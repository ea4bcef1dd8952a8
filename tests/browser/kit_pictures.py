"""Pictures of the kit, small: a pixel is the mean of eight by eight, so that only a look remains.

    python -m tests.browser.kit_pictures

photographs /_kit anew into tests/browser/pictures: after the look was changed on purpose, and looked at.
"""

import asyncio
import base64
import struct
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.kit_states import KIT
from tests.browser.own_fonts import BENGALI, LATIN, chromium_with
from tests.browser.state_windows import shown_state

FOLDER = Path(__file__).with_name("pictures")
# Each language, width and theme is paired with each of the others.
LOOKS = (("bn", 360, "light"), ("bn", 1_280, "dark"), ("en", 360, "dark"), ("en", 1_280, "light"))
# So much higher than the page that what stands still at the bottom of the window covers nothing.
SPACE = 200
PIECES = ("mark", "buttons", "sum", "states", "words", "fields", "work")
BAR = ".ekpay-sum"
# A channel this far from the reference is another colour; this share of such pixels is another look.
CHANNEL_TOLERANCE = 20
SHARE_TOLERANCE = 0.004
_BOXES = """pieces => Object.fromEntries(pieces.map(piece => {
  const box = document.querySelector(piece).getBoundingClientRect();
  return [piece, [box.x, box.y, box.width, box.height].map(Math.round)];
}))"""
_SHRINK = """async ([picture, boxes, block]) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + picture;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.width; canvas.height = image.height;
  const paper = canvas.getContext('2d', {willReadFrequently: true});
  paper.drawImage(image, 0, 0);
  return boxes.map(([left, top, width, height]) => {
    const columns = Math.floor(width / block), rows = Math.floor(height / block), means = [];
    const data = paper.getImageData(left, top, columns * block, rows * block).data;
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++)
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let y = 0; y < block; y++) for (let x = 0; x < block; x++)
          sum += data[((row * block + y) * columns * block + column * block + x) * 4 + channel];
        means.push(Math.round(sum / block / block));
      }
    return [columns, rows, means];
  });
}"""
_BLOCK = 8
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Picture:
    """Rows of pixels from the top, three bytes each."""

    columns: int
    rows: int
    pixels: bytes

    def png(self) -> bytes:
        """The picture as a file that any program shows."""
        line = self.columns * 3
        raw = b"".join(b"\0" + self.pixels[at : at + line] for at in range(0, len(self.pixels), line))
        header = struct.pack(">IIBBBBB", self.columns, self.rows, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
        return _SIGNATURE + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )

    @classmethod
    def read(cls, png: bytes) -> "Picture":
        """A picture that `png` has written; a file of anybody else is not read."""
        columns, rows = struct.unpack(">II", png[16:24])
        length = struct.unpack(">I", png[33:37])[0]
        raw = zlib.decompress(png[41 : 41 + length])
        line = columns * 3 + 1
        return cls(columns, rows, b"".join(raw[at + 1 : at + line] for at in range(0, len(raw), line)))

    def differs_from(self, other: "Picture") -> str:
        """How the two differ to the eye, empty where they do not: one block more or less is nothing."""
        if abs(self.columns - other.columns) > 1 or abs(self.rows - other.rows) > 1:
            return f"{self.columns} by {self.rows} blocks instead of {other.columns} by {other.rows}"
        columns, rows = min(self.columns, other.columns), min(self.rows, other.rows)
        others = 0
        for row in range(rows):
            for column in range(columns):
                here, there = ((row * one.columns + column) * 3 for one in (self, other))
                pairs = zip(self.pixels[here : here + 3], other.pixels[there : there + 3], strict=True)
                others += any(abs(own - wanted) > CHANNEL_TOLERANCE for own, wanted in pairs)
        share = others / (columns * rows)
        return f"{share:.1%} of it looks otherwise" if share > SHARE_TOLERANCE else ""


def pictures_of(page: Page, paper: Page) -> Mapping[str, Picture]:
    """Each piece of the kit as the page shows it now; `paper` is a page that may do anything."""
    page.evaluate("document.fonts.ready")
    boxes: Mapping[str, Any] = page.evaluate(_BOXES, [*(f"#{piece}" for piece in PIECES), BAR])
    whole = base64.b64encode(page.screenshot()).decode()
    found = paper.evaluate(_SHRINK, [whole, list(boxes.values()), _BLOCK])
    names = [*PIECES, "bar"]
    return {
        name: Picture(columns, rows, bytes(means))
        for name, (columns, rows, means) in zip(names, found, strict=True)
    }


@contextmanager
def shown_kit(
    browser: Browser, loop: asyncio.AbstractEventLoop, look: tuple[str, int, str]
) -> Iterator[tuple[Page, Page]]:
    """The page of the kit in one look, whole, and an empty page to work on."""
    language, width, theme = look
    paper = browser.new_page()
    with shown_state(browser, loop, KIT[f"kit_{theme}"], language, width=width) as page:
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": height + SPACE})
        yield page, paper
    paper.close()


def folder_of(look: tuple[str, int, str]) -> Path:
    """Where the pictures of a look are kept."""
    return FOLDER / "-".join(map(str, look))


def main() -> None:
    """Photograph the kit anew."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as home,
        chromium_with(playwright, [*LATIN, *BENGALI], Path(home)) as browser,
    ):
        for look in LOOKS:
            folder_of(look).mkdir(parents=True, exist_ok=True)
            with shown_kit(browser, loop, look) as (page, paper):
                for name, picture in pictures_of(page, paper).items():
                    (folder_of(look) / f"{name}.png").write_bytes(picture.png())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    print(f"photographed into {FOLDER}", file=sys.stderr)  # noqa: T201 - the command


if __name__ == "__main__":
    main()
