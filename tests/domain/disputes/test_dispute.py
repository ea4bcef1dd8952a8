"""The life of a dispute: which step follows which, and what it does with the money."""

import pytest

from ekpay_switch.domain.disputes.dispute import (
    DISPUTE_TRANSITIONS,
    DisputeEvent,
    DisputeState,
    HeldMoneyError,
    MoneyStep,
    dispute_after,
    money_step,
)
from ekpay_switch.domain.errors import IllegalTransitionError
from ekpay_switch.domain.ledger.posting_rules import (
    dispute_lost_entry,
    dispute_won_entry,
    held_in_dispute_entry,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.refund import FREED, NOT_SHOWN, RefundState

HELD, DONE = RefundState.HELD, RefundState.DONE
S, E = DisputeState, DisputeEvent


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (S.ACCEPTED, E.WON),
        (S.SETTLED, E.ROUND_OPENED),
        (S.WON, E.MONEY_HELD),
        (S.WON, E.LOST),
        (S.LOST, E.REPRESENTED),
        (S.REPRESENTED, E.ACCEPTED),
    ],
)
def test_what_cannot_follow_is_refused_by_its_names(state: DisputeState, event: DisputeEvent) -> None:
    with pytest.raises(IllegalTransitionError, match=f"{event} cannot happen to a dispute that is {state}"):
        dispute_after(state, event)


def test_only_an_end_that_somebody_may_contest_has_a_further_round() -> None:
    again = {before for before, event in DISPUTE_TRANSITIONS if event is E.ROUND_OPENED}
    assert again == {S.WON, S.LOST, S.ACCEPTED}
    assert dispute_after(S.WON, E.ROUND_OPENED) is S.NOTIFIED


@pytest.mark.parametrize(
    ("state", "event", "chargeback", "step"),
    [
        (S.NOTIFIED, E.MONEY_HELD, None, MoneyStep.HOLD),
        (S.LOST, E.MONEY_HELD, None, MoneyStep.TAKE),
        (S.ACCEPTED, E.MONEY_HELD, None, MoneyStep.TAKE),
        (S.REPRESENTED, E.WON, HELD, MoneyStep.RETURN_HELD),
        (S.REPRESENTED, E.WON, DONE, MoneyStep.RETURN_TAKEN),
        (S.REPRESENTED, E.WON, None, MoneyStep.NOTHING),
        (S.REPRESENTED, E.LOST, HELD, MoneyStep.TAKE_HELD),
        (S.REPRESENTED, E.LOST, DONE, MoneyStep.NOTHING),
        (S.NOTIFIED, E.ACCEPTED, HELD, MoneyStep.TAKE_HELD),
        (S.NOTIFIED, E.ACCEPTED, None, MoneyStep.NOTHING),
        (S.NOTIFIED, E.SETTLED_OTHERWISE, DONE, MoneyStep.NOTHING),
        (S.LOST, E.ROUND_OPENED, DONE, MoneyStep.NOTHING),
    ],
)
def test_money_follows_each_step(
    state: DisputeState, event: DisputeEvent, chargeback: RefundState | None, step: MoneyStep
) -> None:
    assert money_step(state, event, chargeback) is step


@pytest.mark.parametrize("chargeback", [HELD, DONE])
def test_the_money_of_a_dispute_is_held_once(chargeback: RefundState) -> None:
    with pytest.raises(HeldMoneyError, match="movement: "):
        money_step(S.NOTIFIED, E.MONEY_HELD, chargeback)


def test_a_claim_is_not_settled_otherwise_while_its_money_is_held() -> None:
    with pytest.raises(HeldMoneyError, match="settlement: "):
        money_step(S.REPRESENTED, E.SETTLED_OTHERWISE, HELD)


def test_what_is_held_and_comes_back_leaves_no_trace_on_any_account() -> None:
    amount = Money(168_977)
    entries = (held_in_dispute_entry("bkash", amount), dispute_won_entry("bkash", amount, is_held=True))
    held = [(posting.account, posting.amount) for posting in entries[0].postings]
    assert held == [("disputed:bkash", 168_977), ("receivable:bkash", -168_977)]
    assert [(posting.account, -posting.amount) for posting in entries[1].postings] == held


def test_what_is_held_and_lost_is_paid_back_without_touching_the_receivable_again() -> None:
    entry = dispute_lost_entry("bkash", Money(168_977))
    assert [(posting.account, posting.amount) for posting in entry.postings] == [
        ("refund_due:bkash", 168_977),
        ("disputed:bkash", -168_977),
    ]


def test_what_was_final_and_comes_back_is_due_to_whoever_gave_it() -> None:
    entry = dispute_won_entry("bkash", Money(100), is_held=False)
    assert [(posting.account, posting.amount) for posting in entry.postings] == [
        ("refund_due:bkash", -100),
        ("receivable:bkash", 100),
    ]


def test_only_what_came_back_leaves_the_running_total_and_no_payer_sees_either() -> None:
    assert RefundState.RETURNED in FREED
    assert HELD not in FREED
    assert {HELD, RefundState.RETURNED} == NOT_SHOWN
