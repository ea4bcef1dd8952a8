"""Upay's answers: `code`, `lang`, `message` and `data`; amounts are JSON numbers, currencies are not told.

A refund in work stands in the list of successes, as there is no word for it and no call that asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.provider.call_results import Refusal, Told
from sandbox.kit.provider.magic_numbers import Word
from sandbox.kit.provider.orders import Order, State
from sandbox.kit.provider.provider import Provider
from sandbox.providers.token_init_status.masking import masked

SAYS: Mapping[Word, str] = MappingProxyType(
    {
        Word.PAID: "success",
        Word.PENDING: "pending",
        Word.DECLINED: "failed",
        Word.CANCELLED: "cancelled",
        Word.EXPIRED: "expired",
    }
)
"""What the browser brings back."""

_STANDS = {
    State.OPENED: "pending",
    State.AGREED: "pending",
    State.PAID: "success",
    State.DECLINED: "failed",
    State.CANCELLED: "cancelled",
    State.EXPIRED: "expired",
}
_CODES = {400: "DVE4001", 500: "MSE5001", 503: "MSE5001"}
_TAKA = "BDT"


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply({"code": code, "lang": "en", "message": message}, code=code, status=status)


def _enveloped(status: int, message: str) -> Reply:
    code = _CODES.get(status)
    # Whatever never comes to a call of theirs is answered by what stands before it.
    return (
        json_reply({"detail": message}, code=status, status=status)
        if code is None
        else _error(status, code, message)
    )


ERRORS = Errors(_enveloped)
UNKNOWN_MERCHANT = _error(404, "MNF4002", "Merchant not found")
UNKNOWN_PAYMENT = _error(404, "PNF4012", "Payment not found")
_USED_BEFORE = _error(400, "DTP4003", "Duplicate transaction")
_REFUSED = _error(400, "DVE4001", "Data validation error")


def let_in(merchant_id: str, token: str) -> Reply:
    """Give out a token, and do not tell how long it lives."""
    return _fine("MAS2001", "Merchant authenticated", {"merchant_id": merchant_id, "token": token})


def opened(provider: Provider, order: Order | Refusal) -> Reply:
    """Say where the page of a new payment is."""
    if isinstance(order, Refusal):
        return _USED_BEFORE if order is Refusal.DUPLICATE else _REFUSED
    told = _names(order) | {
        "merchant_id": order.facts["merchant_id"],
        "gateway_url": provider.page_url(order),
    }
    return _fine("MPIS2002", "Payment initialised", told)


def told(told: Told | Refusal) -> Reply:
    """Say what has become of a payment."""
    if isinstance(told, Refusal):
        return UNKNOWN_PAYMENT if told is Refusal.UNKNOWN else _REFUSED
    order = told.order
    at = order.decided if order.decided_at else order.created
    more = {
        "status": _STANDS[told.state],
        "amount": _number(told.amount_paisa),
        "merchant_name": order.facts["merchant_name"],
        "customer_wallet": masked(order.payer),
        "date": f"{at.astimezone(DHAKA):%Y-%m-%d %H:%M:%S}",
    }
    # Only a payer of that kind of trouble makes it tell a currency.
    foreign = {} if told.currency == _TAKA else {"currency": told.currency}
    return _fine("PS2005", "Payment status", _names(order) | more | foreign)


def returned(rows: Sequence[tuple[str, int]], given: Iterable[bool]) -> Reply:
    """Say which of the refunds were given, and which were not."""
    lists: dict[bool, list[dict[str, object]]] = {True: [], False: []}
    for (txn_id, amount_paisa), is_given in zip(rows, given, strict=True):
        lists[is_given].append({"txn_id": txn_id, "refund_amount": _number(amount_paisa)})
    data = {"success_list": lists[True], "failed_list": lists[False]}
    return _fine("MPR200", "Refund processed", data)


def _fine(code: str, message: str, data: Mapping[str, object]) -> Reply:
    return json_reply({"code": code, "lang": "en", "message": message, "data": data}, code=code)


def _names(order: Order) -> dict[str, object]:
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
