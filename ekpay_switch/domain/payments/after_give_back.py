"""What a biller holds of a payment that went back: undone on our call, or decided about by two persons."""

from collections.abc import Mapping
from enum import StrEnum
from typing import assert_never

from ekpay_switch.domain.ledger.posting_rules import posted_after_give_back_entry
from ekpay_switch.domain.outcome import HalfDone, Inquiry, NoAnswer, NotFound, Posted
from ekpay_switch.domain.payment import Event
from ekpay_switch.domain.payments.delivery import AttemptEnd, Delivery, DeliveryPlan

KNOWN_TO_HOLD = "known_to_hold"
"""The fact of a refunded payment about which two persons have decided: what its biller is known to hold."""


class KnownHolding(StrEnum):
    """What a biller is known to hold of a payment that went back; it is no news when it says so again."""

    HALF = "half"  # it waits for a further step
    WHOLE = "whole"  # it holds the payment, or says so although it has let go of it


def is_known_holding(known: str, inquiry: Inquiry) -> bool:
    """Whether two persons have decided about just what this answer says."""
    match inquiry:
        case Posted():
            return known == KnownHolding.WHOLE
        case HalfDone():
            return bool(known)
        case NotFound() | NoAnswer():
            return False
        case _:
            assert_never(inquiry)


def plan_undone(delivery: Delivery, decision: str, facts: Mapping[str, str]) -> DeliveryPlan:
    """The biller has undone what it held of a payment that was given back: its booking is reversed."""
    posted = posted_after_give_back_entry(
        delivery.biller_id, delivery.sums.amount, from_deposit=delivery.terms.from_deposit
    )
    return DeliveryPlan(
        AttemptEnd.NOT_POSTED,
        (Event.CONTRARY_EVIDENCE, Event.REVIEWED_AS_REFUNDED),
        posted.reversal(),
        facts={**facts, "undone_by_decision": decision},
    )


def plan_not_undone(why: str) -> DeliveryPlan:
    """The biller keeps what it holds of a payment that was given back: its review goes on."""
    return DeliveryPlan(
        AttemptEnd.DISAGREED,
        (Event.CONTRARY_EVIDENCE,),
        facts={"not_undone": why},
        notice="late_success",
        keeps_facts=True,
    )
