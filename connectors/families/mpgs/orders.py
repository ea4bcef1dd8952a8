"""The state of a payment by its order at the gateway.

The gateway has no order before the first attempt to pay, since the page alone creates none. A failed order is
not final, because the page accepts another card until it lapses.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.call_result import CallResult, MappedReply, inconclusive_answer
from connectors.families.mpgs.client import MpgsClient
from connectors.families.mpgs.replies import (
    FAILURE,
    PENDING,
    SUCCESS,
    Movement,
    error_of,
    movements,
    word,
)
from connectors.manifest_parts import Means
from connectors.reply_amounts import money_of
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    CollectInquiry,
    CollectOrder,
    NeverPaid,
)
from ekpay_switch.domain.errors import CurrencyMismatchError
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, require_same, taka, text

_ORDER_RESULTS = frozenset(f"result {result}" for result in (SUCCESS, PENDING, FAILURE))
_REFUSED = "error INVALID_REQUEST"
_ABOUT_THE_ORDER = "order"
_IN_PART = "PARTIALLY_CAPTURED"
_CAPTURED = "totalCapturedAmount"


def inquiry_of(result: CallResult, order: CollectOrder, client: MpgsClient) -> CollectInquiry:
    """The result of an inquiry by the answer to the request for its order."""
    match result:
        case MappedReply(code=code, document=document) if code in _ORDER_RESULTS:
            try:
                return _inquiry_by_status(document, order, client)
            except BrokenReplyError as error:
                return NoAnswer(str(error))
        case MappedReply(means=Means.NOT_FOUND):
            return AwaitingPayer()
        case MappedReply(code=code, document=document) if code == _REFUSED and _is_about_the_order(document):
            return AwaitingPayer()
        case _:
            return inconclusive_answer(result)


def _is_about_the_order(document: Mapping[str, Any]) -> bool:
    """Whether the request was refused because of its order, not for another field."""
    _, field = error_of(document)
    return not field or field.startswith(_ABOUT_THE_ORDER)


def _inquiry_by_status(
    document: Mapping[str, Any], order: CollectOrder, client: MpgsClient
) -> CollectInquiry:
    """The result of an inquiry by the order's status; raises BrokenReplyError."""
    status = word(document, "status")
    reply = client.reply("status", status)
    match reply.means if reply else Means.IN_DOUBT:
        case Means.DONE:
            # Its result must be a success as well, since a pending one may still fail.
            require_same(document, "result", SUCCESS)
            return _collected(document, order)
        case Means.AWAITING_PAYER:
            _require_nothing_captured(document, order)
            if any(movement.may_still_pay for movement in movements(document)):
                # It may succeed after the page has lapsed, so it must not count as never paid.
                return NoAnswer("a payment in progress, or one that its order does not count")
            return AwaitingPayer()
        case Means.ENDED:
            _require_nothing_captured(document, order)
            return NeverPaid(status.lower())
        case _:
            return NoAnswer("a status without a mapping")


def _require_nothing_captured(document: Mapping[str, Any], order: CollectOrder) -> None:
    require_same(document, "id", order.reference)
    if _CAPTURED in document and taka(document, _CAPTURED).minor:
        raise BrokenReplyError("captured money under a status without any")


def _collected(document: Mapping[str, Any], order: CollectOrder) -> Collected:
    """The collected money as the gateway states it, whatever the amount; raises BrokenReplyError.

    It states it three times: the order's amount, the total captured, and the movements. The first that
    differs from the order is returned, so that the core sees the difference.
    """
    payments = [movement for movement in movements(document) if movement.is_payment]
    if not payments:
        raise BrokenReplyError("captured money without a movement")
    amounts = (money_of(document, _CAPTURED), money_of(document, "amount"), _sum(payments))
    amount = next((amount for amount in amounts if amount != order.amount), order.amount)
    if amount == order.amount and text(document, "status") == _IN_PART:
        raise BrokenReplyError("the full amount, captured in part")
    return Collected(
        reference=text(document, "id"),
        amount=amount,
        # The gateway's ids of movements are unique within an order only, and mostly just "1".
        provider_transaction=f"{text(document, 'id')}/{payments[0].id}",
        facts=payments[0].facts,
    )


def _sum(payments: Sequence[Movement]) -> Money:
    try:
        return total((movement.amount for movement in payments), payments[0].amount.currency)
    except CurrencyMismatchError:
        raise BrokenReplyError("movements in several currencies") from None
