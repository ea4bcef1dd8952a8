"""The generic wallet dialect of `docs/protocols/token-init-status.md`, which is ours and nobody's own.

It is spoken strictly: an amount is text with two decimals, a reference has the letters that it may have.
"""

import re
import string
from collections.abc import Iterable, Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.clock import dhaka_day
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Errors, Reply
from sandbox.kit.institution.requests import Form
from sandbox.kit.provider.family import HouseCall
from sandbox.kit.provider.hooks import Telling, WayBack, random_text
from sandbox.kit.provider.orders import Order
from sandbox.kit.provider.provider import NewOrder, Provider
from sandbox.kit.provider.refunds import NewRefund
from sandbox.providers.token_init_status import generic_replies as replies
from sandbox.providers.token_init_status.dialect import Dialect
from sandbox.providers.token_init_status.fields import address, amount, is_taken, text, written

_REFERENCE = re.compile(r"[A-Z0-9]{20,32}")
_REFUND_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}")
_AMOUNT = re.compile(r"[0-9]{1,10}\.[0-9]{2}")
_TAKA = re.compile("BDT")
_COUNTRY = "88"
_MOBILE_LENGTH = 11


class Generic(Dialect):
    """Tap, mCash, MyCash, OK Wallet and SureCash."""

    errors: ClassVar[Errors] = replies.ERRORS
    scheme: ClassVar[str] = "Bearer"

    @override
    def calls(self, provider: Provider) -> Iterable[HouseCall]:
        return (
            HouseCall("token", "POST", "v1/token", partial(_let_in, provider), needs_login=False),
            HouseCall("init", "POST", "v1/payments", partial(_init, provider)),
            HouseCall("status", "GET", "v1/payments/{payment_id}", partial(_status, provider)),
            HouseCall("refund", "POST", "v1/payments/{payment_id}/refunds", partial(_refund, provider)),
            HouseCall("refunds", "GET", "v1/payments/{payment_id}/refunds", partial(_refunds, provider)),
        )

    @override
    def way_back(self, provider: Provider, order: Order, telling: Telling) -> WayBack:
        status = replies.SAYS[telling.word]
        names = {"payment_id": order.provider_reference, "merchant_reference": order.reference}
        return WayBack(order.facts["return_url"], names | {"status": status})

    @override
    def provider_reference(self, provider: Provider, new: NewOrder) -> str:
        return _dated("PAY", provider)

    @override
    def transaction_id(self, provider: Provider, order: Order) -> str:
        # What is named once an order is paid can only be a refund of it.
        return _dated("RFD", provider) if order.is_paid else f"TXN{random_text(8, string.digits)}"

    @override
    def secrets(self, password: str) -> Mapping[str, str]:
        return {"USER": "ekpay", "PASSWORD": password}


def _dated(kind: str, provider: Provider) -> str:
    return f"{kind}-{dhaka_day(provider.clock.now()):%Y%m%d}-{random_text(6, string.digits)}"


def _let_in(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    is_user = provider.is_user(text(form, "user"))
    if not provider.is_password(text(form, "password")) or not is_user:
        return replies.WRONG_LOGIN
    return provider.log_in(
        lambda: replies.let_in(provider.bearers.issue(provider.clock.now()), BEARER_SECONDS)
    )


def _init(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    reference = written(form, "merchant_reference", _REFERENCE)
    tell = partial(replies.opened, provider)
    known = provider.find(reference)
    if known is not None:
        # It makes nothing, whatever else it says.
        return provider.create(NewOrder(reference, known.amount_paisa), tell)
    written(form, "currency", _TAKA)
    amount_paisa, payer = _amount(form), text(form, "payer_reference")
    facts = {"return_url": address(form, "return_url")}
    if not is_taken(provider, amount_paisa):
        return replies.OTHER_AMOUNTS
    return provider.create(NewOrder(reference, amount_paisa, payer=_mobile(payer), facts=facts), tell)


def _status(provider: Provider, request: Request) -> Reply:
    return provider.status(_payment(provider, request), replies.told)


def _refund(provider: Provider, request: Request) -> Reply:
    form, order = request.fields(), _payment(provider, request)
    reference = written(form, "refund_reference", _REFUND_REFERENCE)
    written(form, "currency", _TAKA)
    transaction_id, reason = text(form, "transaction_id"), text(form, "reason")
    new = NewRefund(_amount(form), reference, {"reason": reason})
    if order is not None and order.is_paid and order.transaction_id != transaction_id:
        return replies.OTHER_TRANSACTION
    return provider.refund(order, new, replies.returned)


def _refunds(provider: Provider, request: Request) -> Reply:
    return provider.refunds_of(_payment(provider, request), replies.refunds)


def _payment(provider: Provider, request: Request) -> Order | None:
    order = provider.find_named(request.values["payment_id"])
    # An order has other names, by which nobody asks here.
    return order if order is not None and order.provider_reference == request.values["payment_id"] else None


def _amount(form: Form) -> int:
    written(form, "amount", _AMOUNT)
    return amount(form, "amount")


def _mobile(payer: str) -> str:
    """Return a number as a payer would type it; what the merchant knows a payer by need not be one."""
    local = payer.removeprefix(_COUNTRY)
    return local if len(local) == _MOBILE_LENGTH else payer
