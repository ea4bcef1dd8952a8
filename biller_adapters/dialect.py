"""How the calls of one family look: the body, where the token goes, where the code stands, how a login reads.

A family makes one `Dialect` and gives it to its `BillerLine`; nothing here sends anything. Where a far side
gives out no tokens, what stands in the token's place is made from the credentials once (`key`).
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
Written = tuple[Mapping[str, str], bytes]
# Headers and body of a call from its fields, under the kept token or, where that is empty, under none.
Write = Callable[[Fields, str], Written]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the settings of one biller hold: user, password and whatever else its manifest names."""

    user: str
    password: str = field(repr=False)
    more: Mapping[str, str] = field(default_factory=dict, repr=False)


def _never_granted(_: Mapping[str, Any]) -> Grant:
    raise BrokenReplyError("this far side gives out no tokens")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The calls of one family.

    Either `log_in` makes the fields of a login from user and password, or `key` makes what stands in the
    token's place from the credentials. `renew` makes the fields of a renewal from what was kept last, or
    None where that cannot be renewed. `read_grant` reads the answer to a login or renewal, `read` any answer
    into members of which `code_member` is the code; both raise BrokenReplyError.
    """

    code_member: str
    write: Write
    log_in: Callable[[str, str], Fields] | None = None
    read_grant: Callable[[Mapping[str, Any]], Grant] = _never_granted
    renew: Callable[[str], Fields | None] = lambda _: None
    key: Callable[[Credentials], str] = lambda _: ""
    read: Callable[[bytes], Mapping[str, Any]] = json_object


class JsonUnderHeader:
    """A JSON body; the token stands in a header of this name, behind `prefix`."""

    def __init__(self, header: str, prefix: str = "") -> None:
        self._header = header
        self._prefix = prefix
        self._token = ""
        self._headers: Mapping[str, str] = _JSON

    def __call__(self, fields: Fields, token: str) -> Written:
        """See `Write`; the headers of the last token are kept, since it rarely changes."""
        if token != self._token:
            self._headers = {self._header: self._prefix + token, **_JSON} if token else _JSON
            self._token = token
        return self._headers, json.dumps(fields).encode()


class FormWithToken:
    """A form as HTML pages send it, in UTF-8; the token is one of its fields."""

    def __init__(self, field: str, shown: Callable[[str], str]) -> None:
        self._field = field
        self._shown = shown

    def __call__(self, fields: Fields, token: str) -> Written:
        """See `Write`; `shown` is what a call shows of the token that is kept."""
        if token:
            fields = {**fields, self._field: self._shown(token)}
        return _FORM, urlencode(fields).encode()
