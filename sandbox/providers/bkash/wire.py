"""How bKash's calls are read and written: amounts, times, and what each field may hold.

Amounts are taka with at most two decimals, as text or as a JSON number, because clients send both; they
leave as text with two decimals.
"""

import re
from datetime import datetime
from typing import NamedTuple

from sandbox.kit.institution.amounts import paisa
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.requests import Form

MODE = "0011"
API_VERSION = "1.2.0-beta"
TEXT_LENGTH_MAX = 255

_FORBIDDEN = re.compile(r"[<>&\x00-\x1f\x7f]")
_TAG_LENGTH = 4
_AGREEMENT_MODES = ("0000", "0001")
_MANDATORY = (
    "mode",
    "payerReference",
    "callbackURL",
    "amount",
    "currency",
    "intent",
    "merchantInvoiceNumber",
)


class BadFieldError(Exception):
    """A call that could be read asks for something impossible; the text is bKash's code for it."""


class CreateRequest(NamedTuple):
    """A payment to be opened for a payer."""

    invoice: str
    amount_paisa: int
    payer_reference: str
    callback_url: str


def read_create(form: Form) -> CreateRequest:
    """Read a create call.

    Raises:
        BadFieldError: a field is missing or wrong, or asks for an agreement or an authorisation, which this
            app has not.
    """
    if form.get("mode") in _AGREEMENT_MODES:
        raise BadFieldError("2064")
    if any(form.get(name) in (None, "") for name in _MANDATORY):
        raise BadFieldError("2065")
    _check_product(form)
    amount = paisa(form["amount"])
    if amount is None or amount < 100:  # noqa: PLR2004 - one taka
        raise BadFieldError("2006")
    info = form.get("merchantAssociationInfo")
    if info is not None and not (isinstance(info, str) and _is_tlv(info)):
        raise BadFieldError("2047")
    return CreateRequest(
        invoice=_plain(form, "merchantInvoiceNumber", "2031"),
        amount_paisa=amount,
        payer_reference=_plain(form, "payerReference", "2048"),
        callback_url=_callback(form["callbackURL"]),
    )


def _check_product(form: Form) -> None:
    if form["mode"] != MODE:
        raise BadFieldError("2063")
    if form["currency"] != "BDT":
        raise BadFieldError("2007")
    if form["intent"] != "sale":
        raise BadFieldError("2064" if form["intent"] == "authorization" else "2008")


def time_v1(instant: datetime) -> str:
    """Write an instant as the first version does: Dhaka time, a colon before the milliseconds."""
    return f"{time_v2(instant)} GMT+0600"


def time_v2(instant: datetime) -> str:
    """Write an instant as the refunds of the second version do: Dhaka time without saying so."""
    local = instant.astimezone(DHAKA)
    return f"{local:%Y-%m-%dT%H:%M:%S}:{local.microsecond // 1_000:03d}"


def time_of_notice(instant: datetime) -> str:
    """Write an instant as a notification does: Dhaka time, digits only."""
    return f"{instant.astimezone(DHAKA):%Y%m%d%H%M%S}"


def id_field(form: Form, name: str) -> str | None:
    """Return an identifier or a short text; None if it is missing or too long."""
    value = form.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= TEXT_LENGTH_MAX else None


def _plain(form: Form, name: str, code: str) -> str:
    value = id_field(form, name)
    if value is None or _FORBIDDEN.search(value):
        raise BadFieldError(code)
    return value


def _callback(value: object) -> str:
    if not isinstance(value, str) or not is_web_address(value):
        raise BadFieldError("2049")
    return value


def _is_tlv(text: str) -> bool:
    """Whether a text is tags of two characters, lengths of two digits and values of that length."""
    while text:
        head, text = text[:_TAG_LENGTH], text[_TAG_LENGTH:]
        digits = head[2:]
        if len(head) != _TAG_LENGTH or not (digits.isascii() and digits.isdigit()):
            return False
        if len(text) < int(digits):
            return False
        text = text[int(digits) :]
    return True
