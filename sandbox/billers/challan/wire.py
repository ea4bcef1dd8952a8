"""How the treasury's calls are read and its answers are written.

The token is requested with a form, everything else is a JSON object. Amounts are text in taka with exactly
two decimals, days `dd-MM-yyyy`. The errors never repeat what was sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl

from sandbox.kit.biller.taka_text import paisa_of, taka
from sandbox.kit.institution.requests import Form, MalformedRequestError, json_object

_FIELDS_MAX = 20
_HEADS_MAX = 20
_TEXT_LENGTH_MAX = 200
_PAYMENT_ID = re.compile(r"[A-Z0-9]{13}")
_ECONOMIC_CODE = re.compile(r"[0-9]{7}")
_MAY_BE_EMPTY: Mapping[str, re.Pattern[str]] = {
    "nid": re.compile(r"[0-9]{10}|[0-9]{13}|[0-9]{17}|"),
    "tin": re.compile(r"[0-9]{12}|"),
    "bin": re.compile(r"[0-9]{13}|"),
    "mobile": re.compile(r"01[3-9][0-9]{8}|"),
    "email": re.compile(r"[^@\s]{1,60}@[^@\s]{1,60}|"),
    "pob_nid": re.compile(r"[0-9]{10}|[0-9]{13}|[0-9]{17}|"),
    "pob_dob": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|"),
    "demand_no": re.compile(r"[A-Za-z0-9/_.-]{1,64}|"),
    "remarks": re.compile(r"[^<>\x00-\x1f]{1,200}|"),
}


class EncodedForm(Form):
    """The fields of a form, as against those of a JSON object."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A payment as it is registered; `heads` holds every economic code with its amount in paisa.

    `texts` are the members that may be empty.
    """

    payment_id: str
    paisa: int
    heads: Mapping[str, int]
    organization_code: str
    texts: Mapping[str, str]

    @property
    def heads_text(self) -> str:
        """The heads as one text."""
        return ";".join(f"{code}={taka(paisa)}" for code, paisa in self.heads.items())

    def as_note(self) -> dict[str, str]:
        """Return all of it as text to text; two payments are the same if these are."""
        return {
            "paidamount": taka(self.paisa),
            "heads": self.heads_text,
            "organization_code": self.organization_code,
            **self.texts,
        }


def read_fields(body: bytes) -> Form:
    """Return a JSON object or the fields of a form, whichever the body is.

    Raises:
        MalformedRequestError: it is neither, or a form names a field twice.
    """
    if body.lstrip()[:1] in {b"{", b"["}:
        return json_object(body)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=_FIELDS_MAX
        )
    except ValueError:
        raise MalformedRequestError("the body is neither JSON nor a form") from None
    form = EncodedForm(pairs)
    if len(form) != len(pairs):
        raise MalformedRequestError("a field is there twice")
    return form


def read_registration(form: Form) -> Registration:
    """Read a payment that is to be registered (fields of billers.md 2.9; `demand_no` and `remarks` are ours).

    Raises:
        MalformedRequestError: a field is missing or cannot be read; nothing was done.
    """
    persons = form.get("personcount")
    # JSON true is a Python int; a treasury that counted it as 1 would hide a caller's bug.
    if not isinstance(persons, int) or isinstance(persons, bool) or persons < 1:
        raise MalformedRequestError("personcount must be a whole number, 1 or more")
    paisa = read_amount(form, "paidamount")
    texts = {name: _shaped_text(form, name, shape) for name, shape in _MAY_BE_EMPTY.items()}
    return Registration(
        payment_id=read_payment_id(form),
        paisa=paisa,
        heads=_read_heads(form, paisa),
        organization_code=_shaped_text(form, "organization_code", re.compile(r"[0-9]{13}")),
        texts=texts,
    )


def read_payment_id(form: Form) -> str:
    """Return the paymentid: 13 capital letters and digits; raises MalformedRequestError."""
    return _shaped_text(form, "paymentid", _PAYMENT_ID)


def read_amount(form: Form, name: str) -> int:
    """Return an amount of more than nothing, in paisa; raises MalformedRequestError."""
    paisa = paisa_of(form.get(name))
    if not paisa:
        raise MalformedRequestError(f"{name} must be taka with two decimals, as text, and more than nothing")
    return paisa


def read_parameters(form: Form) -> dict[str, str]:
    """Return the parameters of a demand, all of them short texts; raises MalformedRequestError."""
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    if len(texts) != len(form) or not 0 < len(texts) <= _FIELDS_MAX:
        raise MalformedRequestError("a demand is named by texts")
    if any(not 0 < len(value) <= _TEXT_LENGTH_MAX for value in texts.values()):
        raise MalformedRequestError("a parameter is empty or too long")
    return texts


def day_text(day: date) -> str:
    """Write a day as `dd-MM-yyyy`."""
    return f"{day:%d-%m-%Y}"


def _read_heads(form: Form, paisa: int) -> dict[str, int]:
    """Return every head with its amount; the first has what the others leave of the whole."""
    first = _shaped_text(form, "paymenttype", _ECONOMIC_CODE)
    rows = form.get("addleconomic")
    if not isinstance(rows, list) or len(rows) >= _HEADS_MAX:
        raise MalformedRequestError("addleconomic must be a list")
    heads = {first: 0}
    for row in rows:
        if not isinstance(row, dict):
            raise MalformedRequestError("addleconomic must hold objects")
        code = _shaped_text(row, "economic_code", _ECONOMIC_CODE)
        if code in heads:
            raise MalformedRequestError("an economic code is there twice")
        heads[code] = read_amount(row, "amount")
    heads[first] = paisa - sum(heads.values())
    if heads[first] <= 0:
        raise MalformedRequestError("addleconomic leaves nothing for paymenttype")
    return heads


def _shaped_text(form: Form, name: str, shape: re.Pattern[str]) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise MalformedRequestError(f"{name} is missing or malformed")
    return value
