"""A call with all that a caller can say in it: method, path, query, headers, and a body of any form."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from email.parser import BytesParser
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson

from sandbox.kit.institution.pages import PageVisit, read_visit
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form, MalformedRequestError

BROWSER_PATH = "browser_path"
"""The member of a scope that keeps the path as it came, before the server merged its slashes."""
_FIELDS_MAX = 200


class Request(NamedTuple):
    """One call; names of headers are lower case, and of names given twice the last counts.

    `values` are the pieces of the path that its template names.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    scope: Mapping[str, Any]
    values: Mapping[str, str] = {}

    @property
    def origin(self) -> str:
        """Where the caller found us, such as `http://127.0.0.1:8190`; also if a proxy stands between."""
        host, port = self.scope.get("server") or ("", 0)
        return f"http://{self.headers.get('host', f'{host}:{port}')}"

    @property
    def browser_path(self) -> str:
        """The path as it came; cookies go by it, and a browser keeps two slashes that are one in `path`."""
        path: str = self.scope.get(BROWSER_PATH, self.path)
        return path

    @property
    def basic(self) -> tuple[str, str] | None:
        """User and password of HTTP Basic, None if there are none."""
        scheme, _, coded = self.headers.get("authorization", "").partition(" ")
        try:
            user, is_pair, password = b64decode(coded.strip(), validate=True).decode().partition(":")
        except ValueError:
            return None
        return (user, password) if scheme.lower() == "basic" and is_pair else None

    def json(self) -> object:
        """Return the body as JSON.

        Raises:
            MalformedRequestError: it is not JSON.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise MalformedRequestError("the body is no JSON") from None

    def fields(self) -> Form:
        """Return the fields of the query and, over them, of a body that is JSON, multipart or urlencoded.

        Raises:
            MalformedRequestError: the body is none of these.
        """
        return {**self.query, **self._body_fields()}

    def visit(self) -> PageVisit:
        """Return it as a browser's request for a page.

        Raises:
            MalformedRequestError: its query or form cannot be read.
        """
        return read_visit(self.scope, self.body)

    def _body_fields(self) -> Form:
        kind = self.headers.get("content-type", "").lower()
        if not self.body.strip():
            return {}
        if kind.startswith("multipart/form-data"):
            return dict(_multipart(self.headers["content-type"], self.body))
        if "json" in kind or self.body.lstrip()[:1] == b"{":
            form = self.json()
            if not isinstance(form, dict):
                raise MalformedRequestError("the body is no JSON object")
            return form
        return dict(_urlencoded(self.body))


class Route(NamedTuple):
    """What answers a request: the name that the statistics know it by, and the answer.

    The answer is synchronous and runs to its end before the next begins. It may raise
    `MalformedRequestError` and nothing else.
    """

    name: str
    answer: Callable[[Request], Reply]


def read_request(scope: Mapping[str, Any], body: bytes) -> Request:
    """Read a request as it came.

    Raises:
        MalformedRequestError: its query cannot be read.
    """
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = _urlencoded(scope["query_string"])
    return Request(scope["method"], scope["path"], query, headers, body, scope)


def _urlencoded(text: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise MalformedRequestError("the form cannot be read") from None
    return dict(pairs)


def _multipart(content_type: str, body: bytes) -> dict[str, str]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    fields: dict[str, str] = {}
    for part in BytesParser().parsebytes(head + body).walk():
        name = part.get_param("name", header="content-disposition")
        if part.is_multipart() or not isinstance(name, str):
            continue
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes) or len(fields) >= _FIELDS_MAX:
            raise MalformedRequestError("the form cannot be read")
        fields[name] = content.decode(errors="replace")
    return fields
