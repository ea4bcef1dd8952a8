"""The gateway of three banks behind one port: sessions, the hosted page, orders, refunds, voids, webhooks.

A merchant is admitted by HTTP Basic as `merchant.<id>`, and only to paths of its own. Everything else that a
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
from sandbox.kit.provider.call_results import Refusal, ReportedOrder
from sandbox.kit.provider.family import InstitutionCall, InstitutionPage, ProviderFamily
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, Push, random_text
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.magic_numbers import PayerBehaviour, PayerKindRow, ReportedOutcome
from sandbox.kit.provider.orders import NewOrder, OrderState, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.providers.mpgs import replies
from sandbox.providers.mpgs.institutions import FAMILY, INSTITUTIONS
from sandbox.providers.mpgs.sessions import MERCHANT, order_of_session, read_session
from sandbox.providers.mpgs.transactions import put_transaction, read_transaction

_BASE = "api/rest/version/{version}"
_MERCHANT = f"{_BASE}/merchant/{{merchant}}"
_ORDER = f"{_MERCHANT}/order/{{order}}"
_MOVEMENT = f"{_ORDER}/transaction/{{transaction}}"
_DIGITS = "0123456789"


class MpgsFamily(ProviderFamily):
    """Banks that take cards by hosted checkout."""

    name: ClassVar[str] = "MPGS"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = replies.ERRORS
    institutions: ClassVar[tuple[ProviderInstitution, ...]] = INSTITUTIONS
    # A payer who cancels at the page has moved nothing, and webhooks report movements.
    pushes_on: ClassVar[frozenset[OrderState]] = frozenset({OrderState.PAID, OrderState.DECLINED})
    pushes_refunds: ClassVar[bool] = True
    own_kinds: ClassVar[tuple[PayerKindRow, ...]] = (
        PayerKindRow(
            90,
            "indicator_mismatch",
            "paid, and the browser brings another indicator than the session was told",
            PayerBehaviour(facts={"indicator": "wrong"}),
        ),
        PayerKindRow(
            91,
            "indicator_missing",
            "paid, and the browser brings no indicator",
            PayerBehaviour(facts={"indicator": "none"}),
        ),
    )

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        return (
            InstitutionCall("information", "GET", f"{_BASE}/information", _information, needs_login=False),
            InstitutionCall("session", "POST", f"{_MERCHANT}/session", partial(_session, provider)),
            InstitutionCall("order", "GET", _ORDER, partial(_order, provider)),
            InstitutionCall("transaction", "GET", _MOVEMENT, partial(read_transaction, provider)),
            InstitutionCall("put", "PUT", _MOVEMENT, partial(put_transaction, provider)),
        )

    @override
    def institution_pages(self, provider: Provider) -> Iterable[InstitutionPage]:
        def by_session(request: Request) -> ProviderOrder | None:
            return order_of_session(provider, request.values["session"])

        return (*super().institution_pages(provider), InstitutionPage("checkout/pay/{session}", by_session))

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        user, password = request.basic or ("", "")
        merchant = request.values["merchant"]
        is_own = provider.is_user(merchant) and user == f"merchant.{merchant}"
        return is_own and provider.is_password(password)

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        is_cancelled = message.outcome is ReportedOutcome.CANCELLED
        url = order.facts["cancel_url"] if is_cancelled else order.facts["return_url"]
        if not is_web_address(url):
            return None
        odd = provider.behaviour(order).facts.get("indicator", "")
        if is_cancelled or odd == "none":
            return BrowserReturn(url)
        # What shows success is known to the merchant and the gateway alone; whatever else comes is no proof.
        is_shown = message.outcome is ReportedOutcome.PAID and not message.is_forged and not odd
        indicator = order.facts["success_indicator"]
        result_indicator = (
            indicator if is_shown else hashlib.sha256(indicator.encode()).hexdigest()[: len(indicator)]
        )
        return BrowserReturn(
            url,
            {"resultIndicator": result_indicator, "sessionVersion": order.provider_reference[-10:].lower()},
        )

    @override
    def push(self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage) -> Push | None:
        is_movement = message.refund is not None or message.outcome not in {
            ReportedOutcome.CANCELLED,
            ReportedOutcome.EXPIRED,
        }
        if not order.facts["notification_url"] or not is_movement:
            return None
        about = message.refund.refund_id if message.refund else message.outcome
        name = hashlib.sha256(f"{order.reference} {about}".encode()).hexdigest()[:32]
        headers = {
            "Content-Type": "application/json",
            "X-Notification-Id": name,
            "X-Notification-Secret": "not the secret" if message.is_forged else provider.secret,
        }
        body = replies.webhook_body(order.facts[MERCHANT], order, message)
        return Push(order.facts["notification_url"], body, headers)

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        return f"SESSION0002{random_text(20)}"

    @override
    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:
        # The receipt. What the gateway calls a movement is unique within its order only, so the book needs
        # another name for it.
        return random_text(12, _DIGITS)

    @classmethod
    @override
    def secrets_for_switch(cls, institution: ProviderInstitution, password: str) -> Mapping[str, str]:
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

    def to_reply(order: ProviderOrder | Refusal) -> Reply:
        if order is Refusal.DUPLICATE:
            return _reopen_session(provider, merchant, new)
        if isinstance(order, Refusal):
            return replies.refusal_reply(order)
        return replies.session_reply(merchant, order.provider_reference, order)

    return provider.create(new, to_reply)


def _reopen_session(provider: Provider, merchant: str, new: NewOrder) -> Reply:
    """Open another session for an order that has one: the same order, or none."""
    order = provider.find(new.reference)
    if order is None or (order.amount_paisa, order.currency) != (new.amount_paisa, new.currency):
        return replies.invalid("order.id")
    name = f"SESSION0002{random_text(20)}"
    provider.book.record_note(provider.institution.id, name, {"order": order.reference})
    return replies.session_reply(merchant, name, order)


def _order(provider: Provider, request: Request) -> Reply:
    merchant = request.values["merchant"]

    def to_reply(report: ReportedOrder | Refusal) -> Reply:
        if isinstance(report, Refusal):
            return replies.refusal_reply(report)
        if report.state in {OrderState.OPENED, OrderState.EXPIRED}:
            # Nobody has tried to pay, so the gateway has a session and no order.
            return replies.NO_ORDER
        return json_reply(replies.whole_order(merchant, report))

    return provider.status(provider.find(request.values["order"]), to_reply)
