"""Reading a call: from bytes to a form, and from a form to single fields.

The texts of errors name the field and never repeat what was sent.
"""

import orjson

Form = dict[str, object]

_TEXT_LENGTH_MAX = 64


class MalformedRequestError(Exception):
    """The call cannot be read, so nothing was done; the text never repeats what was sent."""


def json_object(body: bytes) -> Form:
    """Return the JSON object of a body.

    Raises:
        MalformedRequestError: it is no JSON, or no object.
    """
    try:
        form = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedRequestError("the body is no JSON") from None
    if not isinstance(form, dict):
        raise MalformedRequestError("the body is no JSON object")
    return form


def text_field(form: Form, name: str) -> str:
    """Return a text of 1 to 64 characters.

    Raises:
        MalformedRequestError: it is missing, empty, too long or no text.
    """
    value = form.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_LENGTH_MAX:
        raise MalformedRequestError(f"{name} must be a text of 1 to {_TEXT_LENGTH_MAX} characters")
    return value
