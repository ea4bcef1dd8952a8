"""Lines of a text file lost, doubled, moved, cut or filled: fixed-width records, MT940 and CSV."""

from collections.abc import Callable
from random import Random
from typing import Final

from tests.fuzz.mutations.byte_mutations import change_encoding
from tests.fuzz.mutations.cell_texts import STEPS, TEXTS, random_text

_MANY: Final = 300
_BANGLA: Final = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")


def _lose(random: Random, lines: list[str]) -> None:
    del lines[random.randrange(len(lines))]


def _double(random: Random, lines: list[str]) -> None:
    place = random.randrange(len(lines))
    lines[place:place] = [lines[place]] * random.choice((1, 1, 2, _MANY))


def _swap(random: Random, lines: list[str]) -> None:
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _cut(random: Random, lines: list[str]) -> None:
    place = random.randrange(len(lines))
    lines[place] = lines[place][: random.randrange(len(lines[place]) + 1)]


def _shift(random: Random, lines: list[str]) -> None:
    """Put a sign into a line or take one out, so that all fields behind it stand elsewhere."""
    place = random.randrange(len(lines))
    line = lines[place]
    at = random.randrange(len(line) + 1)
    lines[place] = line[:at] + random.choice(("", "0", " ", "9", "-")) + line[at + random.randrange(2) :]


def _overwrite(random: Random, lines: list[str]) -> None:
    """Write over a part of a line, which keeps its length: what fixed-width fields do not see."""
    place = random.randrange(len(lines))
    line = lines[place]
    at = random.randrange(len(line) + 1)
    text = random_text(random, line[at : at + 12])[: len(line) - at]
    lines[place] = line[:at] + text + line[at + len(text) :]


def _move_tag(random: Random, lines: list[str]) -> None:
    """Give a line the beginning of another one: its tag, or the type of its record."""
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    width = random.choice((1, 2, 4, 5))
    lines[one] = lines[other][:width] + lines[one][width:]


def _join(random: Random, lines: list[str]) -> None:
    place = random.randrange(len(lines))
    lines[place : place + 2] = ["".join(lines[place : place + 2])]


def _break(random: Random, lines: list[str]) -> None:
    place = random.randrange(len(lines))
    at = random.randrange(len(lines[place]) + 1)
    lines[place : place + 1] = [lines[place][:at], lines[place][at:]]


def _put_in(random: Random, lines: list[str]) -> None:
    lines.insert(random.randrange(len(lines) + 1), random.choice(TEXTS))


def _write_in_bangla(_random: Random, lines: list[str]) -> None:
    lines[:] = [line.translate(_BANGLA) for line in lines]


_STEPS: Final[tuple[Callable[[Random, list[str]], None], ...]] = (
    *(_lose, _double, _swap, _cut, _shift, _overwrite, _move_tag, _join, _break, _put_in, _write_in_bangla),
)


def spoil_lines(random: Random, content: bytes, encoding: str = "utf-8") -> bytes:
    """Change some lines of a text; its line ends stay but for one time in eight."""
    text = content.decode(encoding, errors="replace")
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(end)
    for _ in range(random.choice(STEPS)):
        if lines:
            random.choice(_STEPS)(random, lines)
    if random.randrange(8) == 0:
        end = random.choice(("\n", "\r\n", "\r", "\u2028", "\x0b", "\n\n"))
    written = end.join(lines).encode(encoding, errors="replace")
    return change_encoding(random, written) if random.randrange(16) == 0 else written
