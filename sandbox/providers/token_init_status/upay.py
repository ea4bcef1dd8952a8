"""Upay v4.1.0: a wallet that knows a payment by the merchant's own txn_id, and gives back in bulk."""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Errors, Reply
from sandbox.kit.institution.requests import Form, MalformedRequestError
from sandbox.kit.provider import refunds
from sandbox.kit.provider.call_results import Refusal, Returned
from sandbox.kit.provider.family import HouseCall
from sandbox.kit.provider.hooks import Telling, WayBack, random_text
from sandbox.kit.provider.orders import Order
from sandbox.kit.provider.provider import NewOrder, Provider
from sandbox.kit.provider.refunds import NewRefund
from sandbox.providers.token_init_status import upay_replies as replies
from sandbox.providers.token_init_status.dialect import Dialect
from sandbox.providers.token_init_status.fields import address, amount, is_taken, text, texts, written

TOKEN_SECONDS = 1_200
"""How long a token lives, which Upay tells nobody; integrators have seen 10 to 20 minutes."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TAKA, _BANGLADESH = re.compile("BDT"), re.compile("BD")
_ABOUT_THE_MERCHANT = (
    "merchant_name",
    "merchant_code",
    "merchant_city",
    "merchant_category_code",
    "merchant_mobile",
)
_TXN_ID_LENGTH_MAX = 50
_ROWS_MAX = 100


class Upay(Dialect):
    """Upay alone."""

    errors: ClassVar[Errors] = replies.ERRORS
    scheme: ClassVar[str] = "UPAY"

    @override
    def calls(self, provider: Provider) -> Iterable[HouseCall]:
        status = "payment/single-payment-status/{txn_id}/"
        auth = partial(_let_in, provider)
        return (
            HouseCall("auth", "POST", "payment/merchant-auth/", auth, needs_login=False),
            HouseCall("init", "POST", "payment/merchant-payment-init/", partial(_init, provider)),
            HouseCall("status", "GET", status, partial(_status, provider)),
            HouseCall("refund", "POST", "payment/bulk/refund/", partial(_refund, provider)),
        )

    @override
    def way_back(self, provider: Provider, order: Order, telling: Telling) -> WayBack:
        fields = {"status": replies.SAYS[telling.word], "invoice_id": order.facts["invoice_id"]}
        return WayBack(order.facts["redirect_url"], fields)

    @override
    def provider_reference(self, provider: Provider, new: NewOrder) -> str:
        return f"SES{random_text(17)}"

    @override
    def transaction_id(self, provider: Provider, order: Order) -> str:
        # The name of the payment was told when its page was opened, before anything had moved.
        return f"UPR{random_text(9)}" if order.is_paid else order.facts["trx_id"]

    @override
    def secrets(self, password: str) -> Mapping[str, str]:
        return {"MERCHANT_ID": "ekpay", "MERCHANT_KEY": password}


def _let_in(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    merchant_id, is_key = text(form, "merchant_id"), provider.is_password(text(form, "merchant_key"))
    if not provider.is_user(merchant_id) or not is_key:
        return replies.UNKNOWN_MERCHANT
    return provider.log_in(
        lambda: replies.let_in(merchant_id, provider.bearers.issue(provider.clock.now(), TOKEN_SECONDS))
    )


def _init(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    if not provider.is_user(text(form, "merchant_id")):
        return replies.UNKNOWN_MERCHANT
    written(form, "date", _DAY)
    written(form, "transaction_currency_code", _TAKA)
    written(form, "merchant_country_code", _BANGLADESH)
    kept = texts(form, ("merchant_id", "invoice_id", *_ABOUT_THE_MERCHANT))
    new = NewOrder(
        reference=text(form, "txn_id", _TXN_ID_LENGTH_MAX),
        amount_paisa=_amount_taken(provider, form),
        facts=kept | {"redirect_url": address(form, "redirect_url"), "trx_id": f"UP{random_text(10)}"},
    )
    return provider.create(new, partial(replies.opened, provider))


def _amount_taken(provider: Provider, form: Form) -> int:
    amount_paisa = amount(form, "amount")
    if not is_taken(provider, amount_paisa):
        raise MalformedRequestError("amount is outside what is taken")
    return amount_paisa


def _status(provider: Provider, request: Request) -> Reply:
    return provider.status(provider.find(request.values["txn_id"]), replies.told)


def _refund(provider: Provider, request: Request) -> Reply:
    """Give back row by row; faults strike with the first row, as the call is one."""
    (txn_id, amount_paisa), *others = rows = _rows(request.json())
    if all(provider.find(named) is None for named, _ in rows):
        return provider.refund(None, NewRefund(amount_paisa), lambda _: replies.UNKNOWN_PAYMENT)

    def tell(verdict: Returned | Refusal) -> Reply:
        verdicts = [verdict, *(_give(provider, *row) for row in others)]
        given = [isinstance(one, Returned) for one in verdicts]
        return replies.returned(rows, given)

    return provider.refund(provider.find(txn_id), NewRefund(amount_paisa), tell)


def _give(provider: Provider, txn_id: str, amount_paisa: int) -> Returned | Refusal:
    order = provider.find(txn_id)
    return Refusal.UNKNOWN if order is None else refunds.give(provider, order, NewRefund(amount_paisa))


def _rows(body: object) -> list[tuple[str, int]]:
    """Read what is to be given back: names of payments and paisa."""
    if not isinstance(body, list) or not 0 < len(body) <= _ROWS_MAX:
        raise MalformedRequestError(f"the body must be a list of 1 to {_ROWS_MAX} refunds")
    if not all(isinstance(row, dict) for row in body):
        raise MalformedRequestError("a refund must be an object")
    return [(text(row, "txn_id", _TXN_ID_LENGTH_MAX), amount(row, "refund_amount")) for row in body]
