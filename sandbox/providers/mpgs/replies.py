"""What the gateway says, in its words: errors, sessions, orders and the movements in them.

Amounts are numbers with two decimals, as the gateway writes them, and never pass through a float.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.provider.call_results import Refusal, Told
from sandbox.kit.provider.hooks import Telling
from sandbox.kit.provider.magic_numbers import Word
from sandbox.kit.provider.orders import Order, Refund, RefundState, State, Try
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
    State.OPENED: PENDING,
    State.AGREED: PENDING,
    State.PAID: SUCCESS,
    State.DECLINED: FAILURE,
    State.CANCELLED: SUCCESS,
    State.EXPIRED: FAILURE,
}
_STATES = {Word.PAID: State.PAID, Word.DECLINED: State.DECLINED}
_REFUND_RESULTS = {
    RefundState.DONE: (SUCCESS, APPROVED),
    RefundState.PROCESSING: (PENDING, PENDING),
    RefundState.FAILED: (FAILURE, DECLINED),
}


def error(status: int, message: str, cause: str = "", **more: str) -> Reply:
    """Return an error object; `more` may name the field and what is wrong with it."""
    told = {"cause": cause or _CAUSES.get(status, "INVALID_REQUEST"), "explanation": message, **more}
    return json_reply({"error": told, "result": "ERROR"}, code=told["cause"], status=status)


def invalid(field: str, validation: str = "INVALID") -> Reply:
    """Return HTTP 400 about one field; nothing was done."""
    return error(400, f"{field} is {validation.lower()}", field=field, validationType=validation)


ERRORS = Errors(error)
NO_ORDER = error(404, "Unable to find order")
NO_TRANSACTION = error(404, "Unable to find transaction")

REFUSALS: Mapping[Refusal, Reply] = {
    Refusal.UNKNOWN: NO_ORDER,
    Refusal.DUPLICATE: invalid("transaction.id"),
    Refusal.TOO_MUCH: invalid("transaction.amount"),
}
REJECTED = error(400, "the operation is not allowed", "REQUEST_REJECTED")


def refused(refusal: Refusal) -> Reply:
    """Return why nothing was done."""
    return REFUSALS.get(refusal, REJECTED)


def session(merchant: str, name: str, order: Order) -> Reply:
    """Return a session that holds an order now."""
    told = {"id": name, "updateStatus": SUCCESS, "version": name[-10:].lower()}
    indicator = order.facts["success_indicator"]
    return json_reply(
        {"merchant": merchant, "result": SUCCESS, "session": told, "successIndicator": indicator}, status=201
    )


def whole_order(merchant: str, told: Told) -> Json:
    """Return an order with every movement in it."""
    status = _status(told.order, told.state)
    return {
        "merchant": merchant,
        "result": _RESULTS[told.state],
        "creationTime": _instant(told.order.created),
        **_amounts(told, status),
        "transaction": movements(merchant, told),
    }


def movements(merchant: str, told: Told) -> list[Json]:
    """Return the movements of an order: tries, the payment, what was given back; in their order."""
    order = told.order
    rows = [_tried(merchant, told, at, one) for at, one in enumerate(order.tries)]
    if told.state in {State.AGREED, State.PAID, State.DECLINED}:
        rows.append(_payment(merchant, told, told.state))
    return [*rows, *(refund_movement(merchant, told, one) for one in order.refunds)]


def refund_movement(merchant: str, told: Told, refund: Refund) -> Json:
    """Return one refund, done, in work or failed."""
    result, code = _REFUND_RESULTS[refund.state]
    kind, name = refund.facts[REFUND_TYPE], refund.facts[REFUND_NAME]
    moved = _moved(name, kind, refund.amount_paisa, told.order.currency, refund.refund_id)
    at = datetime.fromisoformat(refund.done_at or refund.asked_at)
    return _movement(merchant, told, moved, (result, code, at, told.order.payer))


def refused_refund(merchant: str, told: Told, new: NewRefund) -> Json:
    """Return a refund that the card's bank does not want; the gateway keeps none of it."""
    kind, name = new.facts[REFUND_TYPE], new.facts[REFUND_NAME]
    moved = _moved(name, kind, new.amount_paisa, told.order.currency, "")
    return _movement(merchant, told, moved, (FAILURE, DECLINED, told.order.decided, told.order.payer))


def notice(merchant: str, order: Order, telling: Telling) -> bytes:
    """Return what is pushed about an order: the movement that has come about or changed."""
    state = _STATES.get(telling.word, State.AGREED)
    told = Told(order, state, order.amount_paisa, order.currency)
    if telling.refund is not None:
        return orjson.dumps(refund_movement(merchant, told, telling.refund))
    at = {"timeOfRecord": _instant(telling.at)}
    return orjson.dumps(_payment(merchant, told, state) | at)


def _status(order: Order, state: State) -> str:
    if state is not State.PAID:
        words = {State.DECLINED: "FAILED", State.CANCELLED: "CANCELLED", State.AGREED: "AUTHENTICATED"}
        return words.get(state, "AUTHENTICATION_INITIATED")
    back = _given_back(order)
    if back and order.refunds[-1].facts[REFUND_TYPE] == VOID:
        return "CANCELLED"
    if not back:
        return "CAPTURED"
    return "REFUNDED" if back == order.amount_paisa else "PARTIALLY_REFUNDED"


def _given_back(order: Order) -> int:
    return sum(one.amount_paisa for one in order.refunds if one.state is RefundState.DONE)


def _amounts(told: Told, status: str) -> Json:
    is_held = told.state is State.PAID and status != "CANCELLED"
    held = told.amount_paisa if is_held else 0
    return {
        "id": told.order.reference,
        "status": status,
        "amount": _number(told.amount_paisa),
        "currency": told.currency,
        "totalAuthorizedAmount": _number(held),
        "totalCapturedAmount": _number(held),
        "totalRefundedAmount": _number(_given_back(told.order) if is_held else 0),
    }


def _payment(merchant: str, told: Told, state: State) -> Json:
    order = told.order
    codes = {State.PAID: APPROVED, State.DECLINED: _GATEWAY_CODES.get(order.reason, DECLINED)}
    moved = _moved(
        payment_name(len(order.tries)), "PAYMENT", told.amount_paisa, told.currency, order.transaction_id
    )
    at = order.decided if order.decided_at else order.created
    return _movement(merchant, told, moved, (_RESULTS[state], codes.get(state, PENDING), at, order.payer))


def _tried(merchant: str, told: Told, at: int, tried: Try) -> Json:
    moved = _moved(payment_name(at), "PAYMENT", told.amount_paisa, told.currency, tried.transaction_id)
    code = _GATEWAY_CODES.get(tried.reason, DECLINED)
    return _movement(merchant, told, moved, (FAILURE, code, datetime.fromisoformat(tried.at), tried.payer))


def _moved(name: str, kind: str, amount_paisa: int, currency: str, receipt: str) -> Json:
    told: Json = {"id": name, "type": kind, "amount": _number(amount_paisa), "currency": currency}
    if receipt:
        told |= {"receipt": receipt, "authorizationCode": authorisation_code(receipt)}
    return told


def _movement(merchant: str, told: Told, moved: Json, became: tuple[str, str, datetime, str]) -> Json:
    result, code, at, card = became
    response = {"gatewayCode": code}
    if code in _ACQUIRER_CODES:
        response["acquirerCode"] = _ACQUIRER_CODES[code]
    number = masked(card).replace("*", "x")
    return {
        "merchant": merchant,
        "order": _amounts(told, _status(told.order, told.state)),
        "response": response,
        "result": result,
        "timeOfRecord": _instant(at),
        "transaction": moved,
        "sourceOfFunds": {"type": "CARD", "provided": {"card": {"brand": "MASTERCARD", "number": number}}},
    }


def _number(amount_paisa: int) -> orjson.Fragment:
    return orjson.Fragment(taka(amount_paisa).encode())


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
