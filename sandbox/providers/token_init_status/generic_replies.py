"""The answers of the generic dialect: one JSON object with `code` and `message`, under an HTTP status."""

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.provider.call_results import RefundResult, Refusal, ReportedOrder
from sandbox.kit.provider.magic_numbers import ReportedOutcome
from sandbox.kit.provider.orders import OrderState, ProviderOrder, ProviderRefund, RefundState
from sandbox.kit.provider.provider import Provider
from sandbox.providers.token_init_status.masking import masked

BROWSER_STATUSES: Mapping[ReportedOutcome, str] = MappingProxyType(
    {
        ReportedOutcome.PAID: "paid",
        ReportedOutcome.PENDING: "pending",
        ReportedOutcome.DECLINED: "failed",
        ReportedOutcome.CANCELLED: "cancelled",
        ReportedOutcome.EXPIRED: "expired",
    }
)
"""What the browser brings back."""

_STATUSES = {
    OrderState.OPENED: "pending",
    OrderState.AGREED: "pending",
    OrderState.PAID: "paid",
    OrderState.DECLINED: "failed",
    OrderState.CANCELLED: "cancelled",
    OrderState.EXPIRED: "expired",
}
_REFUND_STATUSES = {
    RefundState.DONE: "done",
    RefundState.PROCESSING: "processing",
    RefundState.FAILED: "refused",
}
_CODES = {401: "4010", 500: "5000", 503: "5030"}
_MALFORMED = "4001"


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply({"code": code, "message": message}, code=code, status=status)


ERRORS = Errors(lambda status, message: _error(status, _CODES.get(status, _MALFORMED), message))
WRONG_LOGIN = _error(401, "4011", "Wrong user or password")
OTHER_AMOUNTS = _error(422, "4220", "The amount is outside what is taken")
OTHER_TRANSACTION = _error(422, "4222", "The payment was not paid, or by another transaction")

_NOT_ALLOWED = _error(403, "4030", "Not allowed")
_UNKNOWN = _error(404, "4041", "No such payment")
_USED_BEFORE = _error(409, "4091", "The merchant_reference was used before")
_TOO_MUCH = _error(422, "4221", "More than is left to give back, or too many parts")
_REFUND_REFUSALS = {
    Refusal.UNKNOWN: _UNKNOWN,
    Refusal.DUPLICATE: _error(409, "4092", "The refund_reference was used for another refund"),
    Refusal.TOO_MUCH: _TOO_MUCH,
    Refusal.TOO_MANY: _TOO_MUCH,
    Refusal.NOT_PAID: OTHER_TRANSACTION,
    Refusal.TOO_LATE: _error(422, "4223", "Too late to give back"),
}


def token_reply(token: str, life_seconds: int) -> Reply:
    """Give out a token."""
    return _success({"access_token": token, "token_type": "Bearer", "expires_in": life_seconds})


def opened_reply(provider: Provider, order: ProviderOrder | Refusal) -> Reply:
    """Say where the page of a new payment is."""
    if isinstance(order, Refusal):
        return _USED_BEFORE if order is Refusal.DUPLICATE else _NOT_ALLOWED
    members = _payment(ReportedOrder(order, OrderState.OPENED, order.amount_paisa, order.currency))
    return _success(members | {"page_url": provider.page_url(order)})


def status_reply(report: ReportedOrder | Refusal) -> Reply:
    """Say what has become of a payment."""
    if isinstance(report, Refusal):
        return _UNKNOWN if report is Refusal.UNKNOWN else _NOT_ALLOWED
    order = report.order
    payment_members = {
        "transaction_id": order.transaction_id,
        "payer_account": masked(order.payer),
        "paid_at": order.decided_at and order.decision_time.astimezone(DHAKA).isoformat(timespec="seconds"),
    }
    return _success(_payment(report) | (payment_members if report.state is OrderState.PAID else {}))


def refund_reply(result: RefundResult | Refusal) -> Reply:
    """Say what has become of a refund."""
    if isinstance(result, Refusal):
        return _REFUND_REFUSALS.get(result, _NOT_ALLOWED)
    return _success({"payment_id": result.order.provider_reference} | _refund(result.order, result.refund))


def refunds_reply(order: ProviderOrder | Refusal) -> Reply:
    """List every refund of a payment, oldest first."""
    if isinstance(order, Refusal):
        return _UNKNOWN if order is Refusal.UNKNOWN else _NOT_ALLOWED
    rows = [_refund(order, refund) for refund in order.refunds]
    return _success({"payment_id": order.provider_reference, "refunds": rows})


def _success(members: Mapping[str, object]) -> Reply:
    return json_reply({"code": "0000", "message": "Successful", **members}, code="0000")


def _payment(report: ReportedOrder) -> dict[str, object]:
    order = report.order
    return {
        "payment_id": order.provider_reference,
        "merchant_reference": order.reference,
        "amount": taka(report.amount_paisa),
        "currency": report.currency,
        "status": _STATUSES[report.state],
        "created_at": order.creation_time.astimezone(DHAKA).isoformat(timespec="seconds"),
    }


def _refund(order: ProviderOrder, refund: ProviderRefund) -> dict[str, object]:
    return {
        "refund_id": refund.refund_id,
        "refund_reference": refund.reference,
        "amount": taka(refund.amount_paisa),
        "currency": order.currency,
        "status": _REFUND_STATUSES[refund.state],
    }
