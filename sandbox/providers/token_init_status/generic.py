"""The generic wallet dialect of `docs/protocols/token-init-status.md`, which is our own design.

It is strict: an amount is text with two decimals, a reference has the letters that it may have.
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
from sandbox.kit.provider.family import InstitutionCall
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, random_text
from sandbox.kit.provider.orders import NewOrder, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.refunds import NewRefund
from sandbox.providers.token_init_status import generic_replies as replies
from sandbox.providers.token_init_status.dialect import TokenDialect
from sandbox.providers.token_init_status.fields import (
    address,
    amount,
    is_amount_accepted,
    matching_text,
    text,
)

_REFERENCE = re.compile(r"[A-Z0-9]{20,32}")
_REFUND_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}")
_AMOUNT = re.compile(r"[0-9]{1,10}\.[0-9]{2}")
_TAKA = re.compile("BDT")
_COUNTRY = "88"
_MOBILE_LENGTH = 11


class Generic(TokenDialect):
    """Tap, mCash, MyCash, OK Wallet and SureCash."""

    errors: ClassVar[Errors] = replies.ERRORS
    scheme: ClassVar[str] = "Bearer"

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        return (
            InstitutionCall("token", "POST", "v1/token", partial(_give_token, provider), needs_login=False),
            InstitutionCall("init", "POST", "v1/payments", partial(_init, provider)),
            InstitutionCall("status", "GET", "v1/payments/{payment_id}", partial(_status, provider)),
            InstitutionCall("refund", "POST", "v1/payments/{payment_id}/refunds", partial(_refund, provider)),
            InstitutionCall(
                "refunds", "GET", "v1/payments/{payment_id}/refunds", partial(_refunds, provider)
            ),
        )

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn:
        status = replies.BROWSER_STATUSES[message.outcome]
        names = {"payment_id": order.provider_reference, "merchant_reference": order.reference}
        return BrowserReturn(order.facts["return_url"], names | {"status": status})

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        return _dated("PAY", provider)

    @override
    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:
        # What is named once an order is paid can only be a refund of it.
        return _dated("RFD", provider) if order.is_paid else f"TXN{random_text(8, string.digits)}"

    @override
    def secrets_for_switch(self, password: str) -> Mapping[str, str]:
        return {"USER": "ekpay", "PASSWORD": password}


def _dated(kind: str, provider: OpenProvider) -> str:
    return f"{kind}-{dhaka_day(provider.clock.now()):%Y%m%d}-{random_text(6, string.digits)}"


def _give_token(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    is_user = provider.is_user(text(form, "user"))
    if not provider.is_password(text(form, "password")) or not is_user:
        return replies.WRONG_LOGIN
    return provider.log_in(
        lambda: replies.token_reply(provider.bearers.issue(provider.clock.now()), BEARER_SECONDS)
    )


def _init(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    reference = matching_text(form, "merchant_reference", _REFERENCE)
    to_reply = partial(replies.opened_reply, provider)
    known = provider.find(reference)
    if known is not None:
        # It opens nothing, whatever its other fields.
        return provider.create(NewOrder(reference, known.amount_paisa), to_reply)
    matching_text(form, "currency", _TAKA)
    amount_paisa, payer = _amount(form), text(form, "payer_reference")
    facts = {"return_url": address(form, "return_url")}
    if not is_amount_accepted(provider, amount_paisa):
        return replies.OTHER_AMOUNTS
    return provider.create(NewOrder(reference, amount_paisa, payer=_mobile(payer), facts=facts), to_reply)


def _status(provider: Provider, request: Request) -> Reply:
    return provider.status(_payment(provider, request), replies.status_reply)


def _refund(provider: Provider, request: Request) -> Reply:
    form, order = request.fields(), _payment(provider, request)
    reference = matching_text(form, "refund_reference", _REFUND_REFERENCE)
    matching_text(form, "currency", _TAKA)
    transaction_id, reason = text(form, "transaction_id"), text(form, "reason")
    new = NewRefund(_amount(form), reference, {"reason": reason})
    if order is not None and order.is_paid and order.transaction_id != transaction_id:
        return replies.OTHER_TRANSACTION
    return provider.refund(order, new, replies.refund_reply)


def _refunds(provider: Provider, request: Request) -> Reply:
    return provider.refunds_of(_payment(provider, request), replies.refunds_reply)


def _payment(provider: Provider, request: Request) -> ProviderOrder | None:
    order = provider.find_by_provider_name(request.values["payment_id"])
    # An order has other names, which are not valid here.
    return order if order is not None and order.provider_reference == request.values["payment_id"] else None


def _amount(form: Form) -> int:
    matching_text(form, "amount", _AMOUNT)
    return amount(form, "amount")


def _mobile(payer: str) -> str:
    """Return a number as a payer would type it; what the merchant knows a payer by need not be one."""
    local = payer.removeprefix(_COUNTRY)
    return local if len(local) == _MOBILE_LENGTH else payer
