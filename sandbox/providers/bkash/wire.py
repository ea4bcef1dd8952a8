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
from sandbox.providers.bkash.payment import BkashIntent, BkashMode

API_VERSION = "1.2.0-beta"
TEXT_LENGTH_MAX = 255

_FORBIDDEN = re.compile(r"[<>&\x00-\x1f\x7f]")
_TAG_LENGTH = 4
_OF_EVERY_PAYMENT = ("mode", "callbackURL", "amount", "currency", "intent", "merchantInvoiceNumber")
_MANDATORY: dict[str, tuple[str, ...]] = {
    BkashMode.AGREEMENT: ("callbackURL", "payerReference"),
    BkashMode.WITH_AGREEMENT: (*_OF_EVERY_PAYMENT, "agreementID"),
}
_MANDATORY_ELSE = (*_OF_EVERY_PAYMENT, "payerReference")
_MANDATORY_IN_FRAME = ("amount", "currency", "intent", "merchantInvoiceNumber")
_TOKENISED = frozenset({BkashMode.AGREEMENT, BkashMode.WITH_AGREEMENT, BkashMode.WITHOUT_AGREEMENT})


class BadFieldError(Exception):
    """A call that could be read asks for something impossible; the text is bKash's code for it."""


class CreateRequest(NamedTuple):
    """A payment to be opened for a payer, or an agreement, which has no invoice and an amount of 0.

    `payer_reference` is empty if the agreement that is paid by tells it, and in a frame, which has no
    `callback_url` either.
    """

    mode: str
    invoice: str
    amount_paisa: int
    payer_reference: str
    callback_url: str
    agreement_id: str | None = None
    intent: str = BkashIntent.SALE


def read_create(form: Form) -> CreateRequest:
    """Read a create call.

    Clients send every field of every mode; those that a mode does not need are not looked at.

    Raises:
        BadFieldError: a field that the mode needs is missing or wrong.
    """
    mode = form.get("mode")
    mandatory = _MANDATORY.get(str(mode), _MANDATORY_ELSE)
    if any(form.get(name) in (None, "") for name in mandatory):
        raise BadFieldError("2065")
    if not isinstance(mode, str) or mode not in _TOKENISED:
        raise BadFieldError("2063")
    if mode == BkashMode.AGREEMENT:
        reference = _plain(form, "payerReference", "2048")
        return CreateRequest(mode, "", 0, reference, _callback(form["callbackURL"]))
    request = _read_payment(form, mode)
    pays_by_agreement = mode == BkashMode.WITH_AGREEMENT
    is_told_by_agreement = pays_by_agreement and form.get("payerReference") in (None, "")
    return request._replace(
        payer_reference="" if is_told_by_agreement else _plain(form, "payerReference", "2048"),
        callback_url=_callback(form["callbackURL"]),
        agreement_id=_plain(form, "agreementID", "2051") if pays_by_agreement else None,
    )


def read_create_in_frame(form: Form) -> CreateRequest:
    """Read a create call of the product whose page stands in a frame: the payment and nothing of its payer.

    Raises:
        BadFieldError: a field is missing or wrong.
    """
    if any(form.get(name) in (None, "") for name in _MANDATORY_IN_FRAME):
        raise BadFieldError("2065")
    return _read_payment(form, BkashMode.IN_FRAME)


def _read_payment(form: Form, mode: str) -> CreateRequest:
    if form["currency"] != "BDT":
        raise BadFieldError("2007")
    intent = form["intent"]
    if not isinstance(intent, str) or intent not in set(BkashIntent):
        raise BadFieldError("2008")
    amount = paisa(form["amount"])
    if amount is None or amount < 100:  # noqa: PLR2004 - one taka
        raise BadFieldError("2006")
    info = form.get("merchantAssociationInfo")
    if info is not None and not (isinstance(info, str) and _is_tlv(info)):
        raise BadFieldError("2047")
    return CreateRequest(
        mode=mode,
        invoice=_plain(form, "merchantInvoiceNumber", "2031"),
        amount_paisa=amount,
        payer_reference="",
        callback_url="",
        intent=intent,
    )


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
