"""How bKash's calls are read and written: amounts, times, and what each field may hold.

Amounts are taka with at most two decimals, as text or as a JSON number, because clients send both; they
leave as text with two decimals. A number is read from its shortest decimal form and never computed with.
"""

import re
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from sandbox.institution.clock import DHAKA
from sandbox.institution.requests import Form

MODE = "0011"
API_VERSION = "1.2.0-beta"
TEXT_LENGTH_MAX = 255

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,2}))?")
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
    """A call could be read and asks for what cannot be; the text is bKash's code for it."""


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


def paisa(value: object) -> int | None:
    """Read an amount in taka as whole paisa; None if it is none."""
    if isinstance(value, bool):
        return None
    text = value if isinstance(value, str) else repr(value) if isinstance(value, int | float) else ""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def taka(amount_paisa: int) -> str:
    """Write whole paisa as taka with two decimals."""
    sign = "-" if amount_paisa < 0 else ""
    whole, rest = divmod(abs(amount_paisa), 100)
    return f"{sign}{whole}.{rest:02d}"


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


def with_query(url: str, /, **fields: str) -> str:
    """Return an address with fields after those it already has."""
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
    return parts._replace(query=query).geturl()


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
    if not isinstance(value, str) or not value.isascii() or re.search(r"[\s<>\"]", value):
        raise BadFieldError("2049")
    try:
        parts = urlsplit(value)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_web = False
    if not is_web:
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
