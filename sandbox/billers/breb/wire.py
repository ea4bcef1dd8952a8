"""How BREB's calls are read: form-encoded bodies, days `dd-MM-yyyy`, amounts as text.

The due amount is text in taka with two decimals, the paid one is text in whole taka.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple
from urllib.parse import parse_qsl

from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field

_FIELDS_MAX = 50
_ACCOUNT = re.compile(r"[0-9]{13}")
_MOBILE = re.compile(r"(\+?88)?01[0-9]{9}")
_PAYER_TYPE = re.compile(r"[13]")
_MONTH = re.compile(r"0[1-9]|1[0-2]")
_YEAR = re.compile(r"20[0-9]{2}")
_WHOLE_TAKA = re.compile(r"0|[1-9][0-9]{0,8}")

_SHAPES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "_pSMS_AC_NO": (_ACCOUNT, "13 digits"),
    "_pPAYER_ID": (_MOBILE, "a mobile number"),
    "_pPAYER_TYPE_ID": (_PAYER_TYPE, "3 for a subscriber or 1 for a retailer"),
    "_pBILL_MONTH": (_MONTH, "a month of 2 digits"),
    "_pBILL_YEAR": (_YEAR, "a year of 4 digits"),
    "_pPAY_AMOUNT": (_WHOLE_TAKA, "whole taka"),
}


class BillRequest(NamedTuple):
    """Which bill is meant."""

    account: str
    year: int
    month: int


class BrebSaveRequest(NamedTuple):
    """A payment that could be read; whether it is right is for the institution to say."""

    bill: BillRequest
    bill_number: str
    transaction_id: str
    paid_taka: int


class SavedReference(NamedTuple):
    """Under what something was, or was not, saved."""

    transaction_id: str
    bill_number: str


def form_fields(body: bytes) -> Form:
    """Return the fields of a form-encoded body.

    Raises:
        MalformedRequestError: it is no such body, holds no UTF-8, or names a field twice.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:
        raise MalformedRequestError("the body is no form") from None
    form: Form = dict(pairs)
    if len(form) != len(pairs):
        raise MalformedRequestError("a field is there twice")
    return form


def read_bill(form: Form) -> BillRequest:
    """Read which bill is requested; the payer is checked and not stored.

    Raises:
        MalformedRequestError: a field is missing or cannot be read.
    """
    _shaped(form, "_pPAYER_ID")
    _shaped(form, "_pPAYER_TYPE_ID")
    account = _shaped(form, "_pSMS_AC_NO")
    return BillRequest(account, int(_shaped(form, "_pBILL_YEAR")), int(_shaped(form, "_pBILL_MONTH")))


def read_save(form: Form) -> BrebSaveRequest:
    """Read a payment.

    Raises:
        MalformedRequestError: a field is missing or cannot be read.
    """
    return BrebSaveRequest(
        bill=read_bill(form),
        bill_number=text_field(form, "_pBILL_NO"),
        transaction_id=text_field(form, "_pTRANSACTION_ID"),
        paid_taka=int(_shaped(form, "_pPAY_AMOUNT")),
    )


def read_reference(form: Form) -> SavedReference:
    """Read which payment is acknowledged or inquired about.

    Raises:
        MalformedRequestError: a field is missing or cannot be read.
    """
    return SavedReference(text_field(form, "_pTRANSACTION_ID"), text_field(form, "_pBILL_NO"))


def exact_taka(paisa: int) -> str:
    """Write whole paisa, not negative, as taka with two decimals."""
    return f"{paisa // 100}.{paisa % 100:02d}"


def day_text(day: date) -> str:
    """Write a day as `dd-MM-yyyy`."""
    return f"{day.day:02d}-{day.month:02d}-{day.year:04d}"


def _shaped(form: Form, name: str) -> str:
    pattern, expectation = _SHAPES[name]
    value = form.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MalformedRequestError(f"{name} must be {expectation}")
    return value
