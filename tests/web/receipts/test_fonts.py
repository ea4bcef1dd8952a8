"""The fonts of the PDFs: exactly those that were looked at, and what they can draw."""

import hashlib
import re
import sys

import pytest

from ekpay_switch.web.receipts.typeset import DRAWABLE, FONTS, drawable
from tests.web.receipts.true_type import drawn_by, name_of

ROWS = re.findall(
    r"^\| `([\w.-]+)` \| ([\w ]+) \| (Version [\d.]+) \| (.+) \| `([0-9a-f]{64})` \|$",
    (FONTS / "ORIGIN.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
CHARACTERS = re.findall(f"[{DRAWABLE}]", "".join(map(chr, range(sys.maxunicode))))


def test_every_font_is_recorded_and_nothing_else_stands_there() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(path.name for path in FONTS.glob("*.ttf"))
    assert len(ROWS) == 4


@pytest.mark.parametrize(("file", "name", "version", "copyright_line", "digest"), ROWS)
def test_a_font_is_the_one_that_was_recorded(
    file: str, name: str, version: str, copyright_line: str, digest: str
) -> None:
    path = FONTS / file
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert f"{name_of(path, 1)} {name_of(path, 2)}" == name
    assert name_of(path, 5).startswith(version)
    assert name_of(path, 0) == copyright_line
    assert "SIL Open Font License, Version 1.1" in name_of(path, 13)
    assert copyright_line in (FONTS / "OFL.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("weight", ["Regular", "Bold"])
def test_what_is_left_in_a_text_can_be_drawn(weight: str) -> None:
    """PDF/A refuses a text with a letter that no font has."""
    fonts = (FONTS / f"NotoSans-{weight}.ttf", FONTS / f"NotoSansBengali-{weight}.ttf")
    drawn = set().union(*(drawn_by(font) for font in fonts))
    assert [one for one in CHARACTERS if one not in drawn] == []
    assert len(CHARACTERS) > 500


def test_letters_without_a_glyph_get_a_stand_in_and_a_qr_code_is_left_alone() -> None:
    told = {"a": ["দোকান 中文 ✓", {"b": 7}], "qr": "<svg>中</svg>", "c": None}
    assert drawable(told) == {"a": ["দোকান ?? ?", {"b": 7}], "qr": "<svg>中</svg>", "c": None}
