"""The envelope of every message but the login: the partners' codec, stricter about the header."""

import base64
import json

from sandbox.kit.institution.requests import Form, MalformedRequestError, json_object
from sandbox.kit.jwe import PROTECTED_HEADER, EnvelopeError, seal, unseal

MESSAGE = "message"
"""The member in which a sealed message is handed on; it is None where what was sealed is no JSON object."""

_HEADER = json.loads(PROTECTED_HEADER)


def open_body(body: bytes, secret: str) -> Form:
    """Return what a body holds: a login in the clear as it stands, else the message within.

    Raises:
        MalformedRequestError: it is no login and cannot be opened.
    """
    if body.startswith(b"{"):
        return {name: value for name, value in json_object(body).items() if name != MESSAGE}
    try:
        text = body.decode("ascii")
        _check_header(text.partition(".")[0])
        plain = unseal(text, secret)
    except (EnvelopeError, UnicodeDecodeError):
        raise MalformedRequestError("the body is no envelope of this partner") from None
    try:
        return {MESSAGE: json_object(plain)}
    except MalformedRequestError:
        return {MESSAGE: None}


def seal_answer(message: object, secret: str) -> str:
    """Return an answer as it travels."""
    return seal(json.dumps(message).encode(), secret)


def _check_header(part: str) -> None:
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        raise EnvelopeError("the protected header is no JSON") from None
    if header != _HEADER:
        raise EnvelopeError("the protected header holds more or less than alg, enc and cty")
