"""Strict JSON for money: nothing guessed, nothing rounded, no member twice.

The stock parser takes `NaN`, lets the last of two equal keys win and turns numbers into floats
(api-conventions-and-security.md, findings 1 and 3). Here a number stays the text that was sent.
"""

import json
from typing import NoReturn


class MalformedJsonError(Exception):
    """The bytes are not one JSON object that we would act on; the text never repeats what was sent."""


class Number(str):
    """A JSON number, as it was written."""

    __slots__ = ()


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedJsonError("NaN and Infinity are no JSON")


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJsonError("a member stands twice")
    return members


_DECODER = json.JSONDecoder(
    object_pairs_hook=_refuse_duplicates,
    parse_int=Number,
    parse_float=Number,
    parse_constant=_refuse_constant,
)


def parse_object(body: bytes) -> dict[str, object]:
    """Read one JSON object whose numbers are kept as text.

    Raises:
        MalformedJsonError: not UTF-8, a byte order mark, trailing bytes, a member twice, NaN, nesting too
            deep, an unpaired surrogate or NUL in a text, or not an object.
    """
    try:
        text = body.decode("utf-8")
        document = _DECODER.decode(text)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise MalformedJsonError("not one JSON document in UTF-8") from error
    if not isinstance(document, dict):
        raise MalformedJsonError("not a JSON object")
    # Only an escape can hold one: UTF-8 has no half characters, and the decoder takes no bare NUL.
    if "\\u" in text:
        _refuse_unstorable_text(document)
    return document


def _refuse_unstorable_text(document: dict[str, object]) -> None:
    """Look for NUL and unpaired surrogates in every name and text, however deep."""
    waiting: list[object] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in value):
            raise MalformedJsonError("NUL or half a character")
