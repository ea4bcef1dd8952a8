"""The states of this family, and how an answer is wrapped."""

from collections.abc import Mapping

from sandbox.billers.xmlvend import wire
from sandbox.kit.institution.replies import Errors, Reply, text_reply

_XML = "text/xml; charset=utf-8"
_SUCCESS = "0"


def success(attributes: Mapping[str, str]) -> Reply:
    """Return a success reply."""
    return _reply({"state": _SUCCESS, "message": "OK", **attributes})


def refusal(state: str, message: str) -> Reply:
    """Return an answer under HTTP 200 that brings nothing but its state."""
    return _reply({"state": state, "message": message})


def _reply(attributes: Mapping[str, str]) -> Reply:
    return text_reply(_XML, wire.write_element(attributes))._replace(code=attributes["state"])


def _error(status: int, message: str) -> Reply:
    reply = refusal(str(status), message)
    return reply._replace(start={**reply.start, "status": status})


ERRORS = Errors(_error)
"""The HTTP status is repeated as state."""

ACKNOWLEDGED = text_reply("text/plain; charset=utf-8", "success")._replace(code="success")
"""The bare word that answers an acknowledgement."""

UNKNOWN = refusal("21", "no such meter")
WRONG_CREDENTIALS = refusal("31", "wrong user or password")
QUOTE_EXPIRED = refusal("40", "refCode is not valid any more")
REFUSED = refusal("41", "refused")
NO_RECORD = refusal("44", "no record")
DEPOSIT_TOO_LOW = refusal("45", "vendor balance is too low")
OUT_OF_BOUNDS = refusal("46", "the amount is out of bounds")
LIMIT_REACHED = refusal("88", "vending limit of this meter is reached")
