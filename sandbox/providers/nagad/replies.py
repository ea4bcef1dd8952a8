"""Nagad's answers; a refusal is a `reason` with a message.

The reasons for errors of encryption and for refused refunds are ours, as no source names them.
"""

from collections.abc import Mapping
from datetime import datetime

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.provider.call_results import Refusal, ReportedOrder
from sandbox.kit.provider.orders import OrderState, ProviderOrder, ProviderRefund, RefundState
from sandbox.kit.provider.payer_numbers import masked
from sandbox.providers.nagad.institutions import MERCHANT_ID, MERCHANT_MOBILE

BDT, USD = "050", "840"
SUCCESS_CODE = "000"
PRICED = "priced"
"""The fact that the second call was made."""

_BAD_REQUEST = 400
_REASONS = {401: "InvalidMerchant", 500: "ServerError", 503: "ServerError"}
_WORDS = {
    OrderState.OPENED: "Ready",
    OrderState.AGREED: "InProgress",
    OrderState.PAID: "Success",
    OrderState.DECLINED: "Failed",
    OrderState.CANCELLED: "Cancelled",
    OrderState.EXPIRED: "Aborted",
}


def error_reply(reason: str, message: str = "", status: int = _BAD_REQUEST) -> Reply:
    """Return an error in Nagad's form."""
    return json_reply({"reason": reason, "message": message or reason}, code=reason, status=status)


ERRORS = Errors(lambda status, message: error_reply(_REASONS.get(status, "InvalidRequest"), message, status))


def refusal_reply(refusal: Refusal) -> Reply:
    """Return why a call was not carried out."""
    match refusal:
        case Refusal.UNKNOWN:
            return error_reply("InvalidReferenceId", "no such payment")
        case Refusal.DUPLICATE:
            return error_reply("DuplicateOrderId", "this order was begun before")
        case Refusal.REFUSED:
            return error_reply("InactiveMerchant", "the merchant is not active")
        case _:
            return error_reply("InvalidPurchaseInformation", refusal.value)


def verification_reply(report: ReportedOrder | Refusal, word: str) -> Reply:
    """Return what became of an order; `word` replaces the usual one as long as no money has moved."""
    if isinstance(report, Refusal):
        return refusal_reply(report)
    order, is_paid = report.order, report.state is OrderState.PAID
    back = [refund for refund in order.refunds if refund.state is RefundState.DONE]
    answer: dict[str, object] = {
        "merchantId": MERCHANT_ID,
        "orderId": order.reference,
        "paymentRefId": order.provider_reference,
        "amount": taka(report.amount_paisa),
        "clientMobileNo": masked(order.payer) or None,
        "merchantMobileNo": MERCHANT_MOBILE,
        "orderDateTime": _time(order.creation_time),
        "issuerPaymentDateTime": _time(order.decision_time) if is_paid else None,
        "issuerPaymentRefNo": order.transaction_id or None,
        "additionalMerchantInfo": order.facts.get("info") or None,
        "status": _word(report, word, back),
        "statusCode": SUCCESS_CODE if is_paid else None,
        "cancelIssuerDateTime": _time(back[-1].done) if back else None,
        "cancelIssuerRefNo": back[-1].refund_id if back else None,
        "serviceType": "MERCHANT_PAYMENT",
    }
    # An order is in taka and its answer names no currency; this one is told for one kind of magic payer
    # alone.
    foreign_currency = {} if report.currency == "BDT" else {"currencyCode": USD}
    return json_reply(answer | foreign_currency, code=str(answer["status"]))


def refund_members(order: ProviderOrder, refund: ProviderRefund) -> Mapping[str, object]:
    """Return the encrypted members of a refund's answer."""
    word = {RefundState.DONE: refund_word(order, refund.amount_paisa), RefundState.PROCESSING: "InProgress"}
    return {
        "status": word.get(refund.state, "Failed"),
        "code": SUCCESS_CODE,
        "originalAmount": taka(order.amount_paisa),
        "cancelAmount": taka(refund.amount_paisa),
        "cancelTrxId": refund.refund_id,
    }


def refund_word(order: ProviderOrder, back_paisa: int) -> str:
    """Return the word for a payment of which so much has gone back."""
    return "Refunded" if back_paisa == order.amount_paisa else "PartialCancelled"


def _word(report: ReportedOrder, word: str, back: list[ProviderRefund]) -> str:
    if report.state is OrderState.PAID and back:
        return refund_word(report.order, sum(refund.amount_paisa for refund in back))
    if report.state in {OrderState.AGREED, OrderState.DECLINED} and word:
        return word
    if report.state is OrderState.OPENED and PRICED not in report.order.facts:
        return "OrderInitiated"
    return _WORDS[report.state]


def _time(instant: datetime) -> str:
    return f"{instant.astimezone(DHAKA):%Y-%m-%d %H:%M:%S}.0"
