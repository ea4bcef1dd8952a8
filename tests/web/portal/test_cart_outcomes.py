"""What is said of a cart and its bills stands in the books: every state of payment, bill and refund."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.carts.bill_cart import (
    BillEnd,
    BillInCart,
    CartBill,
    CartPayment,
    CartRefund,
    StoredCart,
)
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.web.checkout.evidence import Evidence
from ekpay_switch.web.portal.cart_outcomes import (
    BillOutcome,
    CartOutcome,
    bill_outcome,
    cart_outcome,
    refund_of,
)
from ekpay_switch.web.wording import Language, read_texts
from tests.fakes.world import NOON
from tests.web.checkout.test_evidence import CLAIMS

ENDS = {State.COMPLETED: BillEnd.PAID, State.DECLINED: BillEnd.GIVEN_BACK, State.EXPIRED: BillEnd.GIVEN_BACK}
# Which outcome each sentence that claims something stands on; those of an outcome are chosen by it alone.
CLAIMING_OUTCOMES = {
    "result.cart.not_paid_yet", "result.cart.received", "result.cart.under_way", "result.cart.none_paid",
    "result.cart.some_paid", "result.cart.nothing_taken", "result.cart.returning", "result.cart.returned",
    "result.cart.unsure", "result.cart.all_paid", "result.bill.paid", "result.bill.goes_back",
    "result.bill.given_back", "result.bill.accepted", "result.refund_step",
}  # fmt: skip


def a_cart(
    *states: State | None,
    payment: State = State.COMPLETED,
    is_funded: bool = True,
    refunds: tuple[CartRefund, ...] = (),
) -> StoredCart:
    bills = tuple(
        BillInCart(seq, f"cart:1:{seq}", _bill(), state=state, end=ENDS.get(state) if state else None)
        for seq, state in enumerate(states, 1)
    )
    sums = Sums(Money(1_000 * len(states)), ZERO, ZERO, ZERO)
    paid = CartPayment(UUID(int=7), payment, sums, "C" * 26, NOON)
    return StoredCart(
        UUID(int=1),
        "R" * 26,
        NOON,
        NOON,
        bills,
        is_ordered=True,
        is_funded=is_funded,
        payment=paid,
        refunds=refunds,
    )


def _bill() -> CartBill:
    return CartBill("desco_postpaid", "postpaid", {}, {}, "1", Money(1_000), "Q", NOON, NOON)


STATES = st.one_of(st.none(), st.sampled_from(list(State)))


@given(states=st.lists(STATES, min_size=1, max_size=4))
def test_a_bill_is_called_paid_where_its_payment_is_completed_and_nowhere_else(
    states: list[State | None],
) -> None:
    cart = a_cart(*states)
    for stored in cart.bills:
        outcome = bill_outcome(cart, stored)
        assert (outcome is BillOutcome.PAID) == (stored.state is State.COMPLETED)
        if outcome in {BillOutcome.GOES_BACK, BillOutcome.GIVEN_BACK, BillOutcome.BY_STAFF}:
            assert stored.state in {State.DECLINED, State.EXPIRED, State.REFUNDED}
    is_all_paid = cart_outcome(cart, ()) is CartOutcome.ALL_PAID
    assert is_all_paid == (set(states) == {State.COMPLETED})


@given(state=st.one_of(st.none(), st.sampled_from(list(RefundState))))
def test_money_is_called_given_back_where_the_refund_is_done(state: RefundState | None) -> None:
    refund = CartRefund("r", (1,), Money(1_000), state)
    cart = a_cart(State.DECLINED, State.COMPLETED, refunds=(refund,))
    outcome = bill_outcome(cart, cart.bills[0])
    assert (outcome is BillOutcome.GIVEN_BACK) == (state is RefundState.DONE)
    assert (refund_of(cart, cart.bills[0]), refund_of(cart, cart.bills[1])) == (refund, None)


def test_a_bill_whose_refund_is_not_planned_yet_goes_back() -> None:
    cart = a_cart(State.DECLINED)
    assert bill_outcome(cart, cart.bills[0]) is BillOutcome.GOES_BACK


def test_a_payment_that_went_back_is_no_end_of_its_bill() -> None:
    """The worker may pay it again in stand-in; only the end that it records tells."""
    cart = a_cart(State.REFUNDED)
    unended = replace(cart.bills[0], end=None)
    assert bill_outcome(cart, unended) is BillOutcome.ON_ITS_WAY
    waits = replace(unended, stand_in_until=NOON)
    assert bill_outcome(cart, waits) is BillOutcome.ACCEPTED
    assert bill_outcome(cart, replace(waits, state=State.IN_REVIEW)) is BillOutcome.REVIEW
    assert bill_outcome(cart, replace(waits, state=State.COMPLETED)) is BillOutcome.PAID


def test_an_end_that_is_not_recorded_yet_is_read_from_the_payment() -> None:
    cart = a_cart(State.COMPLETED)
    assert bill_outcome(cart, replace(cart.bills[0], end=None)) is BillOutcome.PAID


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        ((State.COMPLETED, None), CartOutcome.UNDER_WAY),
        ((State.COMPLETED, State.DELIVERING), CartOutcome.UNDER_WAY),
        ((State.COMPLETED, State.IN_REVIEW), CartOutcome.UNDER_WAY),
        ((State.COMPLETED, State.DECLINED), CartOutcome.SOME_PAID),
        ((State.DECLINED, State.EXPIRED), CartOutcome.NONE_PAID),
        ((State.COMPLETED, State.COMPLETED), CartOutcome.ALL_PAID),
    ],
)
def test_a_cart_is_what_its_bills_are(states: tuple[State | None, ...], outcome: CartOutcome) -> None:
    assert cart_outcome(a_cart(*states), ()) is outcome


@pytest.mark.parametrize(
    ("payment", "proven", "outcome"),
    [
        (State.CREATED, [Evidence.NOTHING_MOVED], CartOutcome.NOT_PAID_YET),
        (State.COLLECTING, [], CartOutcome.NOT_PAID_YET),
        (State.FUNDED, [Evidence.MONEY_RECEIVED], CartOutcome.RECEIVED),
        (State.COMPLETED, [Evidence.CREDITED], CartOutcome.RECEIVED),
        (State.DECLINED, [Evidence.NOTHING_MOVED], CartOutcome.NOTHING_TAKEN),
        (State.EXPIRED, [], CartOutcome.UNSURE),
        (State.REFUNDING, [Evidence.RETURNING], CartOutcome.RETURNING),
        (State.REFUNDED, [Evidence.RETURNED], CartOutcome.RETURNED),
        (State.IN_REVIEW, [], CartOutcome.REVIEW),
    ],
)
def test_before_its_money_is_there_a_cart_is_what_its_payment_is(
    payment: State, proven: Collection[Evidence], outcome: CartOutcome
) -> None:
    assert cart_outcome(a_cart(None, payment=payment, is_funded=False), proven) is outcome


@given(payment=st.sampled_from(list(State)), proven=st.sets(st.sampled_from(list(Evidence))))
def test_nothing_taken_is_said_where_that_is_proven(payment: State, proven: set[Evidence]) -> None:
    outcome = cart_outcome(a_cart(None, payment=payment, is_funded=False), proven)
    assert outcome is not CartOutcome.NOTHING_TAKEN or Evidence.NOTHING_MOVED in proven
    assert outcome is not CartOutcome.RETURNED or Evidence.RETURNED in proven
    assert outcome is not CartOutcome.RETURNING or Evidence.RETURNING in proven


@pytest.mark.parametrize("language", list(Language))
def test_every_outcome_has_words_and_only_an_outcome_claims_something(language: Language) -> None:
    texts = read_texts(language)
    wanted = {f"result.cart.{one}.{part}" for one in CartOutcome for part in ("title", "text")}
    wanted |= {f"result.bill.{one}.{part}" for one in BillOutcome for part in ("title", "text")}
    assert wanted <= texts.keys()
    claiming = {
        key for key, text in texts.items() if key.startswith("result.") and CLAIMS[language].search(text)
    }
    assert {key.rpartition(".")[0] for key in claiming} <= CLAIMING_OUTCOMES
