"""aamarPay's calls: a page by JSON or by form, and one inquiry; nothing is signed.

Each order has one end. Only the browser brings the result, with POST; there is no push and no refund.
Old shops call request.php, which answers with a path alone; they put aamarPay's address before it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.amounts import paisa, taka
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.replies import Errors, Reply, bytes_reply, json_reply
from sandbox.kit.institution.requests import Form
from sandbox.kit.provider.call_results import Refusal, ReportedOrder
from sandbox.kit.provider.dialect_family import Dialect
from sandbox.kit.provider.family import InstitutionCall, InstitutionPage
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, random_text
from sandbox.kit.provider.magic_numbers import ReportedOutcome
from sandbox.kit.provider.orders import PURPOSE, NewOrder, OrderState, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.providers.sslcommerz.institutions import (
    AMOUNT_MAX_PAISA,
    AMOUNT_MIN_PAISA,
    CARD_ISSUER,
    CARD_TYPE,
    STORE_ID,
    card_of,
    risk_of,
)

# The manual has 32; public clients send a UUID, and the store takes it.
_NAME_LENGTH_MAX, _TEXT_LENGTH_MAX = 36, 255
_CUSTOMER = ("cus_name", "cus_email", "cus_phone")
_OPTIONS = ("opt_a", "opt_b", "opt_c", "opt_d")
_URLS = ("success_url", "fail_url", "cancel_url")
_RETURN_URLS = {
    ReportedOutcome.PAID: "success_url",
    ReportedOutcome.PENDING: "success_url",
    ReportedOutcome.CANCELLED: "cancel_url",
}
_STATUSES = {
    OrderState.OPENED: ("0", "Initiated"),
    OrderState.AGREED: ("0", "Initiated"),
    OrderState.PAID: ("2", "Successful"),
    OrderState.DECLINED: ("7", "Failed"),
    OrderState.CANCELLED: ("7", "Failed"),
    OrderState.EXPIRED: ("3", "Expired"),
}
_STATE_BY_OUTCOME = {
    ReportedOutcome.PAID: OrderState.PAID,
    ReportedOutcome.PENDING: OrderState.AGREED,
    ReportedOutcome.DECLINED: OrderState.DECLINED,
    ReportedOutcome.CANCELLED: OrderState.CANCELLED,
    ReportedOutcome.EXPIRED: OrderState.EXPIRED,
}
_OK, _UNAUTHORISED = 200, 401
_TRACKED_PAGE = "paynow.php"
# The track of a page becomes the name of the payment, and old shops compare the two. The book wants
# two names, so the order has the same letters behind a prefix that nobody is shown.
_TRACK_PREFIX, _ORDER_PREFIX = "AAM", "EPW"


def _text_reply(message: str, status: int = _OK) -> Reply:
    return json_reply(message, code="error", status=status)


class Aamarpay(Dialect):
    """The dialect of aamarPay."""

    errors: ClassVar[Errors] = Errors(
        lambda status, message: _text_reply(message, _OK if status == _UNAUTHORISED else status)
    )

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        return (
            InstitutionCall("create", "POST", "jsonpost.php", partial(create, provider), needs_login=False),
            InstitutionCall("create", "POST", "index.php", partial(create, provider), needs_login=False),
            InstitutionCall(
                "create", "POST", "request.php", partial(create_track, provider), needs_login=False
            ),
            InstitutionCall("query", "GET POST", "api/v1/trxcheck/request.php", partial(query, provider)),
        )

    @override
    def institution_pages(self, provider: Provider) -> Iterable[InstitutionPage]:
        """Return where old shops send the payer; one asks with GET, another posts an empty form."""
        return (InstitutionPage(_TRACKED_PAGE, partial(_find_tracked, provider)),)

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        return _is_store(provider, request.fields())

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        """Return the form that a browser carries to one of the merchant's three addresses."""
        url = order.facts[_RETURN_URLS.get(message.outcome, "fail_url")]
        report = provider.report_of(order)
        return BrowserReturn(
            url, _order_fields(provider, report, _STATE_BY_OUTCOME[message.outcome]), is_post=True
        )

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        return f"{_ORDER_PREFIX}{random_text(20)}"

    @override
    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:
        return _track_of(order)

    @override
    def secrets_for_switch(self, password: str) -> Mapping[str, str]:
        return {"STORE_ID": STORE_ID, "SIGNATURE_KEY": password}


def _is_store(provider: Provider, form: Form) -> bool:
    """Whether a call carries the store and its key."""
    return form.get("store_id") == STORE_ID and provider.is_password(_text(form, "signature_key"))


def create(provider: Provider, request: Request) -> Reply:
    """Open an order and answer with the address of its page."""
    return _create(provider, request, partial(_page_reply, provider))


def create_track(provider: Provider, request: Request) -> Reply:
    """Open an order and answer with a path to its page, to be put behind aamarPay's address."""
    return _create(provider, request, _track_reply)


def _create(provider: Provider, request: Request, to_reply: Callable[[ProviderOrder], Reply]) -> Reply:
    form = request.fields()
    if not _is_store(provider, form):
        return _text_reply("Invalid Store ID")
    amount_paisa = paisa(form.get("amount"))
    wrong = _order_refusal(form, amount_paisa)
    if wrong or amount_paisa is None:
        return json_reply({"result": "false", "reason": wrong}, code="false")
    facts = {name: _text(form, name) for name in (*_URLS, *_CUSTOMER, *_OPTIONS)}
    facts[PURPOSE] = _text(form, "desc")[:_TEXT_LENGTH_MAX]
    new = NewOrder(_text(form, "tran_id"), amount_paisa, payer=_text(form, "cus_phone"), facts=facts)
    return provider.create(new, partial(_opened_reply, to_reply))


def query(provider: Provider, request: Request) -> Reply:
    """Report what has become of an order."""

    def to_reply(report: ReportedOrder | Refusal) -> Reply:
        if isinstance(report, Refusal):
            return _text_reply("Invalid request_id")
        return json_reply(_order_fields(provider, report, report.state), code=_STATUSES[report.state][1])

    return provider.status(provider.find(_text(request.fields(), "request_id")), to_reply)


def _order_refusal(form: Form, amount_paisa: int | None) -> str:
    """Return why an order is refused, or nothing."""
    missing = next((name for name in ("desc", *_CUSTOMER) if not _text(form, name)), "")
    if missing:
        return f"{missing} is required"
    if not 0 < len(_text(form, "tran_id")) <= _NAME_LENGTH_MAX:
        return "Invalid tran_id"
    if amount_paisa is None or not AMOUNT_MIN_PAISA <= amount_paisa <= AMOUNT_MAX_PAISA:
        return "Invalid amount"
    if _text(form, "currency") != "BDT":
        return "Invalid currency"
    return next((f"Invalid {name}" for name in _URLS if not is_web_address(_text(form, name))), "")


def _opened_reply(to_reply: Callable[[ProviderOrder], Reply], order: ProviderOrder | Refusal) -> Reply:
    if isinstance(order, Refusal):
        reason = "Duplicate tran_id" if order is Refusal.DUPLICATE else "Store is not active"
        return json_reply({"result": "false", "reason": reason}, code="false")
    return to_reply(order)


def _page_reply(provider: Provider, order: ProviderOrder) -> Reply:
    return json_reply({"result": "true", "payment_url": provider.page_url(order)}, code="true")


def _track_reply(order: ProviderOrder) -> Reply:
    """Return a JSON text with escaped slashes; some shops read it, others strip quotes and backslashes."""
    text = json.dumps(f"/{_TRACKED_PAGE}?track={_track_of(order)}").replace("/", "\\/")
    return bytes_reply("application/json", text.encode())._replace(code="true")


def _track_of(order: ProviderOrder) -> str:
    return f"{_TRACK_PREFIX}{order.provider_reference.removeprefix(_ORDER_PREFIX)}"


def _find_tracked(provider: Provider, request: Request) -> ProviderOrder | None:
    track = request.query.get("track", "")
    order = provider.find_by_provider_name(f"{_ORDER_PREFIX}{track.removeprefix(_TRACK_PREFIX)}")
    # The name of a payment without its prefix is no key to the page.
    return order if order is not None and _track_of(order) == track else None


def _order_fields(provider: OpenProvider, report: ReportedOrder, says: OrderState) -> dict[str, str]:
    """Return an order in aamarPay's members, in its true state or in another."""
    order, (code, word) = report.order, _STATUSES[says]
    amount, names = taka(report.amount_paisa), {name: order.facts[name] for name in (*_CUSTOMER, *_OPTIONS)}
    is_over = bool(order.decided_at)
    return {
        "pg_service_charge_bdt": "0.00",
        "pg_service_charge_usd": "Not-Available",
        "amount_original": amount,
        "gateway_fee": taka(order.fee_paisa + order.fee_vat_paisa),
        "pg_card_bank_name": CARD_ISSUER,
        "pg_card_bank_country": "Bangladesh",
        "card_number": card_of(order),
        "card_holder": "",
        "status_code": code,
        "pay_status": word,
        "currency_merchant": report.currency,
        "convertion_rate": "",
        "ip_address": "192.0.2.1",
        "other_currency": amount,
        "pg_txnid": _track_of(order) if is_over else "",
        "epw_txnid": _track_of(order),
        "mer_txnid": order.reference,
        "store_id": STORE_ID,
        "merchant_id": STORE_ID,
        "currency": "BDT",
        "store_amount": taka(order.net_paisa),
        "pay_time": f"{order.decision_time.astimezone(DHAKA):%Y-%m-%d %H:%M:%S}" if is_over else "",
        "amount": amount,
        "bank_txn": f"BANK{order.transaction_id}" if order.is_paid else "",
        "card_type": CARD_TYPE,
        "reason": order.reason,
        "pg_card_risklevel": risk_of(provider, order),
        "pg_error_code_details": order.reason,
        **names,
    }


def _text(form: Form, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
