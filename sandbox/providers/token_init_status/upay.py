"""Upay v4.1.0: a wallet that knows a payment by the merchant's txn_id, and reports and gives back in bulk."""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Errors, Reply
from sandbox.kit.institution.requests import Form, MalformedRequestError
from sandbox.kit.provider import refunds
from sandbox.kit.provider.call_results import RefundResult, Refusal, ReportedOrder
from sandbox.kit.provider.family import InstitutionCall
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, random_text
from sandbox.kit.provider.orders import NewOrder, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.refunds import NewRefund
from sandbox.providers.token_init_status import upay_replies as replies
from sandbox.providers.token_init_status.dialect import TokenDialect
from sandbox.providers.token_init_status.fields import (
    address,
    amount,
    is_amount_accepted,
    matching_text,
    text,
    texts,
)

TOKEN_SECONDS = 1_200
"""How long a token lives, which Upay does not publish; integrators have seen 10 to 20 minutes."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# The manual has BDT; public clients send the country in its place, and are taken.
_TAKA, _BANGLADESH = re.compile("BDT?"), re.compile("BD")
_ABOUT_THE_MERCHANT = (
    "merchant_name",
    "merchant_code",
    "merchant_city",
    "merchant_category_code",
    "merchant_mobile",
)
_TXN_ID_LENGTH_MAX = 50
# How many rows one call takes; ours, as nobody publishes a bound.
_ROWS_MAX = 100


class Upay(TokenDialect):
    """Upay alone."""

    errors: ClassVar[Errors] = replies.ERRORS
    scheme: ClassVar[str] = "UPAY"

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        status = "payment/single-payment-status/{txn_id}/"
        auth = partial(_give_token, provider)
        return (
            InstitutionCall("auth", "POST", "payment/merchant-auth/", auth, needs_login=False),
            InstitutionCall("init", "POST", "payment/merchant-payment-init/", partial(_init, provider)),
            InstitutionCall("status", "GET", status, partial(_status, provider)),
            InstitutionCall(
                "bulk_status", "POST", "payment/bulk-payment-status/", partial(_bulk_status, provider)
            ),
            InstitutionCall("refund", "POST", "payment/bulk/refund/", partial(_refund, provider)),
        )

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn:
        fields = {
            "status": replies.BROWSER_STATUSES[message.outcome],
            "invoice_id": order.facts["invoice_id"],
        }
        return BrowserReturn(order.facts["redirect_url"], fields)

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        return f"SES{random_text(17)}"

    @override
    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:
        # The id of the payment was answered when its page was opened, before any money moved.
        return f"UPR{random_text(9)}" if order.is_paid else order.facts["trx_id"]

    @override
    def secrets_for_switch(self, password: str) -> Mapping[str, str]:
        return {"MERCHANT_ID": "ekpay", "MERCHANT_KEY": password}


def _give_token(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    merchant_id, is_key = text(form, "merchant_id"), provider.is_password(text(form, "merchant_key"))
    if not provider.is_user(merchant_id) or not is_key:
        return replies.UNKNOWN_MERCHANT
    return provider.log_in(
        lambda: replies.token_reply(merchant_id, provider.bearers.issue(provider.clock.now(), TOKEN_SECONDS))
    )


def _init(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    if not provider.is_user(text(form, "merchant_id")):
        return replies.UNKNOWN_MERCHANT
    matching_text(form, "date", _DAY)
    matching_text(form, "transaction_currency_code", _TAKA)
    matching_text(form, "merchant_country_code", _BANGLADESH)
    merchant_facts = texts(form, ("merchant_id", "invoice_id", *_ABOUT_THE_MERCHANT))
    new = NewOrder(
        reference=text(form, "txn_id", _TXN_ID_LENGTH_MAX),
        amount_paisa=_accepted_amount(provider, form),
        facts=merchant_facts
        | {"redirect_url": address(form, "redirect_url"), "trx_id": f"UP{random_text(10)}"},
    )
    return provider.create(new, partial(replies.opened_reply, provider))


def _accepted_amount(provider: Provider, form: Form) -> int:
    amount_paisa = amount(form, "amount")
    if not is_amount_accepted(provider, amount_paisa):
        raise MalformedRequestError("amount is outside what is taken")
    return amount_paisa


def _status(provider: Provider, request: Request) -> Reply:
    return provider.status(provider.find(request.values["txn_id"]), replies.status_reply)


def _bulk_status(provider: Provider, request: Request) -> Reply:
    """Report each payment that there is; faults strike with the first of them, as the call is one."""
    found = [provider.find(txn_id) for txn_id in _txn_ids(request.json())]
    orders = [order for order in found if order is not None]

    def to_reply(report: ReportedOrder | Refusal) -> Reply:
        if isinstance(report, Refusal):
            return replies.status_reply(report)
        return replies.bulk_status_reply([report, *map(provider.report_of, orders[1:])])

    return provider.status(orders[0] if orders else None, to_reply)


def _txn_ids(body: object) -> list[str]:
    """Read which payments are asked about, each once and in the order in which they came."""
    names = body.get("txn_id_list") if isinstance(body, dict) else None
    if not isinstance(names, list) or not 0 < len(names) <= _ROWS_MAX:
        raise MalformedRequestError(f"txn_id_list must be a list of 1 to {_ROWS_MAX} names")
    if not all(isinstance(name, str) and 0 < len(name) <= _TXN_ID_LENGTH_MAX for name in names):
        raise MalformedRequestError(f"txn_id_list must hold texts of 1 to {_TXN_ID_LENGTH_MAX} characters")
    return list(dict.fromkeys(names))


def _refund(provider: Provider, request: Request) -> Reply:
    """Give back row by row; faults strike with the first row, as the call is one."""
    (txn_id, amount_paisa), *further_rows = rows = _rows(request.json())
    if all(provider.find(named) is None for named, _ in rows):
        return provider.refund(None, NewRefund(amount_paisa), lambda _: replies.UNKNOWN_PAYMENT)

    def to_reply(result: RefundResult | Refusal) -> Reply:
        verdicts = [result, *(_give_back(provider, *row) for row in further_rows)]
        is_accepted = [isinstance(result, RefundResult) for result in verdicts]
        return replies.refund_reply(rows, is_accepted)

    return provider.refund(provider.find(txn_id), NewRefund(amount_paisa), to_reply)


def _give_back(provider: Provider, txn_id: str, amount_paisa: int) -> RefundResult | Refusal:
    order = provider.find(txn_id)
    return Refusal.UNKNOWN if order is None else refunds.give_back(provider, order, NewRefund(amount_paisa))


def _rows(body: object) -> list[tuple[str, int]]:
    """Read what is to be given back: names of payments and paisa."""
    if not isinstance(body, list) or not 0 < len(body) <= _ROWS_MAX:
        raise MalformedRequestError(f"the body must be a list of 1 to {_ROWS_MAX} refunds")
    if not all(isinstance(row, dict) for row in body):
        raise MalformedRequestError("a refund must be an object")
    return [(text(row, "txn_id", _TXN_ID_LENGTH_MAX), amount(row, "refund_amount")) for row in body]
