"""How SSLCommerz reports one attempt to pay, in queries, validations, IPNs and at a browser's return.

An order that ended unpaid has attempts that failed; that its session is over is one more, once its time is.
"""

from collections.abc import Iterator
from datetime import datetime

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.provider.call_results import ReportedOrder
from sandbox.kit.provider.hooks import OpenProvider, OutcomeMessage
from sandbox.kit.provider.magic_numbers import ReportedOutcome
from sandbox.kit.provider.orders import OrderState, ProviderOrder
from sandbox.providers.sslcommerz.institutions import (
    CARD_BRAND,
    CARD_ISSUER,
    CARD_TYPE,
    GOOD_ATTEMPTS,
    IS_REFUSED,
    SAFE,
    STORE_ID,
    card_of,
    risk_of,
    val_id_of,
)

SECOND = "B"
"""The end of the names of a second good attempt."""
VALIDATED_ON = "validated_on"
"""The fact that a validation was answered before, and when."""

_ENDED = {OrderState.DECLINED: "FAILED", OrderState.CANCELLED: "CANCELLED", OrderState.AGREED: "PENDING"}
_PUSHED = {
    ReportedOutcome.PAID: "VALID",
    ReportedOutcome.PENDING: "PENDING",
    ReportedOutcome.DECLINED: "FAILED",
    ReportedOutcome.CANCELLED: "CANCELLED",
    ReportedOutcome.EXPIRED: "EXPIRED",
}
_ERRORS = {"insufficient_funds": "Insufficient balance", "cancelled": "Cancelled by User"}

AttemptRow = dict[str, str]


def attempts_of(provider: OpenProvider, report: ReportedOrder) -> Iterator[AttemptRow]:
    """Yield every attempt of an order, the oldest first."""
    order = report.order
    for failed_try in order.tries:
        failed = {
            "bank_tran_id": failed_try.transaction_id,
            "tran_date": _time(datetime.fromisoformat(failed_try.at)),
        }
        yield _row(provider, report, "FAILED") | failed | _error(failed_try.reason)
    if report.state is OrderState.PAID and IS_REFUSED in order.facts:
        refused = {"bank_tran_id": order.transaction_id}
        yield _row(provider, report, "FAILED") | refused | _error("refused for its risk")
    elif report.state is OrderState.PAID:
        yield successful_attempt(provider, report)
        if is_paid_twice(provider, order):
            yield second_attempt(provider, report)
    elif report.state in _ENDED:
        yield _row(provider, report, _ENDED[report.state]) | _error(order.reason)
    if (
        report.state not in {OrderState.PAID, OrderState.AGREED}
        and provider.clock.now() >= order.page_end_time
    ):
        yield _row(provider, report, "EXPIRED") | {"tran_date": _time(order.page_end_time)}


def successful_attempt(provider: OpenProvider, report: ReportedOrder) -> AttemptRow:
    """Return the attempt that paid an order."""
    order = report.order
    word = "VALIDATED" if VALIDATED_ON in order.facts else "VALID"
    names = {"val_id": val_id_of(order), "bank_tran_id": order.transaction_id}
    return _row(provider, report, word) | names


def is_paid_twice(provider: OpenProvider, order: ProviderOrder) -> bool:
    """Return whether an order has a second good attempt."""
    return bool(provider.behaviour(order).facts.get(GOOD_ATTEMPTS))


def second_attempt(provider: OpenProvider, report: ReportedOrder) -> AttemptRow:
    """Return the attempt that paid an order once more."""
    first = successful_attempt(provider, report)
    return first | {name: f"{first[name]}{SECOND}" for name in ("val_id", "bank_tran_id")}


def notification_fields(provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage) -> AttemptRow:
    """Return the fields of an IPN or of a browser's return; an outcome of paid always has names."""
    fields = _row(provider, provider.report_of(order), _PUSHED[message.outcome])
    names = {"val_id": "", "bank_tran_id": ""}
    if message.outcome is ReportedOutcome.PAID:
        made_up = f"{order.creation_time:%y%m%d%H%M%S}UNPAID"
        names = {"val_id": val_id_of(order) or made_up, "bank_tran_id": order.transaction_id or made_up}
    more = {"error": "" if message.outcome is ReportedOutcome.PAID else order.reason, "store_id": STORE_ID}
    values = {name: order.facts.get(name, "") for name in ("value_a", "value_b", "value_c", "value_d")}
    return fields | names | more | values


def _row(provider: OpenProvider, report: ReportedOrder, status: str) -> AttemptRow:
    order = report.order
    risk = risk_of(provider, order)
    return {
        "status": status,
        "tran_date": _time(order.decision_time if order.decided_at else order.creation_time),
        "tran_id": order.reference,
        "val_id": "",
        "bank_tran_id": "",
        "amount": taka(report.amount_paisa),
        "store_amount": taka(order.net_paisa),
        "currency": report.currency,
        "currency_type": report.currency,
        "currency_amount": taka(report.amount_paisa),
        "currency_rate": "1.0000",
        "base_fair": "0.00",
        "card_type": CARD_TYPE,
        "card_no": card_of(order),
        "card_issuer": CARD_ISSUER,
        "card_brand": CARD_BRAND,
        "card_sub_brand": "Classic",
        "card_issuer_country": "Bangladesh",
        "card_issuer_country_code": "BD",
        "risk_level": risk,
        "risk_title": "Safe" if risk == SAFE else "Not Safe",
    }


def _error(reason: str) -> AttemptRow:
    return {"error": _ERRORS.get(reason, reason)}


def _time(instant: datetime) -> str:
    return f"{instant.astimezone(DHAKA):%Y-%m-%d %H:%M:%S}"
