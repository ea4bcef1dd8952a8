"""Texts that no institution writes into a cell, and that readers elsewhere took for numbers or dates."""

from random import Random
from typing import Final

NUMBERS: Final = (
    *("9" * 5_000, "0" * 5_000 + "1", "9" * 13, "9" * 14, "9" * 18, "9" * 19, "9" * 20, "9" * 40),
    *(
        "-1",
        "+1",
        "\u22125",
        "(5.00)",
        "5.00 CR",
        "5.00 DR",
        "0",
        "0.00",
        "-0.00",
        "0.001",
        "1.005",
        "1.",
        ".5",
    ),
    *("1e400", "1e-400", "1E5", "NaN", "Infinity", "-Infinity", "0x10", "1_000", "1,000", "1,00,000.00"),
    *(
        "১২৩.৪৫",
        "٣٤",
        "\uff11\uff12",
        "²",
        "1 000",
        "1\u00a0000",
        "1'000",
        "BDT 5.00",
        "৳5.00",
        "1.2.3",
        "1;2",
    ),
)
_DATES: Final = (
    *("2026-02-30", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "2026-04-05T24:00:00", "260230"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-04-05T10:00:00+99:99", "1399", "0000"),
    *("2026-W14-7", "2026095", "20260405T100000Z", "45000.5", "1" * 13, "-1", "2009-06-19 23:30:00", "13990"),
)
_WORDS: Final = (
    *("", " ", "\t", "\u200b", "\u202e", "\ufeff", "\x00", "\x1b[31m", "A" * 300, "A" * 40_000, "=1+1", "'"),
    *(
        "é",
        "😀",
        "\ud7ff",
        "মোট",
        "NOTPROVIDED",
        "null",
        "None",
        "true",
        "../../x",
        "<b>",
        "&lt;",
        "]]>",
        "%s",
    ),
)
TEXTS: Final = (*NUMBERS, *_DATES, *_WORDS)
_BANGLA: Final = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")


# How many changes a file gets: mostly one, since the first that a reader refuses hides all others.
STEPS: Final = (1, 1, 1, 1, 2, 3)


def random_text(random: Random, text: str) -> str:
    """Another text for a cell: one that nobody writes, or the cell's own a little changed."""
    place = random.randrange(len(text) + 1)
    match random.randrange(8):
        case 0:
            return text[:place]
        case 1:
            return text[:place] + random.choice("0123456789.,-+ ABC\"'|^;:/") + text[place:]
        case 2:
            return text.translate(_BANGLA)
        case 3:
            return text[:place] + str(random.randrange(10)) + text[place + 1 :]
        case _:
            return random.choice(TEXTS)
