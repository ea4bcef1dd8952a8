"""The merchant API from the shop's side, by its description alone (ekpay-merchant-api.md 1 and 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from sandbox.callers.ekshop.pricing import Share
from sandbox.kit.institution.amounts import paisa, taka
from sandbox.kit.institution.clock import DHAKA

ISSUED = "1000"
SUCCESS, FAILED, CANCELLED = "1020", "1021", "1022"
NOT_FOUND = "404"
FINAL_CODES = frozenset({SUCCESS, FAILED, CANCELLED})
"""The codes that end a payment; any other code means that it is still open."""

CURRENCY = "BDT"
SANDBOX_ADDRESS = "1.1.1.1"
"""The value of `mac_addr` in a sandbox, in place of the merchant's own address."""

_API_ONLY = "3"


@dataclass(frozen=True, slots=True)
class Merchant:
    """The shop's account, and the switch's base URL, such as http://127.0.0.1:8180/ekpaypg/v1."""

    base_url: str
    mer_reg_id: str
    pass_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShopCustomer:
    """The customer, as in the request; `email` may be empty."""

    name: str
    mobile: str
    email: str
    address: str


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """The request of a payment; `pages` are the return URLs by target.

    `language` and `cart` are the switch's own members, as `shares` are.
    """

    trnx_id: str
    number: str
    amount_paisa: int
    description: str
    customer: ShopCustomer
    shares: Sequence[Share]
    language: str
    cart: Mapping[str, object]
    pages: Mapping[str, str]
    ipn_url: str


@dataclass(frozen=True, slots=True)
class PaymentDocument:
    """A status answer or an IPN, as far as the shop reads it; an unreadable amount is None."""

    code: str
    message: str
    mer_trnx_id: str
    mer_reg_id: str
    amount_paisa: int | None
    currency: str
    facts: Mapping[str, str]


class UnreadableDocumentError(Exception):
    """The message is no document of the merchant API."""


def payment_request(merchant: Merchant, request: PaymentRequest, now: datetime) -> dict[str, object]:
    """The body of `POST merchant-api`, with members in the order of the description."""
    customer = request.customer
    return {
        "mer_info": {"mer_reg_id": merchant.mer_reg_id, "mer_pas_key": merchant.pass_key},
        "req_timestamp": f"{now.astimezone(DHAKA):%Y-%m-%d %H:%M:%S} GMT+6",
        "feed_uri": {f"{place}_uri": url for place, url in request.pages.items()},
        "cust_info": {
            "cust_id": request.number,
            "cust_name": customer.name,
            "cust_mobo_no": customer.mobile,
            "cust_email": customer.email,
            "cust_mail_addr": customer.address,
        },
        "trns_info": {
            "trnx_id": request.trnx_id,
            "trnx_amt": taka(request.amount_paisa),
            "trnx_currency": CURRENCY,
            "ord_id": request.number,
            "ord_det": request.description,
        },
        "ipn_info": {"ipn_channel": _API_ONLY, "ipn_email": "", "ipn_uri": request.ipn_url},
        "mac_addr": SANDBOX_ADDRESS,
        "lang": request.language,
        "settlement_split": [
            {"payee": share.payee, "amount": taka(share.amount_paisa)} for share in request.shares
        ],
        "checkout_cart": request.cart,
    }


def status_request(merchant: Merchant, trnx_id: str, asked_at: datetime) -> dict[str, object]:
    """The body of `POST get-status`; the day is that of the token request."""
    day = asked_at.astimezone(DHAKA).date().isoformat()
    return {"username": merchant.mer_reg_id, "trnx_id": trnx_id, "trans_date": day}


def pay_page(merchant: Merchant, token: str, trnx_id: str) -> str:
    """The pay page: the base address itself, without a slash before the question mark."""
    return f"{merchant.base_url}?{urlencode({'sToken': token, 'trnsID': trnx_id})}"


def read_object(body: bytes) -> Mapping[str, Any]:
    """Read a JSON object.

    Raises:
        UnreadableDocumentError: it is no such document.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise UnreadableDocumentError(UnreadableDocumentError.__doc__)
    return document


def read_payment_document(body: bytes) -> PaymentDocument:
    """Read a status answer or an IPN; with code 404 there is nothing but the code.

    Raises:
        UnreadableDocumentError: it is none.
    """
    document = read_object(body)
    code = document.get("msg_code")
    if not isinstance(code, str):
        raise UnreadableDocumentError(UnreadableDocumentError.__doc__)
    parts = {name: _part(document, name) for name in ("basic_Info", "trnx_info", "pi_det_info", "cust_info")}
    transaction, paid_by = parts["trnx_info"], parts["pi_det_info"]
    return PaymentDocument(
        code=code,
        message=_text(document, "msg_det"),
        mer_trnx_id=_text(transaction, "mer_trnx_id"),
        mer_reg_id=_text(parts["basic_Info"], "mer_reg_id"),
        amount_paisa=paisa(transaction.get("trnx_amt")),
        currency=_text(transaction, "curr"),
        facts={
            "ekpay_trnx_id": _text(transaction, "trnx_id"),
            "pi_trnx_id": _text(transaction, "pi_trnx_id"),
            "total_pabl_amt": _text(transaction, "total_pabl_amt"),
            "pi_name": _text(paid_by, "pi_name"),
            "pay_timestamp": _text(paid_by, "pay_timestamp"),
        },
    )


def acknowledgement(now: datetime) -> dict[str, object]:
    """The documented answer to an IPN."""
    at = f"{now.astimezone(DHAKA):%Y-%m-%d %H:%M:%S}"
    return {"ack_code": "1000", "ack_msg": "Acknowledge Successfully.", "ack_timestamp": at}


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = document.get(name)
    return part if isinstance(part, dict) else {}


def _text(part: Mapping[str, Any], name: str) -> str:
    value = part.get(name)
    return value if isinstance(value, str) else ""
