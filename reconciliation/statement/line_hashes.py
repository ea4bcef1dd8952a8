"""The digests of selected lines of a file, without hashing all others."""

from collections.abc import Sequence
from io import SEEK_END
from itertools import islice
from typing import BinaryIO, Final

import polars as pl

from reconciliation.statement.canonical_rows import raw_hashes
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import table_of

# The last line of a file is nearly always inside this many bytes.
_TAIL_BYTES: Final = 4096


def hashes_at(file: BinaryIO, layout: Layout, ordinals: Sequence[int]) -> pl.Series:
    """The `raw_hash` of the rows with these numbers (from 1, rising) of a file.

    The file must be at its beginning; text is read line by line and never held in memory.
    """
    if layout.fields is None or not ordinals:
        return pl.Series("raw_hash", [], pl.String)
    if layout.text is not None and layout.text.encoding != "utf-16-le-bom":
        return raw_hashes(table_of(_only(file, layout, ordinals), layout).cells, layout.fields)
    cells = table_of(file.read(), layout).cells
    return raw_hashes(cells[[ordinal - 1 for ordinal in ordinals]], layout.fields)


def _only(file: BinaryIO, layout: Layout, ordinals: Sequence[int]) -> bytes:
    """The header, headings and trailer of the file with only these lines of the body."""
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
