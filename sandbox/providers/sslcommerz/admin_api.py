"""The admin API of SSLCommerz and aamarPay: `POST holds` decides about a payment held for its risk."""

from collections.abc import Mapping
from enum import StrEnum

from typing_extensions import override

from sandbox.kit.institution.admin_api import Query, Route
from sandbox.kit.institution.replies import Reply, error_reply, json_reply
from sandbox.kit.provider.admin_api import OrderQuery, ProviderAdminApi
from sandbox.kit.provider.call_results import Refusal
from sandbox.kit.provider.hooks import PushKind
from sandbox.kit.provider.orders import ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.refunds import NewRefund, give_back
from sandbox.providers.sslcommerz.institutions import IS_REFUSED, RISK, SAFE, is_held


class HoldDecision(StrEnum):
    """What the institution makes of a risk."""

    RELEASE = "release"
    """The merchant has the money, and the message of the payment is sent once more."""
    REFUSE = "refuse"
    """The payer has it back, and the attempt has failed. Nothing is sent."""


class DecideHold(OrderQuery):
    """A decision about the order of this reference."""

    decision: HoldDecision


class SslcommerzAdminApi(ProviderAdminApi):
    """The admin API of the family with `POST holds`."""

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {**super().routes(), "holds": {"POST": self._holds}}

    def _holds(self, _query: Query, body: bytes) -> Reply:
        asked = DecideHold.model_validate_json(body, context=self._books.providers)
        provider = self._books.providers[asked.institution_id]
        order = provider.find(asked.reference)
        if order is None:
            return error_reply(404, "no such order")
        if not is_held(provider, order):
            return error_reply(409, "the order is not held")
        if asked.decision is HoldDecision.RELEASE:
            provider.keep(order, **{RISK: SAFE})
            provider.send(order, PushKind.AGAIN, order.decided_at)
        elif not _refuse(provider, order):
            return error_reply(409, "the institution gives nothing back")
        return json_reply({"reference": order.reference, "is_held": is_held(provider, order)})


def _refuse(provider: Provider, order: ProviderOrder) -> bool:
    """Give everything back, as the settlement file tells, and let the attempt have failed."""
    if isinstance(give_back(provider, order, NewRefund(order.refundable_paisa)), Refusal):
        return False
    provider.keep(order, **{RISK: SAFE, IS_REFUSED: "yes"})
    return True
