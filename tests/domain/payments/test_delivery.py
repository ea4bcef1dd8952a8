from dataclasses import replace
from uuid import UUID

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.ledger.posting_rules import (
    Sums,
    delivered_entry,
    given_back_entry,
    owed_back_entry,
    posted_after_give_back_entry,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, Outcome, Posted, Unreached
from ekpay_switch.domain.payment import Event, State, walk
from ekpay_switch.domain.payments.after_give_back import plan_not_undone, plan_undone
from ekpay_switch.domain.payments.delivery import (
    AttemptEnd,
    BillerTerms,
    Delivery,
    DeliveryPlan,
    plan_not_posted,
    plan_outcome,
    plan_posted,
    plan_receipt_taken,
)
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.vending import TokenKind, TokenLine

SUMS = Sums(Money(100_000), Money(0), Money(500), Money(75))
DELIVERY = Delivery(
    payment_id=UUID(int=1),
    attempt_id=UUID(int=2),
    partner_id="bank1",
    lane=0,
    epoch=1,
    biller_id="desco_postpaid",
    prefund="prefund:bank1:postpaid",
    sums=SUMS,
)
COLLECTED = replace(DELIVERY, prefund="", collected_by="bkash")
BACK_TO_PREFUND = given_back_entry(DELIVERY.prefund, SUMS)
POSTED = Posted("REF1", 100_000, {"receipt": "R1"})


def ending(plan: DeliveryPlan, state: State = State.DELIVERING) -> State:
    steps = walk(state, plan.events)
    return steps[-1][2] if steps else state


def test_an_approval_completes_and_pays_the_biller() -> None:
    plan = plan_outcome(DELIVERY, Approved({"receipt": "R1"}))
    assert ending(plan) is State.COMPLETED
    assert (plan.end, plan.refusal, plan.notice) == (AttemptEnd.APPROVED, None, "completed")
    assert plan.entry == delivered_entry("desco_postpaid", SUMS)
    assert plan.facts == {"receipt": "R1"}


def test_a_decline_gives_the_prefund_back() -> None:
    plan = plan_outcome(DELIVERY, Declined("bill_changed", code="17"))
    assert ending(plan) is State.REFUNDED
    assert (plan.end, plan.refusal, plan.notice) == (AttemptEnd.DECLINED, Refusal.BILLER_REFUSED, "refunded")
    assert plan.entry == BACK_TO_PREFUND
    assert plan.facts == {"reason": "bill_changed", "code": "17"}


def test_unreached_gives_the_prefund_back_as_unsent() -> None:
    plan = plan_outcome(DELIVERY, Unreached("connect refused"))
    assert ending(plan) is State.REFUNDED
    assert (plan.end, plan.refusal) == (AttemptEnd.UNREACHED, Refusal.BILLER_UNAVAILABLE)
    assert plan.events[0] is Event.BILLER_UNREACHED
    assert plan.entry == BACK_TO_PREFUND
    assert plan.facts == {"why": "connect refused"}


def test_a_doubt_changes_no_state_and_moves_no_money() -> None:
    plan = plan_outcome(DELIVERY, InDoubt("no answer in 20 s"))
    assert ending(plan) is State.DELIVERING
    assert plan == DeliveryPlan(AttemptEnd.IN_DOUBT, facts={"why": "no answer in 20 s"})


def test_proven_not_posted_gives_the_prefund_back() -> None:
    plan = plan_not_posted(DELIVERY)
    assert ending(plan) is State.REFUNDED
    assert (plan.end, plan.refusal) == (AttemptEnd.NOT_POSTED, Refusal.BILLER_UNAVAILABLE)
    assert plan.entry == BACK_TO_PREFUND


@pytest.mark.parametrize(
    ("plan", "end", "refusal"),
    [
        (plan_outcome(COLLECTED, Declined("bill_changed")), AttemptEnd.DECLINED, Refusal.BILLER_REFUSED),
        (plan_not_posted(COLLECTED), AttemptEnd.NOT_POSTED, Refusal.BILLER_UNAVAILABLE),
    ],
)
def test_collected_money_that_was_not_delivered_is_owed_to_its_payer(
    plan: DeliveryPlan, end: str, refusal: Refusal
) -> None:
    assert ending(plan) is State.REFUNDING
    assert (plan.end, plan.refusal, plan.notice) == (end, refusal, "")
    assert plan.entry == owed_back_entry("bkash", SUMS)


def test_a_biller_that_was_not_reached_leaves_collected_money_to_be_delivered() -> None:
    plan = plan_outcome(COLLECTED, Unreached("connect refused"))
    assert ending(plan) is State.FUNDED
    assert (plan.end, plan.entry, plan.refusal) == (AttemptEnd.UNREACHED, None, None)
    assert plan.facts == {"why": "connect refused"}


def test_collected_money_whose_first_sending_was_lost_is_owed_back_and_not_sent_under_another_name() -> None:
    plan = plan_outcome(replace(COLLECTED, sends=2), Unreached("connect refused"))
    assert ending(plan) is State.REFUNDING
    assert (plan.end, plan.refusal) == (AttemptEnd.UNREACHED, Refusal.BILLER_UNAVAILABLE)
    assert plan.entry == owed_back_entry("bkash", SUMS)


@pytest.mark.parametrize("delivery", [DELIVERY, COLLECTED])
def test_a_decline_of_a_second_send_moves_no_money(delivery: Delivery) -> None:
    plan = plan_outcome(replace(delivery, sends=2), Declined("already_paid", "09"))
    assert (plan.end, plan.events, plan.entry, plan.refusal) == (AttemptEnd.IN_DOUBT, (), None, None)
    assert plan.facts == {"why": "a repeat was refused: already_paid 09"}


@pytest.mark.parametrize("outcome", [Approved({"receipt": "R1"}), InDoubt("cut"), Unreached("refused")])
def test_only_a_decline_is_doubted_for_being_the_answer_to_a_second_send(outcome: Outcome) -> None:
    assert plan_outcome(replace(DELIVERY, sends=2), outcome) == plan_outcome(DELIVERY, outcome)


def test_a_decline_of_a_second_send_is_believed_where_repeats_are_answered_alike() -> None:
    alike = replace(DELIVERY, sends=2, terms=BillerTerms(answers_repeats_alike=True))
    refused = Declined("bill_changed", code="17")
    assert plan_outcome(alike, refused) == plan_outcome(DELIVERY, refused)


@pytest.mark.parametrize("outcome", [Approved({"receipt": "R1"}), InDoubt("no answer in 20 s")])
def test_where_the_money_came_from_changes_nothing_else(outcome: Outcome) -> None:
    assert plan_outcome(COLLECTED, outcome) == plan_outcome(DELIVERY, outcome)


@pytest.mark.parametrize("posted", [POSTED, replace(POSTED, amount_minor=None)])
def test_found_at_the_biller_completes(posted: Posted) -> None:
    plan = plan_posted(DELIVERY, State.DELIVERING, posted)
    assert ending(plan) is State.COMPLETED
    assert plan.entry == delivered_entry("desco_postpaid", SUMS)
    assert plan.facts == {"receipt": "R1"}


@pytest.mark.parametrize("state", [State.DELIVERING, State.REFUNDED])
@pytest.mark.parametrize("echoed", [99_999, 100_575, 0])
def test_another_echoed_amount_goes_to_review_and_moves_no_money(state: State, echoed: int) -> None:
    plan = plan_posted(DELIVERY, state, replace(POSTED, amount_minor=echoed))
    assert ending(plan, state) is State.IN_REVIEW
    notice = "late_echo_mismatch" if state is State.REFUNDED else "amount_echo_mismatch"
    assert (plan.end, plan.entry, plan.notice) == (AttemptEnd.DISAGREED, None, notice)
    assert plan.facts == {"receipt": "R1", "echoed_amount": str(echoed)}


def test_a_late_success_goes_to_review_and_is_owed_out_of_suspense() -> None:
    plan = plan_posted(DELIVERY, State.REFUNDED, POSTED)
    assert ending(plan, State.REFUNDED) is State.IN_REVIEW
    assert (plan.end, plan.notice) == (AttemptEnd.DISAGREED, "late_success")
    assert plan.entry == posted_after_give_back_entry("desco_postpaid", Money(100_000))


def test_what_its_biller_undoes_stays_refunded_and_leaves_suspense() -> None:
    plan = plan_undone(DELIVERY, "D1", {"message": "void"})
    assert ending(plan, State.REFUNDED) is State.REFUNDED
    posted = posted_after_give_back_entry("desco_postpaid", Money(100_000))
    assert (plan.entry, plan.notice) == (posted.reversal(), "")
    assert plan.facts == {"message": "void", "undone_by_decision": "D1"}


def test_what_its_biller_does_not_undo_is_reviewed_again_and_moves_no_money() -> None:
    plan = plan_not_undone("not_open")
    assert ending(plan, State.REFUNDED) is State.IN_REVIEW
    assert (plan.entry, plan.alarm) == (None, Alarm.LATE_SUCCESS)


def test_a_contradiction_raises_the_alarm_of_its_name_and_a_completion_none() -> None:
    assert plan_posted(DELIVERY, State.REFUNDED, POSTED).alarm is Alarm.LATE_SUCCESS
    assert plan_posted(DELIVERY, State.DELIVERING, POSTED).alarm is None


@pytest.mark.parametrize("outcome", [Declined("refused", "1283"), Unreached("breaker open"), InDoubt("cut")])
def test_after_the_first_step_nothing_is_given_back_without_asking(outcome: Outcome) -> None:
    plan = plan_outcome(DELIVERY, outcome, is_first_step=False)
    assert (plan.end, plan.events, plan.entry) == (AttemptEnd.IN_DOUBT, (), None)
    assert ending(plan) is State.DELIVERING


def test_a_later_step_that_is_approved_completes() -> None:
    plan = plan_outcome(DELIVERY, Approved({"receipt": "R1"}), is_first_step=False)
    assert plan == plan_outcome(DELIVERY, Approved({"receipt": "R1"}))


def test_the_biller_echoes_what_it_was_told_and_is_owed_the_exact_bill() -> None:
    rounded = replace(DELIVERY, sums=replace(SUMS, rounding=Money(44)))
    assert rounded.sums.billed_amount == Money(100_044)
    assert rounded.sums.total == Money(100_619)
    plan = plan_posted(rounded, State.DELIVERING, replace(POSTED, amount_minor=100_044))
    assert ending(plan) is State.COMPLETED
    assert plan.entry is not None
    assert {p.account: p.amount for p in plan.entry.postings} == {
        "in_flight": 100_619,
        "payable:desco_postpaid": -100_000,
        "fee_income": -500,
        "vat_payable": -75,
        "rounding": -44,
    }
    exact = plan_posted(rounded, State.DELIVERING, replace(POSTED, amount_minor=100_000))
    assert ending(exact) is State.IN_REVIEW


@pytest.mark.parametrize("state", [State.DELIVERING, State.REFUNDED])
def test_what_was_vended_is_kept_whatever_the_facts_say(state: State) -> None:
    lines = (TokenLine(1, TokenKind.CREDIT, "1" * 20),)
    assert plan_outcome(DELIVERY, Approved({}, lines)).tokens == lines
    for amount in (100_000, 1):
        assert (
            plan_posted(DELIVERY, state, replace(POSTED, amount_minor=amount, tokens=lines)).tokens == lines
        )


def test_a_completion_whose_receipt_was_used_before_goes_to_review_and_moves_no_money() -> None:
    plan = plan_receipt_taken(plan_outcome(DELIVERY, Approved({"receipt": "R1"})))
    assert ending(plan) is State.IN_REVIEW
    assert (plan.end, plan.entry, plan.notice) == (AttemptEnd.DISAGREED, None, "receipt_used_twice")
    assert plan.facts == {"receipt": "R1"}
