"""One empty XML element in a form field, read by the sandbox's own codec and written by it.

A DOCTYPE is refused, and with it every entity that a caller could declare.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl
from xml.parsers import expat

from sandbox.kit.biller.taka_text import paisa_of
from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field

_FIELD, _CALL = "xml", "request"
_SIGNS = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;"}
_METER = re.compile(r"[0-9]{11,12}")
_REFERENCE = re.compile(r"[0-9A-Za-z]{8,32}")


def read_fields(body: bytes) -> Form:
    """Return the attributes of the element in a form of one field.

    Raises:
        MalformedRequestError: it is no such form, or what it holds is no empty element called request.
    """
    try:
        form = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise MalformedRequestError("the body is no form") from None
    if [name for name, _ in form] != [_FIELD]:
        raise MalformedRequestError(f"the form must hold {_FIELD} and nothing else")
    return _attributes(form[0][1])


def write_element(attributes: Mapping[str, str]) -> str:
    """Return an answer as one empty element."""
    written = "".join(f' {name}="{text.translate(_SIGNS)}"' for name, text in attributes.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<response{written}/>\n'


def read_meter(form: Form) -> str:
    """Return the number of the meter; raises MalformedRequestError."""
    return _shaped(form, "meterNum", _METER)


def read_reference(form: Form) -> str:
    """Return the caller's own number of a vend; raises MalformedRequestError."""
    return _shaped(form, "transID", _REFERENCE)


def read_amount(form: Form) -> int:
    """Return the amount in paisa, more than nothing; raises MalformedRequestError."""
    paisa = paisa_of(form.get("amount"))
    if not paisa:
        raise MalformedRequestError("amount must be taka with two decimals and more than 0")
    return paisa


def check_modes(form: Form) -> None:
    """See that the caller says how the token is to come; raises MalformedRequestError."""
    if form.get("calcMode") != "SMS" or form.get("vendingMode") not in {"SMS", "ussd"}:
        raise MalformedRequestError("calcMode must be SMS and vendingMode SMS or ussd")


def _shaped(form: Form, name: str, shape: re.Pattern[str]) -> str:
    text = text_field(form, name)
    if not shape.fullmatch(text):
        raise MalformedRequestError(f"{name} has another form")
    return text


def _attributes(text: str) -> Form:
    elements: list[tuple[str, Form]] = []

    def refuse(*_: object) -> None:
        raise MalformedRequestError("a DOCTYPE is not taken")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: elements.append((name, attributes))
    parser.CharacterDataHandler = lambda data: elements.append(("text", {})) if data.strip() else None
    try:
        parser.Parse(text, True)  # noqa: FBT003 - the signature is expat's
    except (expat.ExpatError, ValueError):
        raise MalformedRequestError("the field holds no XML") from None
    if [name for name, _ in elements] != [_CALL]:
        raise MalformedRequestError(f"the field must hold one empty element called {_CALL}")
    return elements[0][1]
