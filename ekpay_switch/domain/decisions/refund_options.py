"""What may be decided about a refund in doubt, or about one that is left to finance."""

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import RefundInDoubt
from ekpay_switch.domain.decisions.option import Option
from ekpay_switch.domain.ledger.posting_rules import (
    paid_back_before_entry,
    paid_back_entry,
    paid_back_otherwise_entry,
)
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.refunds.refund import RefundState


def options_of_refund(case: RefundInDoubt, stated: Money | None) -> tuple[Option, ...]:
    """A refund in doubt was given back or not; one that is left to finance is not paid by hand after all."""
    if case.had > ZERO:
        return (_had_before(case),)
    not_paid_back = Option(
        DecisionAction.NOT_PAID_BACK,
        "the connector has not given the money back and will not: finance pays it by hand",
    )
    is_by_hand = case.state is RefundState.BY_HAND
    if not case.sends and not is_by_hand:
        return (not_paid_back,)
    otherwise = (
        "the connector has given back another amount: our bank has paid the rest, or we bear the excess"
    )
    entry = None if stated is None else paid_back_otherwise_entry(case.connector_id, case.amount, stated)
    given_back = (
        Option(
            DecisionAction.PAID_BACK,
            "the connector has given the money back",
            (paid_back_entry(case.connector_id, case.amount),),
        ),
        Option(
            DecisionAction.PAID_BACK_OTHERWISE,
            otherwise,
            () if entry is None else (entry,),
            states_amount=True,
        ),
    )
    return given_back if is_by_hand else (*given_back, not_paid_back)


def _had_before(case: RefundInDoubt) -> Option:
    """The payer has all of it, or a part, by a chargeback or a late refund: the claim is settled by it."""
    entries = (paid_back_before_entry(case.connector_id, case.amount, case.had),)
    if case.had == case.amount:
        meaning = "the payer has the money already, by a chargeback or a late refund: the claim is settled"
        return Option(DecisionAction.PAID_BACK, meaning, entries)
    meaning = f"the payer has {case.had} of it already, which settles the claim; our bank has paid the rest"
    return Option(DecisionAction.PAID_BACK_OTHERWISE, meaning, entries)
