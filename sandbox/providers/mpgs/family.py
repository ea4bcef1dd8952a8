"""The gateway of three banks behind one port: sessions, the hosted page, orders, refunds, voids, webhooks.

A merchant is let in by HTTP Basic as `merchant.<id>`, and only to paths of its own. Everything else that a
merchant of the real gateway could do (pay by itself, authorise, capture) is unsupported here.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.provider.call_results import Refusal, Told
from sandbox.kit.provider.family import GatewayFarSide, HouseCall, HousePage
from sandbox.kit.provider.hooks import Push, Telling, WayBack, random_text
from sandbox.kit.provider.institution import House
from sandbox.kit.provider.magic_numbers import Behaviour, Magic, Word
from sandbox.kit.provider.orders import Order, State
from sandbox.kit.provider.provider import NewOrder, Provider
from sandbox.providers.mpgs import replies
from sandbox.providers.mpgs.institutions import FAMILY, HOUSES
from sandbox.providers.mpgs.sessions import MERCHANT, order_of_session, read_session
from sandbox.providers.mpgs.transactions import movement, put

_BASE = "api/rest/version/{version}"
_MERCHANT = f"{_BASE}/merchant/{{merchant}}"
_ORDER = f"{_MERCHANT}/order/{{order}}"
_MOVEMENT = f"{_ORDER}/transaction/{{transaction}}"
_DIGITS = "0123456789"


class Institution(GatewayFarSide):
    """Banks that take cards by hosted checkout."""

    name: ClassVar[str] = "MPGS"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = replies.ERRORS
    houses: ClassVar[tuple[House, ...]] = HOUSES
    # Who turns back at the page has made no movement, and webhooks tell of movements.
    pushes_on: ClassVar[frozenset[State]] = frozenset({State.PAID, State.DECLINED})
    pushes_refunds: ClassVar[bool] = True
    own_kinds: ClassVar[tuple[Magic, ...]] = (
        Magic(
            90,
            "indicator_mismatch",
            "paid, and the browser brings another indicator than the session was told",
            Behaviour(facts={"indicator": "wrong"}),
        ),
        Magic(
            91,
            "indicator_missing",
            "paid, and the browser brings no indicator",
            Behaviour(facts={"indicator": "none"}),
        ),
    )

    @override
    def house_calls(self, provider: Provider) -> Iterable[HouseCall]:
        return (
            HouseCall("information", "GET", f"{_BASE}/information", _information, needs_login=False),
            HouseCall("session", "POST", f"{_MERCHANT}/session", partial(_session, provider)),
            HouseCall("order", "GET", _ORDER, partial(_order, provider)),
            HouseCall("transaction", "GET", _MOVEMENT, partial(movement, provider)),
            HouseCall("put", "PUT", _MOVEMENT, partial(put, provider)),
        )

    @override
    def house_pages(self, provider: Provider) -> Iterable[HousePage]:
        def by_session(request: Request) -> Order | None:
            return order_of_session(provider, request.values["session"])

        return (*super().house_pages(provider), HousePage("checkout/pay/{session}", by_session))

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        user, password = request.basic or ("", "")
        merchant = request.values["merchant"]
        is_own = provider.is_user(merchant) and user == f"merchant.{merchant}"
        return is_own and provider.is_password(password)

    @override
    def way_back(self, provider: Provider, order: Order, telling: Telling) -> WayBack | None:
        is_cancelled = telling.word is Word.CANCELLED
        url = order.facts["cancel_url"] if is_cancelled else order.facts["return_url"]
        if not is_web_address(url):
            return None
        odd = provider.behaviour(order).facts.get("indicator", "")
        if is_cancelled or odd == "none":
            return WayBack(url)
        # What shows success is known to the merchant and the gateway alone; whatever else comes is no proof.
        is_shown = telling.word is Word.PAID and not telling.is_forged and not odd
        indicator = order.facts["success_indicator"]
        told = indicator if is_shown else hashlib.sha256(indicator.encode()).hexdigest()[: len(indicator)]
        return WayBack(
            url, {"resultIndicator": told, "sessionVersion": order.provider_reference[-10:].lower()}
        )

    @override
    def push(self, provider: Provider, order: Order, telling: Telling) -> Push | None:
        is_movement = telling.refund is not None or telling.word not in {Word.CANCELLED, Word.EXPIRED}
        if not order.facts["notification_url"] or not is_movement:
            return None
        about = telling.refund.refund_id if telling.refund else telling.word
        name = hashlib.sha256(f"{order.reference} {about}".encode()).hexdigest()[:32]
        headers = {
            "Content-Type": "application/json",
            "X-Notification-Id": name,
            "X-Notification-Secret": "not the secret" if telling.is_forged else provider.secret,
        }
        body = replies.notice(order.facts[MERCHANT], order, telling)
        return Push(order.facts["notification_url"], body, headers)

    @override
    def new_provider_reference(self, provider: Provider, new: NewOrder) -> str:
        return f"SESSION0002{random_text(20)}"

    @override
    def new_transaction_id(self, provider: Provider, order: Order) -> str:
        # The receipt. What the gateway calls a movement is unique within its order only, so the book needs
        # another name for it.
        return random_text(12, _DIGITS)

    @classmethod
    @override
    def secrets_for_switch(cls, house: House, password: str) -> Mapping[str, str]:
        return {
            "MERCHANT_ID": "ekpay",
            "API_PASSWORD": password,
            "WEBHOOK_SECRET": "gateway-sandbox-secret",
        }


def _information(request: Request) -> Reply:
    version = request.values["version"]
    if re.fullmatch(r"[1-9][0-9]{0,2}", version) is None:
        return replies.invalid("version")
    return json_reply({"gatewayVersion": version, "status": "OPERATING"})


def _session(provider: Provider, request: Request) -> Reply:
    new = read_session(provider, request)
    if isinstance(new, Reply):
        return new
    merchant = request.values["merchant"]

    def tell(order: Order | Refusal) -> Reply:
        if order is Refusal.DUPLICATE:
            return _another(provider, merchant, new)
        if isinstance(order, Refusal):
            return replies.refused(order)
        return replies.session(merchant, order.provider_reference, order)

    return provider.create(new, tell)


def _another(provider: Provider, merchant: str, new: NewOrder) -> Reply:
    """Open another session for an order that has one: the same order, or none."""
    order = provider.find(new.reference)
    if order is None or (order.amount_paisa, order.currency) != (new.amount_paisa, new.currency):
        return replies.invalid("order.id")
    name = f"SESSION0002{random_text(20)}"
    provider.book.record_note(provider.house.id, name, {"order": order.reference})
    return replies.session(merchant, name, order)


def _order(provider: Provider, request: Request) -> Reply:
    merchant = request.values["merchant"]

    def tell(told: Told | Refusal) -> Reply:
        if isinstance(told, Refusal):
            return replies.refused(told)
        if told.state in {State.OPENED, State.EXPIRED}:
            # Nobody has tried to pay, so the gateway has a session and no order.
            return replies.NO_ORDER
        return json_reply(replies.whole_order(merchant, told))

    return provider.status(provider.find(request.values["order"]), tell)
