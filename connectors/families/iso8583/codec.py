"""Encoding of messages: fields in ASCII, binary bitmaps, and a MAC where required (host link document)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import iso8583
from iso8583.specs import default_ascii

from connectors.families.iso8583.mac import MAC_BYTES, MacKey
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

MTI = "t"
_PRIMARY, _SECONDARY = "p", "1"
_LAST_OF_PRIMARY = 64
_MAC_FIELDS = ("64", "128")
_BITMAPS = frozenset({_PRIMARY, _SECONDARY})

# Fields of fixed length, and fields with a length prefix (its digits, the maximum length).
_FIXED: Mapping[str, int] = MappingProxyType(
    {"3": 6, "4": 12, "7": 10, "11": 6, "12": 6, "13": 4, "15": 4, "18": 4, "37": 12, "38": 6, "39": 2}
    | {"41": 8, "42": 15, "49": 3, "70": 3, "90": 42}
)
_VARIABLE: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"2": (2, 19), "32": (2, 11), "48": (3, 999), "102": (2, 28)}
)

Fields = Mapping[str, str]


def _spec() -> dict[str, dict[str, Any]]:
    """The library's field table with our fields; other fields are read as the library defines them."""
    spec: dict[str, dict[str, Any]] = {name: dict(entry) for name, entry in default_ascii.items()}
    for name in _BITMAPS:
        spec[name] |= {"data_enc": "b", "max_len": 8}
    for name in _MAC_FIELDS:
        spec[name] |= {"data_enc": "b", "max_len": MAC_BYTES}
    for name, length in _FIXED.items():
        spec[name] |= {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": length}
    for name, (digits, length) in _VARIABLE.items():
        spec[name] |= {"data_enc": "ascii", "len_enc": "ascii", "len_type": digits, "max_len": length}
    return spec


SPEC = _spec()


def encode(fields: Fields, key: MacKey | None = None) -> bytes:
    """The bytes of a message, with a MAC under `key` if given."""
    if key is None:
        return bytes(iso8583.encode(dict(fields), SPEC)[0])
    raw, _ = iso8583.encode({**fields, _mac_field(fields): "00" * MAC_BYTES}, SPEC)
    signed = bytes(raw[:-MAC_BYTES])
    return signed + key.mac_of(signed)


def decode(message: bytes, key: MacKey | None = None) -> dict[str, str]:
    """The fields of a message, with its MTI under `t`, without bitmaps and MAC.

    With `key` the message must have a correct MAC in field 64 or 128, the last field of its last bitmap.

    Raises:
        BrokenReplyError: it is malformed, or its MAC is missing or wrong.
    """
    try:
        read, _ = iso8583.decode(message, SPEC)
    except (iso8583.DecodeError, KeyError):
        # The error's own text quotes the message.
        raise BrokenReplyError("a message that cannot be read") from None
    fields = {name: text for name, text in read.items() if name not in (*_BITMAPS, *_MAC_FIELDS)}
    if key is not None:
        mac = bytes.fromhex(read.get(_mac_field(fields), ""))
        if not key.is_right(message[:-MAC_BYTES], mac):
            raise BrokenReplyError("a wrong MAC")
    return fields


def _mac_field(fields: Fields) -> str:
    """The field of the MAC: 64, or 128 where there are fields beyond 64."""
    is_long = any(name.isdecimal() and int(name) > _LAST_OF_PRIMARY for name in fields)
    return _MAC_FIELDS[is_long]
