"""Pages of an institution that a person's browser opens; they work without script."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import MalformedRequestError

_FIELDS_MAX = 50
METHODS = frozenset({"GET", "POST"})
"""How a page may be called."""


class PageVisit(NamedTuple):
    """One request of a browser; of fields named twice the last counts."""

    method: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    cookies: Mapping[str, str]
    accept_language: str = ""
    """The languages that the browser's reader prefers, as the header of that name has them."""


PageHandler = Callable[[PageVisit], Reply]


def read_visit(scope: Mapping[str, Any], body: bytes) -> PageVisit:
    """Read a request for a page.

    Raises:
        MalformedRequestError: its query or form cannot be read.
    """
    languages = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    return PageVisit(
        scope["method"],
        _fields(scope["query_string"]),
        _fields(body),
        _cookies(scope["headers"]),
        languages.decode("latin-1"),
    )


def is_web_address(text: object) -> bool:
    """Whether a browser can be sent there: http or https, a host, and nothing that must be escaped."""
    if not isinstance(text, str) or not text.isascii() or re.search(r"[\s<>\"]", text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def with_query(url: str, /, **fields: str) -> str:
    """Return an address with fields after those it already has."""
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
    return parts._replace(query=query).geturl()


def _fields(text: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX
        )
    except ValueError:
        raise MalformedRequestError("the form cannot be read") from None
    return dict(pairs)


def _cookies(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    # The library's jar drops them all if one of another page on this host has a name it dislikes.
    sent = ";".join(value.decode("latin-1") for name, value in headers if name == b"cookie")
    pairs = (part.strip().partition("=") for part in sent.split(";"))
    return {name: value for name, is_pair, value in pairs if is_pair}
