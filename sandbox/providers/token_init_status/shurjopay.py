"""shurjoPay v2.1: a gateway that tells with its token where payments are opened, and gives nothing back.

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
from sandbox.kit.provider.family import HouseCall
from sandbox.kit.provider.hooks import Telling, WayBack, random_text
from sandbox.kit.provider.magic_numbers import Word
from sandbox.kit.provider.orders import Order
from sandbox.kit.provider.provider import NewOrder, Provider
from sandbox.providers.token_init_status import shurjopay_replies as replies
from sandbox.providers.token_init_status.dialect import Dialect, is_token
from sandbox.providers.token_init_status.fields import (
    TEXT_LENGTH_MAX,
    address,
    amount,
    is_taken,
    text,
    texts,
    written,
)

_PREFIX = re.compile(r"[A-Za-z0-9]{1,5}")
_CUSTOMER = ("customer_name", "customer_address", "customer_phone", "customer_city", "client_ip")
_MAY_BE_TOLD = ("customer_email", "customer_post_code", "value1", "value2", "value3", "value4")
_HEX = "0123456789abcdef"


class Shurjopay(Dialect):
    """shurjoPay alone."""

    errors: ClassVar[Errors] = replies.ERRORS
    scheme: ClassVar[str] = "Bearer"

    @override
    def calls(self, provider: Provider) -> Iterable[HouseCall]:
        verify = partial(_verify, provider)
        return (
            HouseCall("token", "POST", "api/get_token", partial(_let_in, provider), needs_login=False),
            HouseCall("pay", "POST", replies.PAY_PATH, partial(_pay, provider)),
            HouseCall("verify", "POST", "api/verification", verify),
            HouseCall("status", "POST", "api/payment-status", verify),
        )

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        if super().is_admitted(provider, request):
            return True
        return request.path.rstrip("/").endswith(replies.PAY_PATH) and is_token(
            provider, request.fields().get("token")
        )

    @override
    def way_back(self, provider: Provider, order: Order, telling: Telling) -> WayBack:
        name = "cancel_url" if telling.word is Word.CANCELLED else "return_url"
        return WayBack(order.facts[name], {"order_id": order.provider_reference})

    @override
    def provider_reference(self, provider: Provider, new: NewOrder) -> str:
        return new.facts["prefix"] + random_text(13, _HEX)

    @override
    def transaction_id(self, provider: Provider, order: Order) -> str:
        return random_text(10)

    @override
    def secrets(self, password: str) -> Mapping[str, str]:
        return {"USER": "ekpay", "PASSWORD": password}


def _let_in(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    is_user = provider.is_user(text(form, "username"))
    if not provider.is_password(text(form, "password")) or not is_user:
        return replies.WRONG_LOGIN

    def let_in() -> Reply:
        now = provider.clock.now()
        return replies.let_in(provider, request.origin, provider.bearers.issue(now), now)

    return provider.log_in(let_in)


def _pay(provider: Provider, request: Request) -> Reply:
    form = request.fields()
    if str(form.get("store_id")) != str(replies.STORE_ID):
        return replies.UNKNOWN_STORE
    amount_paisa = amount(form, "amount")
    if text(form, "currency") != replies.TAKA or not is_taken(provider, amount_paisa):
        return replies.NOT_TAKEN
    facts = {
        "prefix": written(form, "prefix", _PREFIX),
        "return_url": address(form, "return_url"),
        "cancel_url": address(form, "cancel_url"),
        **texts(form, _CUSTOMER),
        **{name: _told(form, name) for name in _MAY_BE_TOLD},
    }
    new = NewOrder(text(form, "order_id"), amount_paisa, payer=facts["customer_phone"], facts=facts)
    return provider.create(new, partial(replies.opened, provider))


def _told(form: Form, name: str) -> str:
    return str(form.get(name) or "")[:TEXT_LENGTH_MAX]


def _verify(provider: Provider, request: Request) -> Reply:
    name = text(request.fields(), "order_id")
    order = provider.find_named(name)
    # An order has other names, by which nobody asks here.
    known = order if order is not None and order.provider_reference == name else None
    return provider.status(known, replies.told)
