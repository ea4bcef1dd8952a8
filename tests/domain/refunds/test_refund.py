from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundOrder
from ekpay_switch.domain.errors import IllegalTransitionError
from ekpay_switch.domain.ledger.posting_rules import (
    owed_back_as_loss_entry,
    owed_back_by_payee_entry,
    owed_back_from_suspense_entry,
    paid_back_by_hand_entry,
    paid_back_entry,
)
from ekpay_switch.domain.merchants.shares import Split, Stake
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import NOTICES
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.payment import Event, State, walk
from ekpay_switch.domain.refunds.burden import UNNAMED, Bearer, Burden
from ekpay_switch.domain.refunds.late_refunds import LateStep, late_step
from ekpay_switch.domain.refunds.new_refund import (
    NewRefund,
    Refundable,
    RefundRefusal,
    refuse_refund,
    takes_two_persons,
)
from ekpay_switch.domain.refunds.refund import (
    FREED,
    IN_THE_AIR,
    REFUND_TRANSITIONS,
    LockedRefund,
    NoRefundRoute,
    PaidByHand,
    RefundAnswer,
    RefundEvent,
    RefundKind,
    RefundPlan,
    RefundState,
    decide_refund,
    refund_after,
    refund_due_entry,
)

NOON = datetime(2026, 3, 1, 6, tzinfo=UTC)
AMOUNT = Money(60_000)
UNDOABLE = Burden(biller_takes_back=True)
OUR_LOSS, CONSENTED = Burden(bearer=Bearer.LOSS), Burden(bearer=Bearer.CONSENT, consent="LETTER-1")
ASKED = NewRefund(
    refund_id=UUID(int=9),
    payment_id=UUID(int=1),
    partner_id="bank1",
    reference="v1:R1",
    fingerprint=b"",
    amount=AMOUNT,
    reason="the wrong meter",
    requested_by="api:bank1",
    needs_approval=False,
    burden=UNDOABLE,
)
SEEN = Refundable(
    payment_state=State.COMPLETED,
    collected=Money(102_075),
    refunded=Money(0),
    amount_max=Money(100_000),
    parts=0,
    parts_max=10,
    collected_at=NOON,
    now=NOON + timedelta(days=1),
    days_max=60,
)
SHARES = (Stake("payable:merchant:m:s1", Money(60_000)), Stake("payable:merchant:m", Money(40_000)))
HELD = LockedRefund(
    payment_id=UUID(int=1),
    partner_id="bank1",
    lane=0,
    payee="desco_postpaid",
    kind=RefundKind.REFUND,
    state=RefundState.APPROVED,
    epoch=1,
    order=RefundOrder(UUID(int=9), "bkash", "R", "P1", "TRX1", AMOUNT, Money(102_075), "the wrong meter"),
    sends=0,
    questions=0,
    collected_at=NOON,
    now=NOON,
)
DONE = RefundAnswer(RefundLine("TRX2", AMOUNT, is_done=True), 90)
KINDS = {kind: replace(HELD, kind=kind) for kind in RefundKind}
OWED = [RefundKind.GIVE_BACK, RefundKind.UNEXPECTED]


def test_what_a_connector_paid_after_all_is_not_given_again() -> None:
    assert refuse_refund(ASKED, replace(SEEN, paid_late=Money(102_075) - AMOUNT)) is None
    more = replace(SEEN, paid_late=Money(102_076) - AMOUNT)
    assert refuse_refund(ASKED, more) is RefundRefusal.EXCEEDS_REMAINING


def a_split(room: int, alone_max: int = 100_000) -> Split:
    return Split("merchant:m", SHARES, Money(room), Money(alone_max))


def after(held: LockedRefund, plan: RefundPlan) -> RefundState:
    """What the plan makes of a refund that is being sent."""
    assert held.order.amount == AMOUNT
    return refund_after(RefundState.SENT, plan.event)


# ---- what can happen to a refund


def test_a_refund_takes_the_steps_of_the_table_and_no_others() -> None:
    assert refund_after(RefundState.REQUESTED, RefundEvent.APPROVED) is RefundState.APPROVED
    with pytest.raises(IllegalTransitionError, match="given cannot happen to a refund that is asked"):
        refund_after(RefundState.REQUESTED, RefundEvent.PAID_BACK)


def test_every_state_and_every_event_of_a_refund_stands_in_the_table() -> None:
    reached = {state for state, _ in REFUND_TRANSITIONS} | set(REFUND_TRANSITIONS.values())
    assert reached == set(RefundState)
    assert {event for _, event in REFUND_TRANSITIONS} == set(RefundEvent)


def test_what_is_done_failed_or_rejected_stays_so_unless_a_dispute_is_won() -> None:
    left = {
        state
        for (state, event), following in REFUND_TRANSITIONS.items()
        if following is not state and event is not RefundEvent.RETURNED_BY_CONNECTOR
    }
    assert (RefundState.DONE, RefundEvent.RETURNED_BY_CONNECTOR) in REFUND_TRANSITIONS
    assert set(RefundState) - left == {RefundState.DONE, *FREED}


def test_the_connector_can_give_what_is_being_sent_or_was_left_to_finance() -> None:
    before = {state for (state, event), _ in REFUND_TRANSITIONS.items() if event is RefundEvent.PAID_BACK}
    assert before == {RefundState.SENT, RefundState.BY_HAND}
    assert RefundState.SENT in IN_THE_AIR


@pytest.mark.parametrize("state", RefundState)
@pytest.mark.parametrize("is_paid_by_hand", [False, True])
def test_what_it_means_that_the_connector_has_paid(state: RefundState, *, is_paid_by_hand: bool) -> None:
    expected = {
        (RefundState.BY_HAND, False): LateStep.END,
        (RefundState.BY_HAND, True): LateStep.STOP,
        (RefundState.DONE, True): LateStep.BOOK,
        (RefundState.FAILED, False): LateStep.BOOK,
        (RefundState.FAILED, True): LateStep.BOOK,
    }
    step = late_step(state, is_paid_by_hand=is_paid_by_hand)
    assert step is expected.get((state, is_paid_by_hand), LateStep.NOTHING)


@pytest.mark.parametrize(("sends", "again_seconds"), [(0, None), (1, 90)])
def test_what_is_left_to_finance_is_asked_about_where_an_earlier_send_may_have_arrived(
    sends: int, again_seconds: float | None
) -> None:
    held = replace(KINDS[RefundKind.GIVE_BACK], sends=sends)
    plan = decide_refund(held, State.REFUNDING, RefundAnswer(Declined("refused", "2077"), 90))
    assert (plan.event, plan.ask_again_seconds) == (RefundEvent.LEFT_TO_FINANCE, again_seconds)


# ---- taking one on


@pytest.mark.parametrize(
    ("seen", "refusal"),
    [
        (SEEN, None),
        *(
            (replace(SEEN, payment_state=state), RefundRefusal.NOT_REFUNDABLE)
            for state in State
            if state is not State.COMPLETED
        ),
        (replace(SEEN, collected=None), RefundRefusal.NOT_REFUNDABLE),
        (replace(SEEN, collected_at=None), RefundRefusal.NOT_REFUNDABLE),
        (replace(SEEN, collected=Money(102_075, "USD")), RefundRefusal.OTHER_CURRENCY),
        (replace(SEEN, refunded=Money(40_000)), None),
        (replace(SEEN, refunded=Money(40_001)), RefundRefusal.EXCEEDS_REMAINING),
        (replace(SEEN, amount_max=Money(59_999)), RefundRefusal.EXCEEDS_REMAINING),
        (replace(SEEN, parts=9), None),
        (replace(SEEN, parts=10), RefundRefusal.TOO_MANY_PARTS),
        (replace(SEEN, now=NOON + timedelta(days=60, seconds=-1)), None),
        (replace(SEEN, now=NOON + timedelta(days=60)), RefundRefusal.TOO_LATE),
    ],
)
def test_why_a_refund_is_not_taken_on(seen: Refundable, refusal: RefundRefusal | None) -> None:
    assert refuse_refund(ASKED, seen) is refusal


def test_a_bill_that_cannot_be_undone_is_refunded_where_somebody_is_named_to_bear_it() -> None:
    final = replace(ASKED, burden=UNNAMED)
    assert refuse_refund(final, SEEN) is RefundRefusal.FINAL
    for burden in (OUR_LOSS, CONSENTED):
        assert refuse_refund(replace(final, burden=burden), SEEN) is None
        too_much = replace(SEEN, refunded=Money(40_001))
        assert refuse_refund(replace(final, burden=burden), too_much) is RefundRefusal.EXCEEDS_REMAINING


@pytest.mark.parametrize("burden", [OUR_LOSS, CONSENTED])
def test_nobody_alone_says_who_bears_a_refund(burden: Burden) -> None:
    assert takes_two_persons(replace(ASKED, burden=burden), SEEN)


def test_a_merchants_refund_asks_no_biller() -> None:
    assert refuse_refund(replace(ASKED, burden=UNNAMED), replace(SEEN, split=a_split(60_000))) is None


@pytest.mark.parametrize(
    ("from_suspense", "refusal"), [(42_075, None), (42_076, RefundRefusal.EXCEEDS_REMAINING)]
)
def test_what_the_payer_got_by_a_chargeback_is_not_refunded_again(
    from_suspense: int, refusal: RefundRefusal | None
) -> None:
    assert refuse_refund(ASKED, replace(SEEN, from_suspense=Money(from_suspense))) is refusal


def test_a_merchants_refund_is_refused_beyond_its_debt_limit() -> None:
    sold = replace(SEEN, split=a_split(59_999))
    assert refuse_refund(ASKED, sold) is RefundRefusal.DEBT_LIMIT
    assert refuse_refund(replace(ASKED, amount=Money(59_999)), sold) is None
    assert refuse_refund(ASKED, replace(sold, split=a_split(60_000))) is None


def test_what_exceeds_the_payment_is_refused_before_its_debt_is_looked_at() -> None:
    sold = replace(SEEN, split=a_split(0), refunded=Money(40_001))
    assert refuse_refund(ASKED, sold) is RefundRefusal.EXCEEDS_REMAINING


@pytest.mark.parametrize(
    ("refunded", "alone_max", "takes_two"),
    [(0, 60_000, False), (0, 59_999, True), (1, 60_000, True), (40_000, 100_000, False)],
)
def test_all_refunds_of_a_merchants_payment_together_are_held_against_its_refund_limit(
    refunded: int, alone_max: int, *, takes_two: bool
) -> None:
    seen = replace(SEEN, refunded=Money(refunded), split=a_split(10**6, alone_max))
    assert takes_two_persons(ASKED, seen) is takes_two
    assert takes_two_persons(replace(ASKED, needs_approval=True), seen)


def test_a_bill_is_refunded_by_whom_its_caller_says() -> None:
    assert not takes_two_persons(ASKED, SEEN)
    assert takes_two_persons(replace(ASKED, needs_approval=True), SEEN)


@given(amounts=st.lists(st.integers(1, 70_000), max_size=20))
def test_whatever_is_asked_for_the_total_never_exceeds_what_the_payee_was_credited(
    amounts: list[int],
) -> None:
    refunded = Money(0)
    for amount in amounts:
        new, seen = replace(ASKED, amount=Money(amount)), replace(SEEN, refunded=refunded)
        if refuse_refund(new, seen) is None:
            refunded += new.amount
    assert refunded.minor <= SEEN.amount_max.minor


# ---- what an answer leads to


def test_a_refund_that_was_given_is_done_and_the_connector_owes_us_less() -> None:
    plan = decide_refund(HELD, State.COMPLETED, DONE)
    assert (after(HELD, plan), plan.entry) == (RefundState.DONE, paid_back_entry("bkash", AMOUNT))
    assert (plan.provider_refund, plan.notice, plan.payment_events) == ("TRX2", "refund_done", ())
    assert (plan.ask_again_seconds, plan.frees, plan.alarm) == (None, False, None)


def test_a_give_back_that_was_given_ends_its_payment() -> None:
    plan = decide_refund(KINDS[RefundKind.GIVE_BACK], State.REFUNDING, DONE)
    assert walk(State.REFUNDING, plan.payment_events)[-1][2] is State.REFUNDED
    assert NOTICES[plan.notice].state is State.REFUNDED


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (RefundKind.UNEXPECTED, State.COMPLETED),
        (RefundKind.UNEXPECTED, State.REFUNDING),
        (RefundKind.GIVE_BACK, State.IN_REVIEW),
    ],
)
def test_what_no_payment_waits_for_moves_none_and_tells_nobody(kind: RefundKind, state: State) -> None:
    plan = decide_refund(KINDS[kind], state, DONE)
    assert (plan.event, plan.payment_events, plan.notice) == (RefundEvent.PAID_BACK, (), "")
    assert plan.entry == paid_back_entry("bkash", AMOUNT)


def test_a_refund_that_was_asked_for_and_is_refused_fails() -> None:
    plan = decide_refund(HELD, State.COMPLETED, RefundAnswer(Declined("refused", "2077"), 90))
    assert (after(HELD, plan), plan.frees) == (RefundState.FAILED, True)
    assert plan.entry == owed_back_by_payee_entry("desco_postpaid", "bkash", AMOUNT).reversal()
    assert (plan.notice, plan.alarm) == ("refund_failed", None)
    assert NOTICES[plan.notice].state is State.COMPLETED


def test_our_loss_is_ours_no_longer_where_the_connector_refuses() -> None:
    held = replace(HELD, bearer=Bearer.LOSS)
    plan = decide_refund(held, State.COMPLETED, RefundAnswer(Declined("refused", "2077"), 90))
    assert plan.entry == owed_back_as_loss_entry("bkash", AMOUNT).reversal()


def test_a_merchants_refund_that_is_refused_moves_back_by_its_shares_alone() -> None:
    held = replace(HELD, payee="merchant:m")
    plan = decide_refund(held, State.COMPLETED, RefundAnswer(Declined("refused", "2077"), 90))
    assert (after(held, plan), plan.frees, plan.entry) == (RefundState.FAILED, True, None)
    assert plan.notice == "refund_failed"


@pytest.mark.parametrize("kind", [RefundKind.REFUND, *OWED])
@pytest.mark.parametrize("state", [RefundState.APPROVED, RefundState.SENT])
def test_what_the_connector_cannot_be_told_is_left_to_finance(state: RefundState, kind: RefundKind) -> None:
    plan = decide_refund(KINDS[kind], State.REFUNDING, NoRefundRoute("not any more"))
    assert refund_after(state, plan.event) is RefundState.BY_HAND
    assert (plan.entry, plan.frees, plan.alarm) == (None, False, Alarm.REFUND_NEEDS_A_PERSON)
    assert plan.facts == {"why": "not any more"}


def test_what_finance_has_paid_is_done_and_left_our_bank() -> None:
    held = KINDS[RefundKind.GIVE_BACK]
    plan = decide_refund(held, State.REFUNDING, PaidByHand("FT-1"))
    assert refund_after(RefundState.BY_HAND, plan.event) is RefundState.DONE
    assert plan.entry == paid_back_by_hand_entry("bkash", AMOUNT)
    assert (plan.payment_events, plan.facts) == ((Event.GIVEN_BACK,), {"bank_reference": "FT-1"})
    assert plan.provider_refund == ""


@pytest.mark.parametrize(
    ("answer", "why", "name"),
    [
        (InDoubt("silence"), "silence", ""),
        (RefundLine("TRX2", AMOUNT, is_done=False), "begun over there and not done", "TRX2"),
        (RefundLine("TRX2", Money(1), is_done=False), "begun over there and not done", ""),
        (RefundLine("TRX2", Money(59_999), is_done=True), "another amount was given back", ""),
        (RefundLine("TRX2", Money(60_000, "USD"), is_done=True), "another amount was given back", ""),
    ],
)
def test_what_is_not_surely_done_is_asked_about_again(
    answer: InDoubt | RefundLine, why: str, name: str
) -> None:
    plan = decide_refund(HELD, State.COMPLETED, RefundAnswer(answer, 90))
    assert after(HELD, plan) is RefundState.IN_DOUBT
    assert (plan.ask_again_seconds, plan.entry, plan.facts) == (90, None, {"why": why})
    assert (plan.provider_refund, plan.frees) == (name, False)


@pytest.mark.parametrize(("sends", "state"), [(0, RefundState.APPROVED), (1, RefundState.IN_DOUBT)])
def test_only_what_was_never_sent_is_as_it_was_before(sends: int, state: RefundState) -> None:
    held = replace(HELD, sends=sends)
    plan = decide_refund(held, State.COMPLETED, RefundAnswer(Unreached("refused"), 90))
    assert (after(held, plan), plan.ask_again_seconds) == (state, 90)


def test_a_refund_is_held_by_its_own_name() -> None:
    assert HELD.refund_id == UUID(int=9)


# ---- what is owed from when it is taken on


@pytest.mark.parametrize("kind", RefundKind)
def test_money_is_owed_once_whatever_it_is_owed_for(kind: RefundKind) -> None:
    by_payee = owed_back_by_payee_entry("desco_postpaid", "bkash", AMOUNT)
    expected = {
        RefundKind.REFUND: by_payee,
        RefundKind.CHARGEBACK: by_payee,
        RefundKind.UNEXPECTED: owed_back_from_suspense_entry("bkash", AMOUNT),
        RefundKind.GIVE_BACK: None,  # the delivery that came to nothing has written it
    }
    assert refund_due_entry(kind, "desco_postpaid", "bkash", AMOUNT) == expected[kind]


@pytest.mark.parametrize("kind", [RefundKind.REFUND, RefundKind.CHARGEBACK])
@pytest.mark.parametrize("bearer", Bearer)
def test_a_refund_is_taken_from_whoever_bears_it(bearer: Bearer, kind: RefundKind) -> None:
    by_payee = owed_back_by_payee_entry("desco_postpaid", "bkash", AMOUNT)
    expected = {
        Bearer.PAYEE: by_payee,
        Bearer.CONSENT: by_payee,
        Bearer.LOSS: owed_back_as_loss_entry("bkash", AMOUNT),
    }
    assert refund_due_entry(kind, "desco_postpaid", "bkash", AMOUNT, bearer) == expected[bearer]


@pytest.mark.parametrize("kind", RefundKind)
def test_a_merchants_payment_is_given_back_by_its_shares(kind: RefundKind) -> None:
    entry = refund_due_entry(kind, "merchant:m", "bkash", AMOUNT)
    is_beside = kind is RefundKind.UNEXPECTED
    assert entry == (owed_back_from_suspense_entry("bkash", AMOUNT) if is_beside else None)
