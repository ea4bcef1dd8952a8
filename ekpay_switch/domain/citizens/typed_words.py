"""What citizens type in words of their own: shown as it was meant, with nothing invisible in it. Pure."""

import unicodedata

# Bangla needs the two joiners of Unicode, which are invisible and stay.
JOINERS = "\u200c\u200d"


def single_line(typed: str) -> str:
    """The words on one line, with single blanks and nothing invisible."""
    shown = "".join(" " if letter.isspace() else letter for letter in typed)
    return " ".join("".join(letter for letter in shown if letter in JOINERS or _is_visible(letter)).split())


def lines(typed: str) -> str:
    """The words on their lines, each as `single_line` has it; empty lines stand single, and at no end."""
    kept: list[str] = []
    for line in map(single_line, typed.splitlines()):
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip("\n")


def _is_visible(letter: str) -> bool:
    return not unicodedata.category(letter).startswith("C")
