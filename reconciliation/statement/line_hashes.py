"""The digest of single lines of a file, where only the lines that somebody asks about are worth it."""

from collections.abc import Sequence
from io import SEEK_END
from itertools import islice
from typing import BinaryIO, Final

import polars as pl

from reconciliation.statement.canonical_rows import raw_hashes
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import table_of

# In which the last line of a file nearly always lies.
_TAIL_BYTES: Final = 4096


def hashes_at(file: BinaryIO, layout: Layout, ordinals: Sequence[int]) -> pl.Series:
    """What `raw_hash` is of the rows with these numbers, from 1 and rising, of a file that was read.

    The file stands at its beginning; text is gone through line by line, and never lies in memory.
    """
    if layout.fields is None or not ordinals:
        return pl.Series("raw_hash", [], pl.String)
    if layout.text is not None and layout.text.encoding != "utf-16-le-bom":
        return raw_hashes(table_of(_only(file, layout, ordinals), layout).cells, layout.fields)
    cells = table_of(file.read(), layout).cells
    return raw_hashes(cells[[ordinal - 1 for ordinal in ordinals]], layout.fields)


def _only(file: BinaryIO, layout: Layout, ordinals: Sequence[int]) -> bytes:
    """The file with no other lines than these between what stands around its body."""
    above = (layout.header is not None) + (layout.text is not None and layout.text.headings)
    lines = list(islice(file, above))
    gaps = (number - before - 1 for before, number in zip((0, *ordinals), ordinals, strict=False))
    lines += [next(islice(file, gap, None)) for gap in gaps]
    if layout.trailer is not None:
        lines.append(_last_line(file))
    return b"".join(lines)


def _last_line(file: BinaryIO) -> bytes:
    size, reach = file.seek(0, SEEK_END), _TAIL_BYTES
    while True:
        file.seek(max(0, size - reach))
        tail = file.read()
        end = tail.rfind(b"\n", 0, -1)
        if end >= 0 or reach >= size:
            return tail[end + 1 :]
        reach *= 2
