"""Single movements of an order: asked for, given back, and voided.

Order and transaction id together are the name of a movement: the same again is told the same, and another
content under that name is refused (connectors.md 11.1).
"""

from sandbox.kit.institution.amounts import paisa
from sandbox.kit.institution.clock import dhaka_day
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Reply, json_reply
from sandbox.kit.institution.requests import json_object
from sandbox.kit.provider.call_results import Refusal, Returned, Told
from sandbox.kit.provider.orders import Order
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.refunds import NewRefund
from sandbox.providers.mpgs import replies
from sandbox.providers.mpgs.institutions import REFUND, REFUND_NAME, REFUND_TYPE, VOID, payment_name
from sandbox.providers.mpgs.sessions import is_reference

_CREATED, _REPEATED = 201, 200


def movement(provider: Provider, request: Request) -> Reply:
    """Tell of one movement of an order."""
    merchant, name = request.values["merchant"], request.values["transaction"]

    def tell(told: Told | Refusal) -> Reply:
        if isinstance(told, Refusal):
            return replies.refused(told)
        rows = replies.movements(merchant, told)
        found = next((row for row in rows if _named(row, name)), None)
        return replies.NO_TRANSACTION if found is None else json_reply(found)

    return provider.status(provider.find(request.values["order"]), tell)


def put(provider: Provider, request: Request) -> Reply:
    """Make a movement: a refund or a void.

    Raises:
        MalformedRequestError: the body is no JSON object.
    """
    form = json_object(request.body)
    told = form.get("transaction")
    moved: dict[str, object] = told if isinstance(told, dict) else {}
    order = provider.find(request.values["order"])
    name = request.values["transaction"]
    if not is_reference(name) or (order is not None and _is_of_the_payer(order, name)):
        return replies.invalid("transaction.id")
    match form.get("apiOperation"):
        case "REFUND":
            return _refund(provider, request, order, moved)
        case "VOID":
            return _void(provider, request, order, moved)
        case None:
            return replies.invalid("apiOperation", "MISSING")
        case _:
            return replies.invalid("apiOperation", "UNSUPPORTED")


def _refund(provider: Provider, request: Request, order: Order | None, moved: dict[str, object]) -> Reply:
    amount_paisa = paisa(moved.get("amount"))
    if amount_paisa is None:
        return replies.invalid("transaction.amount")
    if moved.get("currency") != (order.currency if order is not None else "BDT"):
        return replies.invalid("transaction.currency")
    return _give(provider, request, order, _new(request, amount_paisa, REFUND))


def _void(provider: Provider, request: Request, order: Order | None, moved: dict[str, object]) -> Reply:
    """Undo a payment as if it had not been, as long as its day is not settled and none of it went back."""
    new = _new(request, 0 if order is None else order.amount_paisa, VOID)
    if order is not None:
        if moved.get("targetTransactionId") != payment_name(len(order.tries)):
            return replies.invalid("transaction.targetTransactionId")
        is_today = order.is_paid and dhaka_day(order.decided) == provider.clock.today()
        is_repeat = provider.find_refund(new.reference) is not None
        if not is_repeat and (not is_today or order.refunded_paisa):
            return replies.REJECTED
    return _give(provider, request, order, new)


def _new(request: Request, amount_paisa: int, kind: str) -> NewRefund:
    order, name = request.values["order"], request.values["transaction"]
    return NewRefund(amount_paisa, f"{order}/{name}", {REFUND_NAME: name, REFUND_TYPE: kind})


def _give(provider: Provider, request: Request, order: Order | None, new: NewRefund) -> Reply:
    merchant = request.values["merchant"]

    def tell(returned: Returned | Refusal) -> Reply:
        if returned is Refusal.REFUSED and order is not None and order.is_paid:
            row = replies.refused_refund(merchant, provider.told(order), new)
            return json_reply(row, status=_CREATED)
        if isinstance(returned, Refusal):
            return replies.refused(returned)
        if returned.refund.facts[REFUND_TYPE] != new.facts[REFUND_TYPE]:
            return replies.refused(Refusal.DUPLICATE)
        row = replies.refund_movement(merchant, provider.told(returned.order), returned.refund)
        return json_reply(row, status=_REPEATED if returned.is_repeat else _CREATED)

    return provider.refund(order, new, tell)


def _is_of_the_payer(order: Order, name: str) -> bool:
    """Whether a name belongs to the payment or to a try before it."""
    return name in {payment_name(at) for at in range(len(order.tries) + 1)}


def _named(row: replies.Json, name: str) -> bool:
    moved = row["transaction"]
    return isinstance(moved, dict) and moved["id"] == name
