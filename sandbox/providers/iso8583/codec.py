"""ISO 8583:1987 from bytes to fields and back, as in `docs/protocols/iso8583-host-link.md`.

ASCII throughout but for the bitmaps and the MAC. Only the fields below exist: the length of any other is
unknown, so a message that has one cannot be read.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from sandbox.providers.iso8583.mac import MAC_LENGTH, mac_of

MESSAGE_LENGTH_MAX = 1_000
"""Bytes of one message, without the two length bytes before it."""

MAC, SECOND_MAC = 64, 128
"""Which field carries the MAC: the second where any other above 64 is present."""

_MTI_LENGTH, _BITMAP_LENGTH, _BITS = 4, 8, 64
_SECOND_BITMAP = 1


class UnreadableMessageError(Exception):
    """The bytes are no message; the text names the field and never repeats what was sent."""


class Letters(Enum):
    """What a field is made of."""

    DIGITS = re.compile(rb"[0-9]*")
    ALPHANUMERIC = re.compile(rb"[0-9A-Za-z]*")
    PRINTABLE = re.compile(rb"[\x20-\x7e]*")


class FieldForm(NamedTuple):
    """How a field is written: its letters, its length, and how many length digits precede it.

    Without such digits the length is fixed: digits are filled with zeros on the left, the rest with blanks on
    the right.
    """

    letters: Letters
    length: int
    counted_in: int = 0


_N, _AN, _ANS = Letters.DIGITS, Letters.ALPHANUMERIC, Letters.PRINTABLE

FORMS: Mapping[int, FieldForm] = {
    2: FieldForm(_N, 19, 2),
    3: FieldForm(_N, 6),
    4: FieldForm(_N, 12),
    7: FieldForm(_N, 10),
    11: FieldForm(_N, 6),
    12: FieldForm(_N, 6),
    13: FieldForm(_N, 4),
    15: FieldForm(_N, 4),
    18: FieldForm(_N, 4),
    22: FieldForm(_N, 3),
    25: FieldForm(_N, 2),
    32: FieldForm(_N, 11, 2),
    37: FieldForm(_AN, 12),
    38: FieldForm(_AN, 6),
    39: FieldForm(_AN, 2),
    41: FieldForm(_ANS, 8),
    42: FieldForm(_ANS, 15),
    48: FieldForm(_ANS, 999, 3),
    49: FieldForm(_N, 3),
    62: FieldForm(_ANS, 999, 3),
    63: FieldForm(_ANS, 999, 3),
    70: FieldForm(_N, 3),
    90: FieldForm(_N, 42),
    95: FieldForm(_ANS, 42),
    102: FieldForm(_ANS, 28, 2),
    103: FieldForm(_ANS, 28, 2),
}
"""Every field but the MAC (connectors.md 12.3)."""

Fields = Mapping[int, str]


@dataclass(frozen=True, slots=True)
class IsoMessage:
    """One message as it came; texts of fixed length still have their filling.

    `mac` is empty where there is none; it covers `covered`, the bytes before it.
    """

    mti: str
    fields: Fields
    mac: bytes = b""
    covered: bytes = b""

    def is_sealed(self, key: bytes) -> bool:
        """Whether the MAC is there and right."""
        return bool(self.mac) and self.mac == mac_of(key, self.covered)


def decode(content: bytes) -> IsoMessage:
    """Read one message, without the length before it.

    Raises:
        UnreadableMessageError: it is not a message, or further bytes follow it.
    """
    reader = _MessageReader(content)
    mti = reader.text("MTI", FieldForm(Letters.DIGITS, _MTI_LENGTH))
    present = list(reader.bits(0))
    if present[:1] == [_SECOND_BITMAP]:
        # A second bitmap that says nothing is a bitmap all the same (connectors.md 16.1).
        present = [*present[1:], *reader.bits(_BITS)]
    has_mac = present[-1:] in ([MAC], [SECOND_MAC])
    listed = present[:-1] if has_mac else present
    fields = {number: reader.text(f"DE{number}", _form_of(number)) for number in listed}
    covered = reader.read_so_far
    mac = reader.take("the MAC", MAC_LENGTH) if has_mac else b""
    if reader.read_so_far != content:
        raise UnreadableMessageError("there is more behind the last field")
    return IsoMessage(mti, fields, mac, covered)


def encode(mti: str, fields: Fields, key: bytes | None = None) -> bytes:
    """Write one message, without the length before it; with a key a MAC ends it.

    Raises:
        ValueError: there is no such field, or a value that it cannot hold.
    """
    is_long = max(fields, default=0) > _BITS
    numbers = sorted({*fields, *_mac_field(key, is_long=is_long)})
    bitmap = _bitmap([_SECOND_BITMAP, *numbers] if is_long else numbers)
    written = [_encode_field(number, fields[number]) for number in numbers if number in fields]
    covered = mti.encode() + bitmap[: _BITMAP_LENGTH * (1 + is_long)] + b"".join(written)
    return covered if key is None else covered + mac_of(key, covered)


def frame(content: bytes) -> bytes:
    """Return a message with its length before it, two bytes, big-endian."""
    return len(content).to_bytes(2) + content


def _mac_field(key: bytes | None, *, is_long: bool) -> list[int]:
    if key is None:
        return []
    return [SECOND_MAC if is_long else MAC]


def _bitmap(numbers: list[int]) -> bytes:
    bits = sum(1 << (2 * _BITS - number) for number in numbers)
    return bits.to_bytes(2 * _BITMAP_LENGTH)


def _encode_field(number: int, value: str) -> bytes:
    form = FORMS.get(number)
    if form is None:
        raise ValueError(f"there is no DE{number} here")
    if form.counted_in:
        filled = value
    else:
        filled = value.rjust(form.length, "0") if form.letters is _N else value.ljust(form.length)
    text = filled.encode("ascii")
    if len(text) > form.length or not form.letters.value.fullmatch(text):
        raise ValueError(f"DE{number} cannot hold that")
    return f"{len(text):0{form.counted_in}d}".encode() + text if form.counted_in else text


def _form_of(number: int) -> FieldForm:
    form = FORMS.get(number)
    if form is None:
        raise UnreadableMessageError(f"there is no DE{number} here, or not in this place")
    return form


class _MessageReader:
    """Reads a message from its beginning."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def read_so_far(self) -> bytes:
        return self._content[: self._at]

    def take(self, name: str, length: int) -> bytes:
        piece = self._content[self._at : self._at + length]
        if len(piece) != length:
            raise UnreadableMessageError(f"the message ends within {name}")
        self._at += length
        return piece

    def bits(self, above: int) -> Iterator[int]:
        """Yield the fields that the next bitmap names, the first of which is `above` + 1."""
        bits = int.from_bytes(self.take("a bitmap", _BITMAP_LENGTH))
        return (above + number for number in range(1, _BITS + 1) if bits >> (_BITS - number) & 1)

    def text(self, name: str, form: FieldForm) -> str:
        length = form.length
        if form.counted_in:
            length = int(self._letters(name, Letters.DIGITS, form.counted_in))
            if length > form.length:
                raise UnreadableMessageError(f"{name} is too long")
        return self._letters(name, form.letters, length)

    def _letters(self, name: str, letters: Letters, length: int) -> str:
        piece = self.take(name, length)
        if not letters.value.fullmatch(piece):
            raise UnreadableMessageError(f"{name} has letters that it cannot have")
        return piece.decode("ascii")
