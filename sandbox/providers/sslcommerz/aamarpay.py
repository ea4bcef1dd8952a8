"""What aamarPay does with its calls: a page by JSON or by form, and one question; nothing is signed.

Each order has one end. The browser alone carries the news, with POST; there is no push and no refund.
"""

from collections.abc import Iterable
from functools import partial

from sandbox.kit.institution.amounts import paisa, taka
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.institution.requests import Form
from sandbox.kit.provider.call_results import Refusal, Told
from sandbox.kit.provider.family import HouseCall
from sandbox.kit.provider.hooks import Telling, WayBack
from sandbox.kit.provider.magic_numbers import Word
from sandbox.kit.provider.orders import Order, State
from sandbox.kit.provider.provider import NewOrder, Provider
from sandbox.providers.sslcommerz.institutions import (
    AMOUNT_MAX_PAISA,
    AMOUNT_MIN_PAISA,
    CARD_ISSUER,
    CARD_TYPE,
    RISK,
    STORE_ID,
    card_of,
)

_NAME_LENGTH_MAX = 32
_CUSTOMER = ("cus_name", "cus_email", "cus_phone")
_OPTIONS = ("opt_a", "opt_b", "opt_c", "opt_d")
_URLS = ("success_url", "fail_url", "cancel_url")
_WAYS = {Word.PAID: "success_url", Word.PENDING: "success_url", Word.CANCELLED: "cancel_url"}
_STANDS = {
    State.OPENED: ("0", "Initiated"),
    State.AGREED: ("0", "Initiated"),
    State.PAID: ("2", "Successful"),
    State.DECLINED: ("7", "Failed"),
    State.CANCELLED: ("7", "Failed"),
    State.EXPIRED: ("3", "Expired"),
}
_SAYS = {
    Word.PAID: State.PAID,
    Word.PENDING: State.AGREED,
    Word.DECLINED: State.DECLINED,
    Word.CANCELLED: State.CANCELLED,
    Word.EXPIRED: State.EXPIRED,
}
_OK, _NOT_LET_IN = 200, 401


def _bare(message: str, status: int = _OK) -> Reply:
    return json_reply(message, code="error", status=status)


ERRORS = Errors(lambda status, message: _bare(message, _OK if status == _NOT_LET_IN else status))


def calls_of(provider: Provider) -> Iterable[HouseCall]:
    """Return every call of the house."""
    return (
        HouseCall("create", "POST", "jsonpost.php", partial(create, provider), needs_login=False),
        HouseCall("create", "POST", "index.php", partial(create, provider), needs_login=False),
        HouseCall("query", "GET POST", "api/v1/trxcheck/request.php", partial(query, provider)),
    )


def is_store(provider: Provider, form: Form) -> bool:
    """Whether a call carries the store and its key."""
    return form.get("store_id") == STORE_ID and provider.is_password(_text(form, "signature_key"))


def way_back(provider: Provider, order: Order, telling: Telling) -> WayBack | None:
    """Return the form that a browser carries to one of the merchant's three addresses."""
    url = order.facts[_WAYS.get(telling.word, "fail_url")]
    told = provider.told(order)
    return WayBack(url, _fields(provider, told, _SAYS[telling.word]), is_post=True)


def create(provider: Provider, request: Request) -> Reply:
    """Open an order and tell its page."""
    form = request.fields()
    if not is_store(provider, form):
        return _bare("Invalid Store ID")
    amount_paisa = paisa(form.get("amount"))
    wrong = _objection(form, amount_paisa)
    if wrong or amount_paisa is None:
        return json_reply({"result": "false", "reason": wrong}, code="false")
    facts = {name: _text(form, name) for name in (*_URLS, *_CUSTOMER, *_OPTIONS)}
    new = NewOrder(_text(form, "tran_id"), amount_paisa, payer=_text(form, "cus_phone"), facts=facts)
    return provider.create(new, partial(_opened, provider))


def query(provider: Provider, request: Request) -> Reply:
    """Tell what has become of an order."""

    def tell(told: Told | Refusal) -> Reply:
        if isinstance(told, Refusal):
            return _bare("Invalid request_id")
        return json_reply(_fields(provider, told, told.state), code=_STANDS[told.state][1])

    return provider.status(provider.find(_text(request.fields(), "request_id")), tell)


def _objection(form: Form, amount_paisa: int | None) -> str:
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


def _opened(provider: Provider, order: Order | Refusal) -> Reply:
    if isinstance(order, Refusal):
        reason = "Duplicate tran_id" if order is Refusal.DUPLICATE else "Store is not active"
        return json_reply({"result": "false", "reason": reason}, code="false")
    return json_reply({"result": "true", "payment_url": provider.page_url(order)}, code="true")


def _fields(provider: Provider, told: Told, says: State) -> dict[str, str]:
    """Return an order in aamarPay's words, as standing where the truth or a liar says."""
    order, (code, word) = told.order, _STANDS[says]
    amount, names = taka(told.amount_paisa), {name: order.facts[name] for name in (*_CUSTOMER, *_OPTIONS)}
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
        "currency_merchant": told.currency,
        "convertion_rate": "",
        "ip_address": "192.0.2.1",
        "other_currency": amount,
        "pg_txnid": order.transaction_id or (order.provider_reference if is_over else ""),
        "epw_txnid": order.provider_reference,
        "mer_txnid": order.reference,
        "store_id": STORE_ID,
        "merchant_id": STORE_ID,
        "currency": "BDT",
        "store_amount": taka(order.net_paisa),
        "pay_time": f"{order.decided.astimezone(DHAKA):%Y-%m-%d %H:%M:%S}" if is_over else "",
        "amount": amount,
        "bank_txn": f"BANK{order.transaction_id}" if order.is_paid else "",
        "card_type": CARD_TYPE,
        "reason": order.reason,
        "pg_card_risklevel": provider.behaviour(order).facts.get(RISK, "0"),
        "pg_error_code_details": order.reason,
        **names,
    }


def _text(form: Form, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
