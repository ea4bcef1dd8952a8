"""What an order of the gateway says about a payment.

What may surprise: the order is refused as long as nobody has tried to pay it, since the page alone makes
none; and an order that failed is not over, because the page takes another card until its time is up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.call_result import Asked, Meant, nothing_learned
from connectors.families.mpgs.client import MpgsLine
from connectors.families.mpgs.replies import (
    FAILURE,
    PENDING,
    SUCCESS,
    Movement,
    error_of,
    money,
    movements,
    word,
)
from connectors.manifest_parts import Means
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

_TELLS_A_STATUS = frozenset(f"result {result}" for result in (SUCCESS, PENDING, FAILURE))
_REFUSED = "error INVALID_REQUEST"
_ABOUT_THE_ORDER = "order"
_IN_PART = "PARTIALLY_CAPTURED"
_CAPTURED = "totalCapturedAmount"


def standing(asked: Asked, order: CollectOrder, line: MpgsLine) -> CollectInquiry:
    """How a payment stands by the answer to a question for its order."""
    match asked:
        case Meant(code=code, document=document) if code in _TELLS_A_STATUS:
            try:
                return _told(document, order, line)
            except BrokenReplyError as error:
                return NoAnswer(str(error))
        case Meant(means=Means.NOT_FOUND):
            return AwaitingPayer()
        case Meant(code=code, document=document) if code == _REFUSED and _is_about_the_order(document):
            return AwaitingPayer()
        case _:
            return nothing_learned(asked)


def _is_about_the_order(document: Mapping[str, Any]) -> bool:
    """Whether the question was refused for its order, not for some other part of it."""
    _, field = error_of(document)
    return not field or field.startswith(_ABOUT_THE_ORDER)


def _told(document: Mapping[str, Any], order: CollectOrder, line: MpgsLine) -> CollectInquiry:
    """What the order's own word for itself means; raises BrokenReplyError."""
    status = word(document, "status")
    reply = line.reply("status", status)
    match reply.means if reply else Means.IN_DOUBT:
        case Means.DONE:
            # Its result has to say so as well: what is pending may still come to nothing.
            require_same(document, "result", SUCCESS)
            return _collected(document, order)
        case Means.AWAITING_PAYER:
            _require_nothing_taken(document, order)
            if any(one.may_take for one in movements(document)):
                # It may succeed after the page is over, so it is never taken for "nobody pays any more".
                return NoAnswer("a payment under way, or one that its order does not count")
            return AwaitingPayer()
        case Means.ENDED:
            _require_nothing_taken(document, order)
            return NeverPaid(status.lower())
        case _:
            return NoAnswer("a status that nobody mapped")


def _require_nothing_taken(document: Mapping[str, Any], order: CollectOrder) -> None:
    require_same(document, "id", order.reference)
    if _CAPTURED in document and taka(document, _CAPTURED).minor:
        raise BrokenReplyError("money under a status that says that there is none")


def _collected(document: Mapping[str, Any], order: CollectOrder) -> Collected:
    """What the gateway says that it has, whatever that is; raises BrokenReplyError.

    It says so three times: the amount of the order, what was captured in all, and the movements. One that
    differs from what was asked for is enough to be told, for the core to see that they disagree.
    """
    taken = [one for one in movements(document) if one.is_taken]
    if not taken:
        raise BrokenReplyError("money that no movement brought")
    amounts = (money(document, _CAPTURED), money(document, "amount"), _sum(taken))
    amount = next((amount for amount in amounts if amount != order.amount), order.amount)
    if amount == order.amount and text(document, "status") == _IN_PART:
        raise BrokenReplyError("all of it, captured in part")
    return Collected(
        reference=text(document, "id"),
        amount=amount,
        # The gateway's names of movements are unique within an order only, and mostly just "1".
        provider_transaction=f"{text(document, 'id')}/{taken[0].id}",
        facts=taken[0].facts,
    )


def _sum(taken: Sequence[Movement]) -> Money:
    try:
        return total((one.amount for one in taken), taken[0].amount.currency)
    except CurrencyMismatchError:
        raise BrokenReplyError("movements in several currencies") from None
