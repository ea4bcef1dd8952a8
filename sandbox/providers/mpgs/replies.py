"""The gateway's answers: errors, sessions, orders and the movements in them.

Amounts are numbers with two decimals, as the gateway writes them, and never pass through a float.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.provider.call_results import Refusal, ReportedOrder
from sandbox.kit.provider.hooks import OutcomeMessage
from sandbox.kit.provider.magic_numbers import ReportedOutcome
from sandbox.kit.provider.orders import FailedTry, OrderState, ProviderOrder, ProviderRefund, RefundState
from sandbox.kit.provider.payer_numbers import masked
from sandbox.kit.provider.refunds import NewRefund
from sandbox.providers.mpgs.institutions import (
    REFUND_NAME,
    REFUND_TYPE,
    VOID,
    authorisation_code,
    payment_name,
)

Json = dict[str, object]

SUCCESS, PENDING, FAILURE = "SUCCESS", "PENDING", "FAILURE"
APPROVED, DECLINED = "APPROVED", "DECLINED"

_CAUSES = {500: "SERVER_FAILED", 503: "SERVER_BUSY"}
_GATEWAY_CODES = {"insufficient_funds": "INSUFFICIENT_FUNDS", "wrong_pin": DECLINED, "wrong_otp": DECLINED}
_ACQUIRER_CODES = {APPROVED: "00", "INSUFFICIENT_FUNDS": "51", DECLINED: "05"}
_RESULTS = {
    OrderState.OPENED: PENDING,
    OrderState.AGREED: PENDING,
    OrderState.PAID: SUCCESS,
    OrderState.DECLINED: FAILURE,
    OrderState.CANCELLED: SUCCESS,
    OrderState.EXPIRED: FAILURE,
}
_STATES = {ReportedOutcome.PAID: OrderState.PAID, ReportedOutcome.DECLINED: OrderState.DECLINED}
_REFUND_RESULTS = {
    RefundState.DONE: (SUCCESS, APPROVED),
    RefundState.PROCESSING: (PENDING, PENDING),
    RefundState.FAILED: (FAILURE, DECLINED),
}


def error_reply(status: int, message: str, cause: str = "", **more: str) -> Reply:
    """Return an error object; `more` may name the field and what is wrong with it."""
    body = {"cause": cause or _CAUSES.get(status, "INVALID_REQUEST"), "explanation": message, **more}
    return json_reply({"error": body, "result": "ERROR"}, code=body["cause"], status=status)


def invalid(field: str, validation: str = "INVALID") -> Reply:
    """Return HTTP 400 about one field; nothing was done."""
    return error_reply(400, f"{field} is {validation.lower()}", field=field, validationType=validation)


ERRORS = Errors(error_reply)
NO_ORDER = error_reply(404, "Unable to find order")
NO_TRANSACTION = error_reply(404, "Unable to find transaction")

REFUSALS: Mapping[Refusal, Reply] = {
    Refusal.UNKNOWN: NO_ORDER,
    Refusal.DUPLICATE: invalid("transaction.id"),
    Refusal.TOO_MUCH: invalid("transaction.amount"),
}
REJECTED = error_reply(400, "the operation is not allowed", "REQUEST_REJECTED")


def refusal_reply(refusal: Refusal) -> Reply:
    """Return why nothing was done."""
    return REFUSALS.get(refusal, REJECTED)


def session_reply(merchant: str, name: str, order: ProviderOrder) -> Reply:
    """Return a session that holds an order now."""
    session = {"id": name, "updateStatus": SUCCESS, "version": name[-10:].lower()}
    indicator = order.facts["success_indicator"]
    return json_reply(
        {"merchant": merchant, "result": SUCCESS, "session": session, "successIndicator": indicator},
        status=201,
    )


def whole_order(merchant: str, report: ReportedOrder) -> Json:
    """Return an order with every movement in it."""
    status = _status(report.order, report.state)
    return {
        "merchant": merchant,
        "result": _RESULTS[report.state],
        "creationTime": _instant(report.order.creation_time),
        **_amounts(report, status),
        "transaction": movements(merchant, report),
    }


def movements(merchant: str, report: ReportedOrder) -> list[Json]:
    """Return the movements of an order: tries, the payment, what was given back; in their order."""
    order = report.order
    rows = [_failed_try(merchant, report, at, refund) for at, refund in enumerate(order.tries)]
    if report.state in {OrderState.AGREED, OrderState.PAID, OrderState.DECLINED}:
        rows.append(_payment(merchant, report, report.state))
    return [*rows, *(refund_movement(merchant, report, refund) for refund in order.refunds)]


def refund_movement(merchant: str, report: ReportedOrder, refund: ProviderRefund) -> Json:
    """Return one refund, done, in work or failed."""
    result, code = _REFUND_RESULTS[refund.state]
    kind, name = refund.facts[REFUND_TYPE], refund.facts[REFUND_NAME]
    transaction = _transaction(name, kind, refund.amount_paisa, report.order.currency, refund.refund_id)
    at = datetime.fromisoformat(refund.done_at or refund.asked_at)
    return _movement(
        merchant, report, transaction, result=result, gateway_code=code, at=at, card=report.order.payer
    )


def refused_refund(merchant: str, report: ReportedOrder, new: NewRefund) -> Json:
    """Return a refund that the card's bank refuses; the gateway does not store it."""
    kind, name = new.facts[REFUND_TYPE], new.facts[REFUND_NAME]
    transaction = _transaction(name, kind, new.amount_paisa, report.order.currency, "")
    order = report.order
    return _movement(
        merchant,
        report,
        transaction,
        result=FAILURE,
        gateway_code=DECLINED,
        at=order.decision_time,
        card=order.payer,
    )


def webhook_body(merchant: str, order: ProviderOrder, message: OutcomeMessage) -> bytes:
    """Return what is pushed about an order: the movement that has come about or changed."""
    state = _STATES.get(message.outcome, OrderState.AGREED)
    report = ReportedOrder(order, state, order.amount_paisa, order.currency)
    if message.refund is not None:
        return orjson.dumps(refund_movement(merchant, report, message.refund))
    at = {"timeOfRecord": _instant(message.at)}
    return orjson.dumps(_payment(merchant, report, state) | at)


def _status(order: ProviderOrder, state: OrderState) -> str:
    if state is not OrderState.PAID:
        words = {
            OrderState.DECLINED: "FAILED",
            OrderState.CANCELLED: "CANCELLED",
            OrderState.AGREED: "AUTHENTICATED",
        }
        return words.get(state, "AUTHENTICATION_INITIATED")
    back = _refunded_paisa(order)
    if back and order.refunds[-1].facts[REFUND_TYPE] == VOID:
        return "CANCELLED"
    if not back:
        return "CAPTURED"
    return "REFUNDED" if back == order.amount_paisa else "PARTIALLY_REFUNDED"


def _refunded_paisa(order: ProviderOrder) -> int:
    return sum(refund.amount_paisa for refund in order.refunds if refund.state is RefundState.DONE)


def _amounts(report: ReportedOrder, status: str) -> Json:
    is_held = report.state is OrderState.PAID and status != "CANCELLED"
    amount_paisa = report.amount_paisa if is_held else 0
    return {
        "id": report.order.reference,
        "status": status,
        "amount": _number(report.amount_paisa),
        "currency": report.currency,
        "totalAuthorizedAmount": _number(amount_paisa),
        "totalCapturedAmount": _number(amount_paisa),
        "totalRefundedAmount": _number(_refunded_paisa(report.order) if is_held else 0),
    }


def _payment(merchant: str, report: ReportedOrder, state: OrderState) -> Json:
    order = report.order
    codes = {OrderState.PAID: APPROVED, OrderState.DECLINED: _GATEWAY_CODES.get(order.reason, DECLINED)}
    transaction = _transaction(
        payment_name(len(order.tries)), "PAYMENT", report.amount_paisa, report.currency, order.transaction_id
    )
    at = order.decision_time if order.decided_at else order.creation_time
    code = codes.get(state, PENDING)
    return _movement(
        merchant, report, transaction, result=_RESULTS[state], gateway_code=code, at=at, card=order.payer
    )


def _failed_try(merchant: str, report: ReportedOrder, at: int, failed_try: FailedTry) -> Json:
    transaction = _transaction(
        payment_name(at), "PAYMENT", report.amount_paisa, report.currency, failed_try.transaction_id
    )
    code = _GATEWAY_CODES.get(failed_try.reason, DECLINED)
    tried_at = datetime.fromisoformat(failed_try.at)
    return _movement(
        merchant, report, transaction, result=FAILURE, gateway_code=code, at=tried_at, card=failed_try.payer
    )


def _transaction(name: str, kind: str, amount_paisa: int, currency: str, receipt: str) -> Json:
    transaction: Json = {"id": name, "type": kind, "amount": _number(amount_paisa), "currency": currency}
    if receipt:
        transaction |= {"receipt": receipt, "authorizationCode": authorisation_code(receipt)}
    return transaction


def _movement(
    merchant: str,
    report: ReportedOrder,
    transaction: Json,
    *,
    result: str,
    gateway_code: str,
    at: datetime,
    card: str,
) -> Json:
    response = {"gatewayCode": gateway_code}
    if gateway_code in _ACQUIRER_CODES:
        response["acquirerCode"] = _ACQUIRER_CODES[gateway_code]
    number = masked(card).replace("*", "x")
    return {
        "merchant": merchant,
        "order": _amounts(report, _status(report.order, report.state)),
        "response": response,
        "result": result,
        "timeOfRecord": _instant(at),
        "transaction": transaction,
        "sourceOfFunds": {"type": "CARD", "provided": {"card": {"brand": "MASTERCARD", "number": number}}},
    }


def _number(amount_paisa: int) -> orjson.Fragment:
    return orjson.Fragment(taka(amount_paisa).encode())


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
