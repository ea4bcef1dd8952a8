"""shurjoPay v2.1: a gateway whose token call names the address for payments, and that has no refunds.

Its own plugins do not agree with each other, so it takes forms and JSON, and a token in body or header.
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Errors, Reply
from sandbox.kit.institution.requests import Form
from sandbox.kit.provider.family import InstitutionCall
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, random_text
from sandbox.kit.provider.magic_numbers import ReportedOutcome
from sandbox.kit.provider.orders import NewOrder, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.providers.token_init_status import shurjopay_replies as replies
from sandbox.providers.token_init_status.dialect import TokenDialect, is_living_token
from sandbox.providers.token_init_status.fields import (
    TEXT_LENGTH_MAX,
    address,
    amount,
    is_amount_accepted,
    matching_text,
    text,
    texts,
)

_PREFIX = re.compile(r"[A-Za-z0-9]{1,5}")
_CUSTOMER = ("customer_name", "customer_address", "customer_phone", "customer_city", "client_ip")
_OPTIONAL_FIELDS = ("customer_email", "customer_post_code", "value1", "value2", "value3", "value4")
_HEX = "0123456789abcdef"


class Shurjopay(TokenDialect):
    """shurjoPay alone."""

    errors: ClassVar[Errors] = replies.ERRORS
    scheme: ClassVar[str] = "Bearer"

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        verify = partial(_verify, provider)
        return (
            InstitutionCall(
                "token", "POST", "api/get_token", partial(_give_token, provider), needs_login=False
            ),
            InstitutionCall("pay", "POST", replies.PAY_PATH, partial(_pay, provider)),
            InstitutionCall("verify", "POST", "api/verification", verify),
            InstitutionCall("status", "POST", "api/payment-status", verify),
        )

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        if super().is_admitted(provider, request):
            return True
        return request.path.rstrip("/").endswith(replies.PAY_PATH) and is_living_token(
            provider, request.fields().get("token")
        )

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn:
        name = "cancel_url" if message.outcome is ReportedOutcome.CANCELLED else "return_url"
        return BrowserReturn(order.facts[name], {"order_id": order.provider_reference})

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        return new.facts["prefix"] + random_text(13, _HEX)

    @override
    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:
        return random_text(10)

    @override
    def secrets_for_switch(self, password: str) -> Mapping[str, str]:
        return {"USER": "ekpay", "PASSWORD": password}


def _give_token(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    is_user = provider.is_user(text(form, "username"))
    if not provider.is_password(text(form, "password")) or not is_user:
        return replies.WRONG_LOGIN

    def let_in() -> Reply:
        now = provider.clock.now()
        return replies.token_reply(provider, request.origin, provider.bearers.issue(now), now)

    return provider.log_in(let_in)


def _pay(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    if str(form.get("store_id")) != str(replies.STORE_ID):
        return replies.UNKNOWN_STORE
    amount_paisa = amount(form, "amount")
    # Public clients leave the currency out.
    is_taka = form.get("currency") in {None, "", replies.TAKA}
    if not is_taka or not is_amount_accepted(provider, amount_paisa):
        return replies.NOT_ACCEPTED
    facts = {
        "prefix": matching_text(form, "prefix", _PREFIX),
        "return_url": address(form, "return_url"),
        "cancel_url": address(form, "cancel_url"),
        **texts(form, _CUSTOMER),
        **{name: _optional_text(form, name) for name in _OPTIONAL_FIELDS},
    }
    new = NewOrder(text(form, "order_id"), amount_paisa, payer=facts["customer_phone"], facts=facts)
    return provider.create(new, partial(replies.opened_reply, provider))


def _optional_text(form: Form, name: str) -> str:
    return str(form.get(name) or "")[:TEXT_LENGTH_MAX]


def _verify(provider: Provider, request: Request) -> Reply:
    name = text(request.fields(), "order_id")
    order = provider.find_by_provider_name(name)
    # An order has other names, which are not valid here.
    known = order if order is not None and order.provider_reference == name else None
    return provider.status(known, replies.status_reply)
