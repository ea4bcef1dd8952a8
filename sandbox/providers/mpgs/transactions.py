"""Single movements of an order: queries, refunds and voids.

Order and transaction id together are the name of a movement: a repeat is answered the same, and another
content under that name is refused (connectors.md 11.1).
"""

from sandbox.kit.institution.amounts import paisa
from sandbox.kit.institution.clock import dhaka_day
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Reply, json_reply
from sandbox.kit.institution.requests import json_object
from sandbox.kit.provider.call_results import RefundResult, Refusal, ReportedOrder
from sandbox.kit.provider.orders import ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.refunds import NewRefund
from sandbox.providers.mpgs import replies
from sandbox.providers.mpgs.institutions import REFUND, REFUND_NAME, REFUND_TYPE, VOID, payment_name
from sandbox.providers.mpgs.sessions import is_reference

_CREATED, _REPEATED = 201, 200


def read_transaction(provider: Provider, request: Request) -> Reply:
    """Report one movement of an order."""
    merchant, name = request.values["merchant"], request.values["transaction"]

    def to_reply(report: ReportedOrder | Refusal) -> Reply:
        if isinstance(report, Refusal):
            return replies.refusal_reply(report)
        rows = replies.movements(merchant, report)
        movement = next((row for row in rows if _has_name(row, name)), None)
        return replies.NO_TRANSACTION if movement is None else json_reply(movement)

    return provider.status(provider.find(request.values["order"]), to_reply)


def put_transaction(provider: Provider, request: Request) -> Reply:
    """Make a movement: a refund or a void.

    Raises:
        MalformedRequestError: the body is no JSON object.
    """
    form = json_object(request.body)
    member = form.get("transaction")
    transaction: dict[str, object] = member if isinstance(member, dict) else {}
    order = provider.find(request.values["order"])
    name = request.values["transaction"]
    if not is_reference(name) or (order is not None and _is_of_the_payer(order, name)):
        return replies.invalid("transaction.id")
    match form.get("apiOperation"):
        case "REFUND":
            return _refund(provider, request, order, transaction)
        case "VOID":
            return _void(provider, request, order, transaction)
        case None:
            return replies.invalid("apiOperation", "MISSING")
        case _:
            return replies.invalid("apiOperation", "UNSUPPORTED")


def _refund(
    provider: Provider, request: Request, order: ProviderOrder | None, transaction: dict[str, object]
) -> Reply:
    amount_paisa = paisa(transaction.get("amount"))
    if amount_paisa is None:
        return replies.invalid("transaction.amount")
    if transaction.get("currency") != (order.currency if order is not None else "BDT"):
        return replies.invalid("transaction.currency")
    return _give_back(provider, request, order, _new(request, amount_paisa, REFUND))


def _void(
    provider: Provider, request: Request, order: ProviderOrder | None, transaction: dict[str, object]
) -> Reply:
    """Undo a payment as if it had not been, as long as its day is not settled and none of it went back."""
    new = _new(request, 0 if order is None else order.amount_paisa, VOID)
    if order is not None:
        if transaction.get("targetTransactionId") != payment_name(len(order.tries)):
            return replies.invalid("transaction.targetTransactionId")
        is_today = order.is_paid and dhaka_day(order.decision_time) == provider.clock.today()
        is_repeat = provider.find_refund(new.reference) is not None
        if not is_repeat and (not is_today or order.refunded_paisa):
            return replies.REJECTED
    return _give_back(provider, request, order, new)


def _new(request: Request, amount_paisa: int, kind: str) -> NewRefund:
    order, name = request.values["order"], request.values["transaction"]
    return NewRefund(amount_paisa, f"{order}/{name}", {REFUND_NAME: name, REFUND_TYPE: kind})


def _give_back(provider: Provider, request: Request, order: ProviderOrder | None, new: NewRefund) -> Reply:
    merchant = request.values["merchant"]

    def to_reply(returned: RefundResult | Refusal) -> Reply:
        if returned is Refusal.REFUSED and order is not None and order.is_paid:
            row = replies.refused_refund(merchant, provider.report_of(order), new)
            return json_reply(row, status=_CREATED)
        if isinstance(returned, Refusal):
            return replies.refusal_reply(returned)
        if returned.refund.facts[REFUND_TYPE] != new.facts[REFUND_TYPE]:
            return replies.refusal_reply(Refusal.DUPLICATE)
        row = replies.refund_movement(merchant, provider.report_of(returned.order), returned.refund)
        return json_reply(row, status=_REPEATED if returned.is_repeat else _CREATED)

    return provider.refund(order, new, to_reply)


def _is_of_the_payer(order: ProviderOrder, name: str) -> bool:
    """Whether a name belongs to the payment or to a try before it."""
    return name in {payment_name(at) for at in range(len(order.tries) + 1)}


def _has_name(row: replies.Json, name: str) -> bool:
    transaction = row["transaction"]
    return isinstance(transaction, dict) and transaction["id"] == name
