"""Workbooks spoiled inside whole packing: sheet, texts, styles, directory; and the packing itself."""

import struct
from io import BytesIO
from random import Random
from typing import Final
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

from tests.fuzz.mutations.byte_mutations import spoil_bytes
from tests.fuzz.mutations.tree_mutations import spoil_tree

_SHEET: Final = "xl/worksheets/sheet1.xml"
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
# Behind a signature: versions, flags, method, time, CRC, sizes, lengths of name and extra field, places.
_HEADER_BYTES: Final = {_LOCAL: 30, _CENTRAL: 46, _END: 22}
_NUMBERS: Final = (0, 1, 8, 12, 14, 99, 255, 0x7FFFFFFF, 0xFFFFFFFF)


def without_dates(content: bytes) -> bytes:
    """The same workbook without the time at which it was written, so that it is the same again."""
    return _packed([(name, text) for name, text in _parts(content) if not name.startswith("docProps")])


def spoil_workbook(random: Random, content: bytes) -> bytes:
    """A workbook with a part changed inside, or with a part, a header or bytes of its packing changed."""
    match random.randrange(8):
        case 0:
            return spoil_bytes(random, content)
        case 1 | 2:
            return _spoil_header(random, content)
        case 3:
            return _spoil_directory(random, content)
        case 4:
            return _spoil_part(random, content, is_sheet=False)
        case _:
            return _spoil_part(random, content, is_sheet=True)


def _parts(content: bytes) -> list[tuple[str, bytes]]:
    with ZipFile(BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _packed(parts: list[tuple[str, bytes]], method: int = ZIP_DEFLATED) -> bytes:
    stream = BytesIO()
    with ZipFile(stream, "w", method) as archive:
        for name, content in parts:
            with archive.open(name, "w") as part:
                part.write(content)
    return stream.getvalue()


def _spoil_part(random: Random, content: bytes, *, is_sheet: bool) -> bytes:
    parts = _parts(content)
    names = [_SHEET] if is_sheet else [name for name, _ in parts if name.endswith((".xml", ".rels"))]
    chosen = random.choice(names)
    spoil = random.choice((spoil_tree, spoil_tree, spoil_bytes))
    return _packed([(name, spoil(random, text) if name == chosen else text) for name, text in parts])


def _spoil_directory(random: Random, content: bytes) -> bytes:
    """Lose, rename or add a part, or pack all of them in another way."""
    parts = _parts(content)
    place = random.randrange(len(parts))
    method = ZIP_DEFLATED
    match random.randrange(5):
        case 0:
            del parts[place]
        case 1:
            parts[place] = (
                random.choice(("x", "../x", "/xl/workbook.xml", parts[0][0])) + "y",
                parts[place][1],
            )
        case 2:
            parts += [(f"x{number}", b"") for number in range(random.choice((1, 200)))]
        case 3:
            parts[place] = (parts[place][0], parts[place][1] + b" " * random.choice((100, 3_000_000)))
        case _:
            method = random.choice((ZIP_STORED, ZIP_BZIP2, ZIP_LZMA))
    return _packed(parts, method)


def _spoil_header(random: Random, content: bytes) -> bytes:
    """Write another number into a header of a part, of the directory or of its end."""
    signature = random.choice((_LOCAL, _CENTRAL, _END))
    places = []
    place = content.find(signature)
    while place >= 0:
        places.append(place)
        place = content.find(signature, place + 4)
    begin = random.choice(places or [0])
    at = begin + random.randrange(_HEADER_BYTES[signature] - 3)
    width = random.choice((2, 4))
    number = random.choice((*_NUMBERS, random.randrange(1 << 32))) & ((1 << 8 * width) - 1)
    written = struct.pack("<I", number)[:width]
    return content[:at] + written + content[at + width :]
