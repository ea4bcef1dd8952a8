"""DBBL's JSON calls, which Rocket shares: whole paisa, a result signed by an HMAC that leaves the amount out.

A transaction id is base64 and here always holds `+`, `/` and `=`, to catch callers that do not encode them.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable, Mapping
from functools import partial
from hashlib import sha256
from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import quote

from typing_extensions import override

from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field
from sandbox.kit.provider.call_results import Refusal, ReportedOrder
from sandbox.kit.provider.family import InstitutionCall, InstitutionPage
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage
from sandbox.kit.provider.orders import NewOrder, OrderState, ProviderOrder
from sandbox.kit.provider.payer_numbers import masked
from sandbox.kit.provider.provider import Provider
from sandbox.providers.bank_redirect.dialect import (
    MERCHANT_REFERENCE,
    BankDialect,
    Json,
    approval_code,
    find_by_provider_reference,
    registered_address,
    unused_reference,
)

CARD_TYPES, CARD_NAME = "card_types", "card_name"
"""Members of `family_data` in this dialect: the card types that are accepted, and the name of the cards."""

BAD_HMAC = "bad_hmac"
"""The fact of a payer whose results are wrongly signed."""

_BASE = "ecomrs/rsvr/ecomtxn"
_PAGE = "ecomm2/ClientHandler"
_ACCEPTED = "1"
_PAISA_LENGTH_MAX = 12
_WORDS = {
    OrderState.OPENED: ("CREATED", ""),
    OrderState.AGREED: ("PENDING", ""),
    OrderState.PAID: ("OK", "000"),
    OrderState.CANCELLED: ("CANCELLED", ""),
    OrderState.EXPIRED: ("TIMEOUT", ""),
}
_DECLINED = {
    "insufficient_funds": ("FAILED", "116"),
    "wrong_pin": ("FAILED", "106"),
    "wrong_otp": ("DECLINED", ""),
    "error": ("FAILED", "911"),
}
_UNKNOWN = ("FAILED", "911")


def signature(secret: str, transaction_id: str, result_code: str, rrn: str) -> str:
    """Return the HMAC-SHA256 of a result, in small hexadecimal digits."""
    return hmac.new(secret.encode(), f"{transaction_id}{result_code}{rrn}".encode(), sha256).hexdigest()


def _envelope(status: int, message: str) -> Reply:
    # A refused login is reported by the code, under HTTP 200.
    http_status = 200 if status == 401 else status  # noqa: PLR2004
    return json_reply({"RSPCODE": "0", "RSPMSG": message}, code=status, status=http_status)


class Dbbl(BankDialect):
    """The dialect of DBBL."""

    errors: ClassVar[Errors] = Errors(_envelope)

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        """Return both calls; credentials stand in their bodies."""
        return (
            InstitutionCall("getransid", "POST", f"{_BASE}/getransid", partial(_open, provider)),
            InstitutionCall("getresult", "POST", f"{_BASE}/getresult", partial(_result, provider)),
        )

    @override
    def institution_pages(self, provider: Provider) -> Iterable[InstitutionPage]:
        """Return the page, which knows an order by its transaction id."""
        return (
            InstitutionPage(
                _PAGE, lambda request: find_by_provider_reference(provider, request.query.get("trans_id"))
            ),
        )

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        """Return the registered address; the browser brings the id alone, whatever the outcome."""
        url = registered_address(provider.settings.registered_return_url, provider)
        return BrowserReturn(url, {"trans_id": order.provider_reference}, is_post=True) if url else None

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        """Return an id with everything in it that must be encoded."""
        while True:
            name = base64.b64encode(secrets.token_bytes(20)).decode()
            if "+" in name and "/" in name:
                return name

    @override
    def secrets_for_switch(self, password: str) -> Mapping[str, str]:
        """Return the user, the password and what results are signed with."""
        return {"USER": "ekpay", "PASSWORD": password, "CHECKSUM_SECRET": "gateway-sandbox-secret"}


def _is_admitted(provider: Provider, form: Form) -> bool:
    return provider.is_user(str(form.get("userid"))) and provider.is_password(str(form.get("passwd")))


def _open(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    if not _is_admitted(provider, form):
        return provider.errors.unauthorised
    amount_paisa, card_type = _paisa(form.get("amount")), str(form.get("cardtype"))
    _require_address(form)
    if not amount_paisa or card_type not in provider.institution.family_data[CARD_TYPES].split():
        return _refusal_reply("amount or cardtype is not allowed")
    merchant_reference = text_field(form, "txnrefnum")
    facts = {MERCHANT_REFERENCE: merchant_reference, "card_type": card_type}
    new = NewOrder(unused_reference(provider, merchant_reference), amount_paisa, facts=facts)
    return provider.create(new, partial(_opened_reply, provider))


def _opened_reply(provider: Provider, order: ProviderOrder | Refusal) -> Reply:
    if isinstance(order, Refusal):
        return _refusal_reply("not allowed")
    name = quote(order.provider_reference, safe="")
    return json_reply(
        {
            "RSPCODE": _ACCEPTED,
            "RSPMSG": "Success",
            "TRANSACTION_ID": order.provider_reference,
            "REDIRECT_URL": provider.url(f"{_PAGE}?card_type={order.facts['card_type']}&trans_id={name}"),
        },
        code=_ACCEPTED,
    )


def _refusal_reply(message: str) -> Reply:
    return json_reply({"RSPCODE": "0", "RSPMSG": message}, code="0")


def _result(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    if not _is_admitted(provider, form):
        return provider.errors.unauthorised
    _require_address(form)
    name = text_field(form, "transid")

    def to_reply(report: ReportedOrder | Refusal) -> Reply:
        if isinstance(report, Refusal):
            return _result_reply(provider, name, _UNKNOWN, {"DESCRIPTION": "unknown transaction"})
        order = report.order
        words = _result_words(report)
        more: Json = {
            "RRN": order.transaction_id,
            "APPROVAL_CODE": approval_code(order.transaction_id),
            "CARD_NUMBER": masked(order.payer),
            "AMOUNT": str(report.amount_paisa),
            "CARDNAME": provider.institution.family_data[CARD_NAME],
            "DESCRIPTION": "Approved"
            if report.state is OrderState.PAID
            else order.reason or words[0].title(),
            "TRANS_DATE": str(_milliseconds(order)),
        }
        is_bad = provider.behaviour(order).facts.get(BAD_HMAC) == "yes"
        return _result_reply(provider, name, words, more, is_bad=is_bad)

    return provider.status(find_by_provider_reference(provider, name), to_reply)


def _result_words(report: ReportedOrder) -> tuple[str, str]:
    if report.state is OrderState.DECLINED:
        return _DECLINED.get(report.order.reason, ("FAILED", "100"))
    return _WORDS[report.state]


def _result_reply(
    provider: Provider, name: str, words: tuple[str, str], more: Json, *, is_bad: bool = False
) -> Reply:
    result, code = words
    secret = "another secret" if is_bad else provider.secret
    rrn = str(more.get("RRN", ""))
    answer: Json = {"RESULT": result, "RESULT_CODE": code, "RRN": rrn, **more, "TRANSACTION_ID": name}
    return json_reply(answer | {"SIGNATURE": signature(secret, name, code, rrn)}, code=f"{result} {code}")


def _milliseconds(order: ProviderOrder) -> int:
    at = order.decision_time if order.decided_at else order.creation_time
    return int(at.timestamp()) * 1_000


def _paisa(value: object) -> int | None:
    """Read whole paisa, a number or digits; None if it is neither."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= _PAISA_LENGTH_MAX
    return int(str(text)) if is_number else None


def _require_address(form: Form) -> None:
    try:
        ip_address(text_field(form, "clientip"))
    except ValueError:
        raise MalformedRequestError("clientip must be an address") from None
