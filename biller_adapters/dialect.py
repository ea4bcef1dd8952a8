"""The wire format of one family's calls: body, place of the token, reply code, and the answer to a login.

A family makes one `Dialect` for its `BillerClient`; nothing here sends anything. Where a far side issues no
tokens, a standing key made from the credentials (`key`) takes the token's place.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, json_object
from ekpay_switch.wing_kit.token_keeper import Grant

_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

Fields = Mapping[str, object]
HeadersAndBody = tuple[Mapping[str, str], bytes]
# Writes headers and body of a call from its fields and the token; without a token where that is empty.
WriteCall = Callable[[Fields, str], HeadersAndBody]


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of one biller: user, password and the others that its manifest names."""

    user: str
    password: str = field(repr=False)
    more: Mapping[str, str] = field(default_factory=dict, repr=False)


def _never_granted(_: Mapping[str, Any]) -> Grant:
    raise BrokenReplyError("this far side issues no tokens")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The calls of one family.

    Either `log_in` makes the fields of a login from user and password, or `key` makes a standing key from the
    credentials, which takes the token's place. `renew` makes the fields of a renewal from the last token, or
    None where that cannot be renewed. `read_grant` reads the answer to a login or renewal, `read` reads any
    answer into members, of which `code_member` is the code; both raise BrokenReplyError.
    """

    code_member: str
    write: WriteCall
    log_in: Callable[[str, str], Fields] | None = None
    read_grant: Callable[[Mapping[str, Any]], Grant] = _never_granted
    renew: Callable[[str], Fields | None] = lambda _: None
    key: Callable[[Credentials], str] = lambda _: ""
    read: Callable[[bytes], Mapping[str, Any]] = json_object


class JsonUnderHeader:
    """Writes a JSON body; the token is in the header of this name, after `prefix`."""

    def __init__(self, header: str, prefix: str = "") -> None:
        self._header = header
        self._prefix = prefix
        self._token = ""
        self._headers: Mapping[str, str] = _JSON

    def __call__(self, fields: Fields, token: str) -> HeadersAndBody:
        """See `WriteCall`; the headers of the last token are reused, since it rarely changes."""
        if token != self._token:
            self._headers = {self._header: self._prefix + token, **_JSON} if token else _JSON
            self._token = token
        return self._headers, json.dumps(fields).encode()


class FormWithToken:
    """Writes an HTML form in UTF-8; the token is one of its fields."""

    def __init__(self, field: str, to_wire: Callable[[str], str]) -> None:
        self._field = field
        self._to_wire = to_wire

    def __call__(self, fields: Fields, token: str) -> HeadersAndBody:
        """See `WriteCall`; `to_wire` makes the field's value from the stored token."""
        if token:
            fields = {**fields, self._field: self._to_wire(token)}
        return _FORM, urlencode(fields).encode()
