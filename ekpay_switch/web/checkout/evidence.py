"""What the books prove about a payment, and which of it each sentence of the checkout needs.

A page says nothing about somebody's money that is not proven here: where the evidence of a sentence is
missing, a weaker one stands in its place (docs/adr/0109).
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType

from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.merchants.checkout import open_try_of
from ekpay_switch.ports.merchants import MerchantPayment, TryLine
from ekpay_switch.ports.world import World
from ekpay_switch.web.checkout.situations import Situation, last_refusal, situation_of


class Evidence(StrEnum):
    """One thing that the books prove; the comment of each member says what."""

    NOTHING_MOVED = "nothing_moved"  # no try has taken money, none still can without our execute
    OUR_EXECUTE_ONLY = "our_execute_only"  # the open page moves money only after our execute
    MONEY_REQUESTED = "money_requested"  # an execute was begun and not answered
    MONEY_HELD = "money_held"  # the provider holds the money of the open try for its risk
    MONEY_RECEIVED = "money_received"
    CREDITED = "credited"
    PARTLY_RETURNED = "partly_returned"  # some of what was paid is back, or on its way
    RETURNING = "returning"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    LATE_MONEY = "late_money"  # the try refused last had brought money, which goes back
    SHOP_NOTIFIED = "shop_notified"  # the shop has accepted the IPN about the end
    IPN_PENDING = "ipn_pending"  # an IPN is to be sent, and was not accepted yet


# What the sentences of the pages claim; one that is not listed claims nothing about money or the shop.
NEEDS: Mapping[str, Evidence] = MappingProxyType(
    {
        "refused.nothing_taken": Evidence.NOTHING_MOVED,
        "refused.goes_back": Evidence.LATE_MONEY,
        "refused.second_success": Evidence.LATE_MONEY,
        "waiting.nothing_taken": Evidence.NOTHING_MOVED,
        "waiting.at_provider.ours": Evidence.OUR_EXECUTE_ONLY,
        "waiting.asking.ours": Evidence.MONEY_REQUESTED,
        "waiting.asking.held": Evidence.MONEY_HELD,
        "waiting.received.title": Evidence.MONEY_RECEIVED,
        "waiting.received.theirs": Evidence.MONEY_RECEIVED,
        "paid.title": Evidence.CREDITED,
        "paid.sum_title": Evidence.CREDITED,
        "paid.told": Evidence.SHOP_NOTIFIED,
        "paid.telling": Evidence.IPN_PENDING,
        "paid.refunded": Evidence.PARTLY_RETURNED,
        "ended.cancelled.title": Evidence.CANCELLED,
        "ended.cancelled.text": Evidence.NOTHING_MOVED,
        "ended.failed.text": Evidence.NOTHING_MOVED,
        "ended.over.text": Evidence.NOTHING_MOVED,
        "ended.expired.text": Evidence.NOTHING_MOVED,
        "ended.goes_back.title": Evidence.RETURNING,
        "ended.goes_back.text": Evidence.RETURNING,
        "ended.given_back.title": Evidence.RETURNED,
        "ended.given_back.text": Evidence.RETURNED,
        "leave.nothing_taken": Evidence.NOTHING_MOVED,
    }
)
_OF_STATE = MappingProxyType(
    {
        State.FUNDED: Evidence.MONEY_RECEIVED,
        State.DELIVERING: Evidence.MONEY_RECEIVED,
        State.COMPLETED: Evidence.CREDITED,
        State.REFUNDING: Evidence.RETURNING,
        State.REFUNDED: Evidence.RETURNED,
    }
)
_UNPAID = frozenset({State.CREATED, State.COLLECTING, State.DECLINED, State.EXPIRED})
_TOOK_MONEY = frozenset({TryEnd.APPROVED, TryEnd.SECOND_SUCCESS, TryEnd.DISAGREED})
_IPN_CHANNELS = frozenset({"1", "3"})


def evidence_of(payment: MerchantPayment, world: World) -> frozenset[Evidence]:
    """Everything that the books prove about the payment at the instant when they were read."""
    refused = last_refusal(payment)
    facts = {
        Evidence.NOTHING_MOVED: payment.state in _UNPAID
        and not any(_may_have_moved(line, payment, world) for line in payment.tries),
        Evidence.LATE_MONEY: refused is not None and refused.end is TryEnd.SECOND_SUCCESS,
        Evidence.PARTLY_RETURNED: payment.refunded.minor > 0,
        Evidence.CANCELLED: situation_of(payment) is Situation.CANCELLED,
    }
    of_state = {_OF_STATE[payment.state]} if payment.state in _OF_STATE else set()
    proven = {evidence for evidence, stands in facts.items() if stands}
    return frozenset(proven | of_state | _of_open_try(payment, world) | _of_ipn(payment))


def allowed_sentences(sentences: Collection[str], proven: Collection[Evidence]) -> list[str]:
    """Those of the sentences whose evidence stands, in their order; one without a need always does."""
    return [sentence for sentence in sentences if sentence not in NEEDS or NEEDS[sentence] in proven]


def _of_open_try(payment: MerchantPayment, world: World) -> set[Evidence]:
    current_try = open_try_of(payment)
    if current_try is None:
        return set()
    facts = {
        Evidence.OUR_EXECUTE_ONLY: _executes(current_try, world) and not current_try.executes_begun,
        Evidence.MONEY_REQUESTED: current_try.executes_begun > 0 and not current_try.is_held,
        Evidence.MONEY_HELD: current_try.is_held,
    }
    return {evidence for evidence, stands in facts.items() if stands}


def _of_ipn(payment: MerchantPayment) -> set[Evidence]:
    """An order without IPNs proves neither: its shop learns of the end by asking."""
    if payment.text.ipn_channel not in _IPN_CHANNELS or not payment.text.ipn_uri:
        return set()
    return {Evidence.SHOP_NOTIFIED if payment.is_told else Evidence.IPN_PENDING}


def _may_have_moved(line: TryLine, payment: MerchantPayment, world: World) -> bool:
    """Whether this try has taken money, may have taken it, or still can without our execute."""
    if line.end in _TOOK_MONEY or line.is_held:
        return True
    if _executes(line, world):
        return line.executes_begun > 0 and (
            line.state is not TryState.CLOSED or line.next_look_at is not None
        )
    is_undecided = line.state is TryState.OPEN or line.next_look_at is not None
    can_be_paid = line.page_until is not None and line.page_until > payment.read_at
    is_left = line.state is TryState.ABANDONED or line.end is TryEnd.LAPSED
    return bool(line.page_url) and (is_undecided or (can_be_paid and is_left))


def _executes(line: TryLine, world: World) -> bool:
    connector = world.connectors.by_id(line.connector_id)
    return connector is not None and connector.profile.executes
