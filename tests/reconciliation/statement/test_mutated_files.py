"""Valid files of every kind, spoiled at random: each is read or refused, whatever stands in it.

A seed that ever broke a reader is kept in `KEPT`. More of them: EKPAY_MUTATIONS=5000 (for each kind).
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from random import Random

import pytest

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.formats.file_limits import USUAL_LIMITS
from reconciliation.statement.isolated_reader import IsolatedReader
from reconciliation.statement.layout import read_layouts
from reconciliation.statement.reader import read_file
from tests.reconciliation.institution_files import (
    WRITERS,
    Credit,
    Head,
    Movement,
    at,
    stmt_sonali,
)
from tests.reconciliation.statement import hostile_files as hostile

LAYOUTS = read_layouts(Path(__file__).parents[3] / "config" / "statements")
SUN = date(2026, 4, 5)
ROWS = [
    Movement(f"00000000000{number}", at("2026-04-05 10:00:00"), 100_000 + number, 1_150, theirs=f"F{number}")
    for number in range(1, 4)
]
BOOK = hostile.nagad_workbook(hostile.nagad_row(), hostile.nagad_row(orderId="EKF2"))
VALID = {name: writer(ROWS, Head(SUN)) for name, writer in WRITERS.items()} | {
    "stmt_sonali": stmt_sonali([Credit(98_850, "B1"), Credit(1_000, "B2")], Head(SUN)),
    "nagad": BOOK,
}
COUNT = int(os.environ.get("EKPAY_MUTATIONS", "60"))
KEPT: tuple[int, ...] = ()
PIECES = (
    b"\x00", b"\xff\xfe", b"9" * 5_000, b"-", b"1e400", b"NaN", b"\n", b"\r\n", b'"', b"^", b"|", b",", b"<",
    b"&lt;",     b"</Ntry>", b"<!DOCTYPE x>", "\u09e6".encode(), "\u202e".encode(), b"XFD1048576", b"A" * 300,
)  # fmt: skip
MEGABYTES_MAX = 600


def mutated(content: bytes, seed: int) -> bytes:
    """The content with some bytes lost, doubled, changed or put in; the same for a seed."""
    random, spoiled = Random(seed), bytearray(content)  # noqa: S311 - to be the same again
    for _ in range(random.randint(1, 4)):
        first = random.randrange(len(spoiled) + 1)
        last = min(len(spoiled), first + random.randint(0, 40))
        match random.randrange(5):
            case 0:
                del spoiled[first:last]
            case 1:
                spoiled[first:first] = spoiled[first:last]
            case 2:
                spoiled[first:first] = random.choice(PIECES)
            case 3:
                spoiled[first:last] = random.randbytes(last - first)
            case _:
                del spoiled[first:]
    return bytes(spoiled)


def mutation(institution: str, seed: int) -> bytes:
    """A spoiled file; every other workbook is spoiled inside, under whole packing."""
    if institution == "nagad" and seed % 2:
        return hostile.with_part(BOOK, {hostile.SHEET: mutated(hostile.sheet_of(BOOK), seed)})
    return mutated(VALID[institution], seed)


@pytest.mark.parametrize("institution", VALID)
def test_a_spoiled_file_is_read_or_refused(institution: str) -> None:
    """Not one breaks the reader: no other error, not even one that its process would turn into a refusal."""
    layout = LAYOUTS[institution]
    read_file(VALID[institution], layout, "x", SUN)
    for seed in (*KEPT, *range(COUNT)):
        with suppress(UnreadableFileError):
            read_file(mutation(institution, seed), layout, "x", SUN)


@pytest.fixture
def reader() -> Iterator[IsolatedReader]:
    with IsolatedReader(USUAL_LIMITS) as usual:
        yield usual


def test_one_process_survives_them_all_in_little_memory(reader: IsolatedReader, tmp_path: Path) -> None:
    path, processes, most = tmp_path / "file", set[int](), 0
    for seed in range(COUNT // 6):
        for institution in VALID:
            path.write_bytes(mutation(institution, seed))
            with suppress(UnreadableFileError):
                reader.read(path, LAYOUTS[institution], "x", SUN)
            processes |= set(hostile.reading_processes())
            most = max(most, *(hostile.peak_megabytes(number) for number in hostile.reading_processes()))
    assert len(processes) == 1
    assert most < MEGABYTES_MAX
