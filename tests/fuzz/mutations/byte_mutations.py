"""Bytes of a file lost, doubled, changed, put in or written in another encoding."""

from random import Random
from typing import Final

_PIECES: Final = (
    b"\x00", b"\xff\xfe", b"9" * 5_000, b"-", b"1e400", b"NaN", b"\n", b"\r\n", b'"', b"^", b"|", b",", b"<",
    b"&lt;",     b"</Ntry>", b"<!DOCTYPE x>", "\u09e6".encode(), "\u202e".encode(), b"XFD1048576", b"A" * 300,
)  # fmt: skip
_CODECS: Final = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "cp500", "latin-1")


def spoil_bytes(random: Random, content: bytes) -> bytes:
    """Lose, double, change or put in some bytes, or cut the file off."""
    spoiled = bytearray(content)
    first = random.randrange(len(spoiled) + 1)
    last = min(len(spoiled), first + random.randint(0, 40))
    match random.randrange(6):
        case 0:
            del spoiled[first:last]
        case 1:
            spoiled[first:first] = spoiled[first:last]
        case 2:
            spoiled[first:first] = random.choice(_PIECES)
        case 3:
            spoiled[first:last] = random.randbytes(last - first)
        case 4 if spoiled:
            spoiled[min(first, len(spoiled) - 1)] ^= 1 << random.randrange(8)
        case _:
            del spoiled[first:]
    return bytes(spoiled)


def change_encoding(random: Random, content: bytes) -> bytes:
    """Write the text of a file in another encoding, with or without a byte order mark."""
    text = content.decode("utf-8", errors="replace")
    return text.encode(random.choice(_CODECS), errors="replace")
