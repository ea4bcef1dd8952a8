"""What may be decided about a case, and what each decision does: its entries and the payment's events.

Pure: the same case has the same options, so the second person approves just what the first one saw.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import assert_never

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import Case, CaseKind, PaymentCase, RefundInDoubt
from ekpay_switch.domain.decisions.connector_options import options_of_held, options_of_stuck_collection
from ekpay_switch.domain.decisions.option import Option
from ekpay_switch.domain.decisions.refund_options import options_of_refund
from ekpay_switch.domain.ledger.posting_rules import (
    debited_after_late_success_entry,
    delivered_entry,
    funded_from_suspense_entry,
    given_back_entry,
    late_success_written_off_entry,
    owed_back_entry,
    owed_back_from_suspense_entry,
    posted_after_give_back_entry,
    returned_at_our_loss_entry,
    returned_to_prefund_entry,
)
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.refusals import Refusal


def options_of(case: Case, stated: Money | None = None) -> tuple[Option, ...]:
    """Everything that may be decided about a case.

    Empty only for a collection whose request over a host link is open: its host decides. `stated` is the
    amount that an option states which needs one.
    """
    if isinstance(case, RefundInDoubt):
        return options_of_refund(case, stated)
    return _OPTIONS[case.kind](case)


def option_named(case: Case, action: DecisionAction, stated: Money | None = None) -> Option | None:
    """The option of this action, or None where the case does not allow it."""
    return next((option for option in options_of(case, stated) if option.action is action), None)


def _options_of_review(case: PaymentCase) -> tuple[Option, ...]:
    match case.came_from:
        case State.DELIVERING:
            return _options_of_delivery(case, ())
        case State.CREATED | State.COLLECTING:
            return _options_of_collection(case)
        case State.REFUNDED | State.COMPLETED | State.DECLINED | State.EXPIRED:
            return _options_of_contradiction(case)
        case State.FUNDED | State.REFUNDING | State.IN_REVIEW:
            return ()
        case _:
            assert_never(case.came_from)


def _options_of_contradiction(case: PaymentCase) -> tuple[Option, ...]:
    """A payment that was final: what contradicts it is paid for, let go, or turns out to be nothing."""
    if case.late_posting:
        return _options_of_late_success(case)
    if case.in_suspense:
        return (_money_goes_back(case),)
    if case.echoed and case.came_from is State.REFUNDED:
        return _options_of_late_echo(case, case.echoed)
    return (_closed(case),)


def _options_of_delivery(case: PaymentCase, before: tuple[Event, ...]) -> tuple[Option, ...]:
    """A delivery whose end nobody knows, or whose facts disagree: the biller holds it, or it goes back."""
    accepted = Option(
        DecisionAction.ACCEPT,
        "the biller holds the payment: it is completed as it was booked",
        (delivered_entry(case.payee, case.sums, from_deposit=case.biller.from_deposit),),
        (*before, Event.REVIEWED_AS_COMPLETED),
        notice="completed",
        is_delivered=True,
    )
    if not case.connector_id:
        to_prefund = Option(
            DecisionAction.GIVE_BACK,
            "the biller does not hold the payment: everything goes back to the prefund",
            (given_back_entry(case.prefund, case.sums),),
            (*before, Event.REVIEWED_TO_GIVE_BACK, Event.GIVEN_BACK),
            Refusal.BILLER_REFUSED,
            "refunded",
        )
        return (accepted, to_prefund)
    to_payer = Option(
        DecisionAction.GIVE_BACK,
        "the biller does not hold the payment: everything goes back to the payer",
        (owed_back_entry(case.connector_id, case.sums),),
        (*before, Event.REVIEWED_TO_GIVE_BACK),
        Refusal.BILLER_REFUSED,
    )
    again = Option(
        DecisionAction.DELIVER,
        "the biller does not hold the payment: it is sent once more",
        (),
        (*before, Event.REVIEWED_TO_DELIVER),
    )
    return (accepted, to_payer, again)


def _options_of_stuck_delivery(case: PaymentCase) -> tuple[Option, ...]:
    """A biller that does not say whether it holds a payment, or has undone one that was refunded."""
    if case.state is not State.REFUNDED:
        return _options_of_delivery(case, (Event.FACTS_DISAGREED,))
    return tuple(
        replace(option, events=(Event.CONTRARY_EVIDENCE, *option.events))
        for option in _options_of_late_success(case)
        if option.action is not DecisionAction.UNDO
    )


def _options_of_collection(case: PaymentCase) -> tuple[Option, ...]:
    """Money that differs from the order of a payment which waited for it."""
    if not case.in_suspense:
        return (
            Option(
                DecisionAction.CLOSE,
                "no money of ours came: the payer never paid",
                (),
                (Event.REVIEWED_AS_EXPIRED,),
                Refusal.QUOTE_EXPIRED,
                "expired",
            ),
        )
    options: tuple[Option, ...] = (_money_goes_back(case, Refusal.AMOUNT_DIFFERS),)
    if case.in_suspense <= case.sums.total.minor:
        came = Money(case.in_suspense, case.sums.amount.currency)
        options += (
            Option(
                DecisionAction.DELIVER,
                "the money is taken as it came, what is short is our loss, and the payee gets the payment",
                (funded_from_suspense_entry(case.connector_id, case.sums, came),),
                (Event.REVIEWED_TO_DELIVER,),
            ),
        )
    return options


def _options_of_late_success(case: PaymentCase) -> tuple[Option, ...]:
    """The biller holds what went back: somebody pays for it, or the biller lets go of it."""
    posted = posted_after_give_back_entry(case.payee, case.sums.amount, from_deposit=case.biller.from_deposit)
    options: tuple[Option, ...] = (
        Option(
            DecisionAction.BILLER_RETURNED,
            "the biller has taken its booking back: the payment stays refunded",
            (posted.reversal(),),
            (Event.REVIEWED_AS_REFUNDED,),
        ),
        Option(
            DecisionAction.WRITE_OFF,
            "the biller keeps the money and we bear it: the payment stays refunded",
            (late_success_written_off_entry(case.payee, case.sums.amount),),
            (Event.REVIEWED_AS_REFUNDED,),
        ),
    )
    if case.prefund and not is_merchant(case.payee):
        debited = Option(
            DecisionAction.DEBIT_PARTNER,
            "the partner pays after all, charges included: the payment is completed",
            (debited_after_late_success_entry(case.prefund, case.payee, case.sums),),
            (Event.REVIEWED_AS_COMPLETED,),
            notice="completed",
            is_delivered=True,
        )
        options = (debited, *options)
    if case.biller.undoes:
        undone = Option(
            DecisionAction.UNDO,
            "the biller is called to undo it: once it has, its booking is reversed, else this review goes on",
            (),
            (Event.REVIEWED_AS_REFUNDED,),
        )
        options = (undone, *options)
    return options


def _options_of_late_echo(case: PaymentCase, echoed: int) -> tuple[Option, ...]:
    """The biller says that it holds another amount of what went back; nothing is booked yet."""
    held = Money(echoed, case.sums.amount.currency)
    kept = posted_after_give_back_entry(case.payee, held, from_deposit=case.biller.from_deposit)
    written_off = late_success_written_off_entry(case.payee, held)
    return (
        Option(
            DecisionAction.BILLER_RETURNED,
            "the biller has taken its booking back: the payment stays refunded",
            (),
            (Event.REVIEWED_AS_REFUNDED,),
        ),
        Option(
            DecisionAction.WRITE_OFF,
            "the biller keeps what it says and we bear it: the payment stays refunded",
            (kept, written_off),
            (Event.REVIEWED_AS_REFUNDED,),
        ),
    )


_RESTORED: Mapping[State, tuple[Event, str]] = MappingProxyType(
    {
        State.COMPLETED: (Event.REVIEWED_AS_COMPLETED, "the payment stays completed"),
        State.DECLINED: (Event.REVIEWED_AS_DECLINED, "the payment stays declined"),
        State.EXPIRED: (Event.REVIEWED_AS_EXPIRED, "the payment stays expired"),
        State.REFUNDED: (Event.REVIEWED_AS_REFUNDED, "the payment stays refunded"),
    }
)


def _closed(case: PaymentCase) -> Option:
    event, meaning = _RESTORED[case.came_from]
    return Option(DecisionAction.CLOSE, f"no money of ours is in it: {meaning}", (), (event,))


def _money_goes_back(case: PaymentCase, refusal: Refusal | None = None) -> Option:
    came = Money(case.in_suspense, case.sums.amount.currency)
    return Option(
        DecisionAction.GIVE_BACK,
        "the money that differs goes back to its payer",
        (owed_back_from_suspense_entry(case.connector_id, came),),
        refusal=refusal,
        is_delegated=True,
    )


def _options_of_completed(case: PaymentCase) -> tuple[Option, ...]:
    """A completed payment from a prefund that is returned once, whole; what it cost stays."""
    if not case.prefund or case.is_returned or is_merchant(case.payee):
        return ()
    at_biller = returned_to_prefund_entry(
        case.prefund, case.payee, case.sums.amount, from_deposit=case.biller.from_deposit
    )
    return (
        Option(
            DecisionAction.RETURN_TO_PREFUND,
            "the biller consents to give the bill back: it returns to the prefund, charges stay",
            (at_biller,),
            notice="refund_done",
        ),
        Option(
            DecisionAction.RETURN_AT_OUR_LOSS,
            "the bill returns to the prefund at our loss, charges stay",
            (returned_at_our_loss_entry(case.prefund, case.sums.amount),),
            notice="refund_done",
        ),
    )


def _options_of_missing_receipt(_case: PaymentCase) -> tuple[Option, ...]:
    meaning = "the final receipt is the one that the biller's operations desk has named"
    return (Option(DecisionAction.ACCEPT, meaning, (), (Event.RECEIPT_ISSUED,), notice="receipt_issued"),)


def _options_of_unbooked_money(_case: PaymentCase) -> tuple[Option, ...]:
    """Money that is really ours comes by the connector's own word, or by a break of its settlement file."""
    meaning = "no account is to have it: it is not ours, or a decision about a break has settled it"
    return (Option(DecisionAction.CLOSE, meaning),)


def _no_options(_case: PaymentCase) -> tuple[Option, ...]:
    return ()


_OPTIONS: Mapping[CaseKind, Callable[[PaymentCase], tuple[Option, ...]]] = MappingProxyType(
    {
        CaseKind.REVIEW: _options_of_review,
        CaseKind.HELD: options_of_held,
        CaseKind.STUCK_COLLECTION: options_of_stuck_collection,
        CaseKind.STUCK_DELIVERY: _options_of_stuck_delivery,
        CaseKind.MISSING_RECEIPT: _options_of_missing_receipt,
        CaseKind.MISMATCHED_MONEY: lambda case: (_money_goes_back(case),),
        CaseKind.UNBOOKED_MONEY: _options_of_unbooked_money,
        CaseKind.COMPLETED: _options_of_completed,
        CaseKind.DOUBTFUL_REFUND: _no_options,
        CaseKind.JOURNAL: _no_options,
    }
)
