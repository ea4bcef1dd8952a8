"""Just enough of TrueType to ask a font for its version and for the characters that it draws."""

import struct
from pathlib import Path


def _tables(font: bytes) -> dict[str, bytes]:
    (count,) = struct.unpack(">H", font[4:6])
    heads = (struct.unpack(">4sIII", font[12 + 16 * n : 28 + 16 * n]) for n in range(count))
    return {tag.decode(): font[at : at + length] for tag, _, at, length in heads}


def name_of(path: Path, name_id: int) -> str:
    """A line of the name table: 1 the family, 5 the version, 13 the licence."""
    table = _tables(path.read_bytes())["name"]
    _, count, start = struct.unpack(">HHH", table[:6])
    for n in range(count):
        platform, _, _, found, length, at = struct.unpack(">6H", table[6 + 12 * n : 18 + 12 * n])
        if (platform, found) == (3, name_id):
            return table[start + at : start + at + length].decode("utf-16-be")
    raise LookupError(name_id)


def drawn_by(path: Path) -> set[str]:
    """Every character that the font has a glyph for, by its format 4 map."""
    table = _tables(path.read_bytes())["cmap"]
    (count,) = struct.unpack(">H", table[2:4])
    found: set[str] = set()
    for n in range(count):
        _, _, at = struct.unpack(">HHI", table[4 + 8 * n : 12 + 8 * n])
        kind, _, _, twice = struct.unpack(">HHHH", table[at : at + 8])
        if kind == 4:
            found |= _format_4(table[at:], twice // 2)
    return found


def _format_4(table: bytes, segments: int) -> set[str]:
    def column(start: int) -> tuple[int, ...]:
        return struct.unpack(f">{segments}H", table[start : start + 2 * segments])

    ends, starts = column(14), column(16 + 2 * segments)
    return {chr(code) for first, last in zip(starts, ends, strict=True) for code in range(first, last + 1)}
