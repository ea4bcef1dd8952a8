"""Files of ISO 8583 messages, as card schemes clear with: frames, and the elements of each message.

The library pyiso8583 reads a message by a table of elements, which is the layout's. A message is read whole:
what it has behind its last element refuses it.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

import iso8583
from iso8583.specs import default_ascii

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.formats.message_layout import TYPE, ElementLayout, MessageLayout

_BLOCK: Final = 1014
_PADDING: Final = b"@@"
_LENGTH_BYTES: Final = 4
# A message has at most 128 elements of some hundred characters; a wrong length must not be waited for.
MESSAGE_MAX: Final = 65_535
_TAG, _TAG_LENGTH = 4, 3
_NOT_CELLS: Final = frozenset({"p", "1", "t", "h"})


def read(content: bytes, messages: MessageLayout) -> list[dict[str, str]]:
    """The cells of every message in its order, only those that it has.

    Raises:
        UnreadableFileError: a message cannot be read by the layout's elements; it is named by its number.
        ControlTotalError: the file ends inside a message, or without its end.
    """
    spec = _spec(messages)
    frames = _counted(content, messages.frame)
    return [_cells(number, frame, messages, spec) for number, frame in enumerate(frames, start=1)]


def _counted(content: bytes, frame: str) -> Iterator[bytes]:
    if frame == "rdw":
        return _with_descriptors(content)
    return _vbs(_unblocked(content) if frame == "blocked" else content, is_padded=frame == "blocked")


def _unblocked(content: bytes) -> bytes:
    if len(content) % _BLOCK:
        raise ControlTotalError(f"{len(content)} bytes are not blocks of {_BLOCK}: the file is cut off")
    blocks = [content[begin : begin + _BLOCK] for begin in range(0, len(content), _BLOCK)]
    for number, block in enumerate(blocks, start=1):
        if not block.endswith(_PADDING):
            raise UnreadableFileError(f"block {number} does not end with its padding")
    return b"".join(block[: -len(_PADDING)] for block in blocks)


def _vbs(content: bytes, *, is_padded: bool) -> Iterator[bytes]:
    begin, number = 0, 1
    while True:
        length = _length(content[begin : begin + _LENGTH_BYTES], number)
        begin += _LENGTH_BYTES
        if length == 0:
            break
        yield _whole(content[begin : begin + length], length, number)
        begin, number = begin + length, number + 1
    trailing = content[begin:].strip(_PADDING[:1]) if is_padded else content[begin:]
    if trailing:
        raise UnreadableFileError("something stands behind the end", line=number, unit="message")


def _with_descriptors(content: bytes) -> Iterator[bytes]:
    begin, number = 0, 1
    while begin < len(content):
        descriptor = content[begin : begin + _LENGTH_BYTES]
        length = _length(descriptor[:2].rjust(_LENGTH_BYTES, b"\x00"), number) - _LENGTH_BYTES
        if descriptor[2:] != b"\x00\x00" or length <= 0:
            raise UnreadableFileError("no record descriptor", line=number, unit="message")
        begin += _LENGTH_BYTES
        yield _whole(content[begin : begin + length], length, number)
        begin, number = begin + length, number + 1


def _length(four: bytes, number: int) -> int:
    if len(four) != _LENGTH_BYTES:
        raise ControlTotalError("no length: the file is cut off", line=number, unit="message")
    (length,) = struct.unpack(">I", four)
    if length > MESSAGE_MAX:
        raise UnreadableFileError(f"a length of {length} bytes", line=number, unit="message")
    return int(length)


def _whole(frame: bytes, length: int, number: int) -> bytes:
    if len(frame) != length:
        raise ControlTotalError(
            f"{len(frame)} of {length} bytes: the file is cut off", line=number, unit="message"
        )
    return frame


def _spec(messages: MessageLayout) -> dict[str, dict[str, Any]]:
    """The library's table with the layout's elements and no others."""
    bitmap = "b" if messages.bitmap == "binary" else messages.encoding
    spec: dict[str, dict[str, Any]] = {name: dict(default_ascii[name]) for name in ("h", "t", "p", "1")}
    spec["t"]["data_enc"] = messages.encoding
    for name in ("p", "1"):
        spec[name] |= {"data_enc": bitmap, "max_len": 8 if bitmap == "b" else 16}
    for number, element in messages.elements.items():
        spec[number] = _element(element, messages.encoding)
    return spec


def _element(element: ElementLayout, encoding: str) -> dict[str, Any]:
    return {
        "data_enc": "b" if element.form == "bytes" else encoding,
        "len_enc": encoding,
        "len_type": element.digits,
        "max_len": element.length,
        "desc": element.name,
    }


def _cells(number: int, frame: bytes, messages: MessageLayout, spec: Mapping[str, Any]) -> dict[str, str]:
    try:
        read_, _ = iso8583.decode(frame, spec)
    except iso8583.DecodeError as problem:
        raise UnreadableFileError(
            problem.msg, number, TYPE if problem.field == "t" else f"DE{problem.field}", "message"
        ) from problem
    except KeyError as problem:
        raise UnreadableFileError(
            "an element that the layout lacks", number, f"DE{problem.args[0]}", "message"
        ) from problem
    cells = {TYPE: read_["t"]}
    for name, text in read_.items():
        if name in _NOT_CELLS:
            continue
        tags = messages.elements[name].tags
        if tags:
            cells |= _parts(text, tags, number, name)
        else:
            cells[messages.name_of(name)] = text.strip()
    return cells


def _parts(text: str, tags: Mapping[str, str], number: int, element: str) -> dict[str, str]:
    cells: dict[str, str] = {}
    begin = 0
    while begin < len(text):
        tag = text[begin : begin + _TAG]
        digits = text[begin + _TAG : begin + _TAG + _TAG_LENGTH]
        begin += _TAG + _TAG_LENGTH
        length = int(digits) if len(digits) == _TAG_LENGTH and digits.isascii() and digits.isdecimal() else -1
        if tag not in tags or length < 0 or begin + length > len(text) or tags[tag] in cells:
            raise UnreadableFileError(
                f"a part {tag!r} that the layout lacks, or that is cut off or doubled",
                number,
                f"DE{element}",
                "message",
            )
        cells[tags[tag]] = text[begin : begin + length].strip()
        begin += length
    return cells
