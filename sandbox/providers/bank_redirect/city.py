"""City Bank's JSON calls: a token, an order in paisa, its details; the browser comes back with XML.

The bank knows its merchants by a client certificate as well; this server speaks plain HTTP and asks for none.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import ClassVar
from xml.sax.saxutils import escape

from typing_extensions import override

from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field
from sandbox.kit.provider.call_results import Refusal, ReportedOrder
from sandbox.kit.provider.family import InstitutionCall, InstitutionPage
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, random_text
from sandbox.kit.provider.magic_numbers import ReportedOutcome
from sandbox.kit.provider.orders import NewOrder, OrderState, ProviderOrder
from sandbox.kit.provider.payer_numbers import masked
from sandbox.kit.provider.provider import Provider
from sandbox.providers.bank_redirect.dialect import (
    DIGITS,
    MERCHANT_REFERENCE,
    BankDialect,
    Json,
    approval_code,
    find_by_provider_reference,
    unused_reference,
)

_OK, _BAD, _UNAUTHORISED = "100", "101", "107"
_CODES = {400: _BAD, 401: _UNAUTHORISED}
_PAGE = "index.jsp"
_CURRENCIES = {"BDT": "050", "USD": "840"}
_URLS = ("approveUrl", "declineUrl", "cancelUrl")
_SESSION, _MERCHANT = "session_id", "merchant"
_MERCHANT_ID = "ekpay"
_PAISA_LENGTH_MAX = 12
_ORDER_STATUSES = {
    OrderState.OPENED: "CREATED",
    OrderState.AGREED: "ON-LOCK",
    OrderState.PAID: "APPROVED",
    OrderState.DECLINED: "DECLINED",
    OrderState.CANCELLED: "CANCELED",
    OrderState.EXPIRED: "EXPIRED",
}
_RETURNED = {
    ReportedOutcome.PAID: ("approveUrl", "APPROVED", "001"),
    ReportedOutcome.PENDING: ("approveUrl", "ON-LOCK", "000"),
    ReportedOutcome.DECLINED: ("declineUrl", "DECLINED", "051"),
    ReportedOutcome.CANCELLED: ("cancelUrl", "CANCELED", "017"),
    ReportedOutcome.EXPIRED: ("declineUrl", "EXPIRED", "054"),
}


def _envelope(status: int, message: str) -> Reply:
    # An error is reported by its code, under HTTP 200.
    code = _CODES.get(status, str(status))
    http_status = 200 if status in _CODES else status
    answer = {"responseCode": code, "responseMessage": message, "transactionId": "", "items": None}
    return json_reply(answer, code=code, status=http_status)


class City(BankDialect):
    """The dialect of City Bank."""

    errors: ClassVar[Errors] = Errors(_envelope)

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        """Return the three calls; credentials stand in their bodies."""
        return (
            InstitutionCall("token", "POST", "transaction/token", partial(_token, provider)),
            InstitutionCall("createorder", "POST", "transaction/createorder", partial(_create, provider)),
            InstitutionCall("details", "POST", "transaction/getorderdetailsapi", partial(_details, provider)),
        )

    @override
    def institution_pages(self, provider: Provider) -> Iterable[InstitutionPage]:
        """Return the page, which takes an order and its session."""
        return (
            InstitutionPage(
                _PAGE,
                lambda request: _order_of(
                    provider, request.query.get("ORDERID"), request.query.get("SESSIONID")
                ),
            ),
        )

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        """Return the address for the outcome, and the message as a form that the browser posts."""
        place, status, code = _RETURNED[message.outcome]
        # Nothing signs the message: one that is forged is as good as any.
        members = {
            "OrderID": order.provider_reference,
            "TransactionType": "Purchase",
            "Currency": _CURRENCIES[order.currency],
            "PurchaseAmount": str(order.amount_paisa),
            "PAN": masked(order.payer),
            "TranDateTime": _time_text(message),
            "ResponseCode": code,
            "OrderStatus": status,
            "ApprovalCode": approval_code(order.transaction_id),
            "OrderDescription": order.facts[MERCHANT_REFERENCE],
            "SessionID": order.facts[_SESSION],
        }
        inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in members.items())
        document = (
            f'<?xml version="1.0" encoding="UTF-8"?><Message date="{_time_text(message)}">{inside}</Message>'
        )
        return BrowserReturn(order.facts[place], {"xmlmsg": document}, is_post=True)

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        """Return an order id: a number."""
        return f"9{random_text(8, DIGITS)}"

    @override
    def secrets_for_switch(self, password: str) -> Mapping[str, str]:
        """Return the merchant, its user and its password."""
        return {"MERCHANT_ID": _MERCHANT_ID, "USER": "ekpay", "PASSWORD": password}


def _token(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    user, password = str(form.get("userName")), str(form.get("password"))
    if not provider.is_user(user) or not provider.is_password(password):
        return provider.errors.unauthorised

    def answer() -> Reply:
        token = provider.bearers.issue(provider.clock.now())
        return json_reply({"responseCode": _OK, "transactionId": token}, code=_OK)

    return provider.log_in(answer)


def _is_admitted(provider: Provider, form: Form, merchant: str) -> bool:
    token = str(form.get("secureToken")).encode()
    is_user = provider.is_user(str(form.get("userName"))) and provider.is_password(str(form.get("passWord")))
    is_merchant = form.get(merchant) == _MERCHANT_ID
    return is_user and is_merchant and provider.bearers.admits(token, provider.clock.now())


def _create(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    if not _is_admitted(provider, form, "merchantId"):
        return provider.errors.unauthorised
    merchant_reference = text_field(form, "description")
    facts = {MERCHANT_REFERENCE: merchant_reference, _SESSION: random_text(32), _MERCHANT: _MERCHANT_ID}
    for name in _URLS:
        if not is_web_address(form.get(name)):
            raise MalformedRequestError(f"{name} is no address")
        facts[name] = str(form[name])
    if form.get("currency") != _CURRENCIES["BDT"]:
        raise MalformedRequestError("currency must be 050")
    new = NewOrder(unused_reference(provider, merchant_reference), _paisa(form.get("amount")), facts=facts)
    return provider.create(new, partial(_created_reply, provider))


def _created_reply(provider: Provider, order: ProviderOrder | Refusal) -> Reply:
    if isinstance(order, Refusal):
        return provider.errors.malformed("not allowed")
    items = {
        "url": provider.url(_PAGE),
        "orderId": order.provider_reference,
        "sessionId": order.facts[_SESSION],
    }
    return json_reply({"responseCode": _OK, "items": items}, code=_OK)


def _details(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    if not _is_admitted(provider, form, "merchantID"):
        return provider.errors.unauthorised

    def to_reply(report: ReportedOrder | Refusal) -> Reply:
        if isinstance(report, Refusal):
            return provider.errors.malformed("no such order")
        return json_reply({"responseCode": _OK, "items": _order_items(report)}, code=_OK)

    return provider.status(_order_of(provider, form.get("orderID"), form.get("sessionID")), to_reply)


def _order_items(report: ReportedOrder) -> Json:
    order = report.order
    items: Json = {
        "orderId": order.provider_reference,
        "merchantId": order.facts[_MERCHANT],
        "description": order.facts[MERCHANT_REFERENCE],
        "amount": str(report.amount_paisa),
        "currency": _CURRENCIES[report.currency],
        "orderStatus": _ORDER_STATUSES[report.state],
        "pan": masked(order.payer),
    }
    if report.state is OrderState.PAID:
        at = order.decision_time.astimezone(DHAKA)
        items |= {
            "rrn": order.transaction_id,
            "approvalCode": approval_code(order.transaction_id),
            "approveDatetime": f"{at:%d/%m/%Y %H:%M:%S}",
        }
    return items


def _order_of(provider: Provider, order_id: object, session_id: object) -> ProviderOrder | None:
    order = find_by_provider_reference(provider, order_id)
    return order if order is not None and order.facts[_SESSION] == session_id else None


def _paisa(value: object) -> int:
    """Read whole paisa, which are digits in a text here and nothing else."""
    is_text = isinstance(value, str) and value.isascii() and value.isdigit()
    if not is_text or not int(str(value)) or len(str(value)) > _PAISA_LENGTH_MAX:
        raise MalformedRequestError("amount must be paisa")
    return int(str(value))


def _time_text(message: OutcomeMessage) -> str:
    return f"{message.at.astimezone(DHAKA):%d/%m/%Y %H:%M:%S}"
