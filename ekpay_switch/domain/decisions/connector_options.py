"""What may be decided about a collection that its connector holds, or does not end."""

from dataclasses import replace
from typing import assert_never

from ekpay_switch.domain.collections.connector_calls import connector_fee_of
from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import PaymentCase
from ekpay_switch.domain.decisions.host_requests import HostRequest
from ekpay_switch.domain.decisions.option import Option
from ekpay_switch.domain.ledger.posting_rules import (
    collected_entry,
    collected_without_payment_entry,
    owed_back_from_suspense_entry,
)
from ekpay_switch.domain.money import BDT, ZERO, Money
from ekpay_switch.domain.payment import Event


def options_of_held(case: PaymentCase) -> tuple[Option, ...]:
    """Money that the connector has and does not release: it is ours, goes back to its payer, or is gone."""
    held = case.held
    if held is None:
        return ()
    let_go = Option(
        DecisionAction.NOTHING_COLLECTED,
        "the connector has let go of it, and nothing is booked: another may be tried until the quote expires",
        is_delegated=True,
    )
    is_ours = held.amount.currency == BDT and held.amount > ZERO
    if not is_ours:
        # It is posted nowhere; the review that follows closes it.
        meaning = "the connector releases it; nothing of it is ours, so a review follows"
        return (Option(DecisionAction.TAKE_HELD, meaning, is_delegated=True), let_go)
    fee = connector_fee_of(held.amount, held.charge_basis_points)
    came = collected_without_payment_entry(case.connector_id, held.amount, fee)
    taken = Option(
        DecisionAction.TAKE_HELD,
        "the money is ours; it differs from the order, so a review follows",
        (came,),
        is_delegated=True,
    )
    if held.amount == case.sums.total:
        whole = (collected_entry(case.connector_id, case.sums, fee),)
        taken = replace(taken, meaning="the money is ours: the payee gets the payment", entries=whole)
    if not held.provider_transaction:
        return (taken, let_go)
    refused = Option(
        DecisionAction.REFUSE_HELD,
        "the money goes back to its payer, and the bill is free",
        (came, owed_back_from_suspense_entry(case.connector_id, held.amount)),
        is_delegated=True,
    )
    return (taken, refused, let_go)


def options_of_stuck_collection(case: PaymentCase) -> tuple[Option, ...]:
    """What the connector's operations desk says; its fee shows in its settlement file.

    Where its host has said it already, only that; nothing while the request is open.
    """
    no_fee = Money(0, case.sums.amount.currency)
    collected = Option(
        DecisionAction.COLLECTED,
        "the connector has collected the whole of it: the payee gets the payment",
        (collected_entry(case.connector_id, case.sums, no_fee),),
        (Event.COLLECTED,),
    )
    nothing = Option(
        DecisionAction.NOTHING_COLLECTED,
        "the connector has collected nothing: another may be tried until the quote expires",
        (),
        (Event.COLLECTION_CAME_TO_NOTHING,),
    )
    match case.host_request:
        case HostRequest.NONE:
            return (collected, nothing)
        case HostRequest.APPROVED:
            return (collected,)
        case HostRequest.UNSENT | HostRequest.ENDED:
            return (nothing,)
        case HostRequest.OPEN:
            return ()
        case _:
            assert_never(case.host_request)
