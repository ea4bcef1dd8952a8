"""Upay's answers: `code`, `lang`, `message` and `data`; amounts are JSON numbers, currencies are left out.

A refund in work stands in the list of successes, as there is no status and no inquiry for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.provider.call_results import Refusal, ReportedOrder
from sandbox.kit.provider.magic_numbers import ReportedOutcome
from sandbox.kit.provider.orders import OrderState, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.providers.token_init_status.masking import masked

BROWSER_STATUSES: Mapping[ReportedOutcome, str] = MappingProxyType(
    {
        ReportedOutcome.PAID: "success",
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
    OrderState.PAID: "success",
    OrderState.DECLINED: "failed",
    OrderState.CANCELLED: "cancelled",
    OrderState.EXPIRED: "expired",
}
_CODES = {400: "DVE4001", 500: "MSE5001", 503: "MSE5001"}
_TAKA = "BDT"


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply({"code": code, "lang": "en", "message": message}, code=code, status=status)


def _error_reply(status: int, message: str) -> Reply:
    code = _CODES.get(status)
    # Requests that reach no call of Upay are answered by its gateway.
    return (
        json_reply({"detail": message}, code=status, status=status)
        if code is None
        else _error(status, code, message)
    )


ERRORS = Errors(_error_reply)
UNKNOWN_MERCHANT = _error(404, "MNF4002", "Merchant not found")
UNKNOWN_PAYMENT = _error(404, "PNF4012", "Payment not found")
_USED_BEFORE = _error(400, "DTP4003", "Duplicate transaction")
_REFUSED = _error(400, "DVE4001", "Data validation error")


def token_reply(merchant_id: str, token: str) -> Reply:
    """Give out a token, without its life."""
    return _success("MAS2001", "Merchant authenticated", {"merchant_id": merchant_id, "token": token})


def opened_reply(provider: Provider, order: ProviderOrder | Refusal) -> Reply:
    """Say where the page of a new payment is."""
    if isinstance(order, Refusal):
        return _USED_BEFORE if order is Refusal.DUPLICATE else _REFUSED
    report = _names(order) | {
        "merchant_id": order.facts["merchant_id"],
        "gateway_url": provider.page_url(order),
    }
    return _success("MPIS2002", "Payment initialised", report)


def status_reply(report: ReportedOrder | Refusal) -> Reply:
    """Say what has become of a payment."""
    if isinstance(report, Refusal):
        return UNKNOWN_PAYMENT if report is Refusal.UNKNOWN else _REFUSED
    return _success("PS2005", "Payment status", _payment(report))


def bulk_status_reply(reports: Iterable[ReportedOrder]) -> Reply:
    """Say what has become of several payments: a list of what is said of each by itself."""
    return _success("PS2005", "Payment status", [_payment(report) for report in reports])


def refund_reply(rows: Sequence[tuple[str, int]], accepted: Iterable[bool]) -> Reply:
    """Say which of the refunds were given, and which were not."""
    lists: dict[bool, list[dict[str, object]]] = {True: [], False: []}
    for (txn_id, amount_paisa), is_given in zip(rows, accepted, strict=True):
        lists[is_given].append({"txn_id": txn_id, "refund_amount": _number(amount_paisa)})
    data = {"success_list": lists[True], "failed_list": lists[False]}
    return _success("MPR200", "Refund processed", data)


def _payment(report: ReportedOrder) -> dict[str, object]:
    order = report.order
    at = order.decision_time if order.decided_at else order.creation_time
    more = {
        "status": _STATUSES[report.state],
        "amount": _number(report.amount_paisa),
        "merchant_name": order.facts["merchant_name"],
        "customer_wallet": masked(order.payer),
        "date": f"{at.astimezone(DHAKA):%Y-%m-%d %H:%M:%S}",
    }
    # Only one kind of magic payer makes it name a currency.
    foreign = {} if report.currency == _TAKA else {"currency": report.currency}
    return _names(order) | more | foreign


def _success(code: str, message: str, data: Mapping[str, object] | list[dict[str, object]]) -> Reply:
    return json_reply({"code": code, "lang": "en", "message": message, "data": data}, code=code)


def _names(order: ProviderOrder) -> dict[str, object]:
    return {
        "session_id": order.provider_reference,
        "txn_id": order.reference,
        "trx_id": order.facts["trx_id"],
        "invoice_id": order.facts["invoice_id"],
    }


def _number(amount_paisa: int) -> int | float:
    """Return taka as a JSON number; a float is written in its shortest decimal form, so it is exact."""
    whole, rest = divmod(amount_paisa, 100)
    return float(f"{whole}.{rest:02d}") if rest else whole
