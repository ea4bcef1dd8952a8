"""The digest of single lines of a file, where only the lines that somebody asks about are worth it."""

from collections.abc import Sequence
from io import BytesIO
from itertools import islice

import polars as pl

from reconciliation.statement.canonical import raw_hashes
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import table_of


def at(content: bytes, layout: Layout, ordinals: Sequence[int]) -> pl.Series:
    """What `raw_hash` is of the rows with these numbers, from 1 and rising, of a file that was read."""
    if layout.fields is None or not ordinals:
        return pl.Series("raw_hash", [], pl.String)
    if layout.text is not None and layout.text.encoding != "utf-16-le-bom":
        return raw_hashes(table_of(_only(content, layout, ordinals), layout).cells, layout.fields)
    cells = table_of(content, layout).cells
    return raw_hashes(cells[[ordinal - 1 for ordinal in ordinals]], layout.fields)


def _only(content: bytes, layout: Layout, ordinals: Sequence[int]) -> bytes:
    """The file with no other lines than these between what stands around its body."""
    above = (layout.header is not None) + (layout.text is not None and layout.text.headings)
    lines = BytesIO(content)
    kept = list(islice(lines, above))
    gaps = (number - before - 1 for before, number in zip((0, *ordinals), ordinals, strict=False))
    kept += [next(islice(lines, gap, None)) for gap in gaps]
    if layout.trailer is not None:
        kept.append(content[content.rfind(b"\n", 0, -1) + 1 :])
    return b"".join(kept)
