"""What Nagad answers; whatever it refuses is a `reason` with a message.

How errors of encryption are spelt, and which reason a refund is refused with, no source says: ours.
"""

from collections.abc import Mapping
from datetime import datetime

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.provider.call_results import Refusal, Told
from sandbox.kit.provider.orders import Order, Refund, RefundState, State
from sandbox.kit.provider.payer_numbers import masked
from sandbox.providers.nagad.institutions import MERCHANT_ID, MERCHANT_MOBILE

BDT, USD = "050", "840"
SUCCESS_CODE = "000"
PRICED = "priced"
"""The fact that the second call was made."""

_BAD_REQUEST = 400
_REASONS = {401: "InvalidMerchant", 500: "ServerError", 503: "ServerError"}
_WORDS = {
    State.OPENED: "Ready",
    State.AGREED: "InProgress",
    State.PAID: "Success",
    State.DECLINED: "Failed",
    State.CANCELLED: "Cancelled",
    State.EXPIRED: "Aborted",
}


def refused(reason: str, message: str = "", status: int = _BAD_REQUEST) -> Reply:
    """Return an error in Nagad's form."""
    return json_reply({"reason": reason, "message": message or reason}, code=reason, status=status)


ERRORS = Errors(lambda status, message: refused(_REASONS.get(status, "InvalidRequest"), message, status))


def refusal_reply(refusal: Refusal) -> Reply:
    """Return why a call was not carried out."""
    match refusal:
        case Refusal.UNKNOWN:
            return refused("InvalidReferenceId", "no such payment")
        case Refusal.DUPLICATE:
            return refused("DuplicateOrderId", "this order was begun before")
        case Refusal.REFUSED:
            return refused("InactiveMerchant", "the merchant is not active")
        case _:
            return refused("InvalidPurchaseInformation", refusal.value)


def verified(told: Told | Refusal, word: str) -> Reply:
    """Return what became of an order; `word` replaces the usual one as long as no money has moved."""
    if isinstance(told, Refusal):
        return refusal_reply(told)
    order, is_paid = told.order, told.state is State.PAID
    back = [refund for refund in order.refunds if refund.state is RefundState.DONE]
    answer: dict[str, object] = {
        "merchantId": MERCHANT_ID,
        "orderId": order.reference,
        "paymentRefId": order.provider_reference,
        "amount": taka(told.amount_paisa),
        "clientMobileNo": masked(order.payer) or None,
        "merchantMobileNo": MERCHANT_MOBILE,
        "orderDateTime": _time(order.created),
        "issuerPaymentDateTime": _time(order.decided) if is_paid else None,
        "issuerPaymentRefNo": order.transaction_id or None,
        "additionalMerchantInfo": order.facts.get("info") or None,
        "status": _word(told, word, back),
        "statusCode": SUCCESS_CODE if is_paid else None,
        "cancelIssuerDateTime": _time(back[-1].done) if back else None,
        "cancelIssuerRefNo": back[-1].refund_id if back else None,
        "serviceType": "MERCHANT_PAYMENT",
    }
    # An order is in taka and its answer names no currency; this one is told for the odd payer alone.
    other = {} if told.currency == "BDT" else {"currencyCode": USD}
    return json_reply(answer | other, code=str(answer["status"]))


def given_back(order: Order, refund: Refund) -> Mapping[str, object]:
    """Return what stands under the seal of a refund's answer."""
    word = {RefundState.DONE: back_word(order, refund.amount_paisa), RefundState.PROCESSING: "InProgress"}
    return {
        "status": word.get(refund.state, "Failed"),
        "code": SUCCESS_CODE,
        "originalAmount": taka(order.amount_paisa),
        "cancelAmount": taka(refund.amount_paisa),
        "cancelTrxId": refund.refund_id,
    }


def back_word(order: Order, back_paisa: int) -> str:
    """Return the word for a payment of which so much has gone back."""
    return "Refunded" if back_paisa == order.amount_paisa else "PartialCancelled"


def _word(told: Told, word: str, back: list[Refund]) -> str:
    if told.state is State.PAID and back:
        return back_word(told.order, sum(refund.amount_paisa for refund in back))
    if told.state in {State.AGREED, State.DECLINED} and word:
        return word
    if told.state is State.OPENED and PRICED not in told.order.facts:
        return "OrderInitiated"
    return _WORDS[told.state]


def _time(instant: datetime) -> str:
    return f"{instant.astimezone(DHAKA):%Y-%m-%d %H:%M:%S}.0"
