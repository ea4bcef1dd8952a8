"""How bills of a cart end, and what became of its payment."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.carts.bill_cart import (
    BillEnd,
    CartPayment,
    PaidUp,
    bill_end_of,
    bill_of_reference,
    bill_reference,
    paid_up,
    portal_payable,
    portal_prefunds,
    stand_in_deadline,
)
from ekpay_switch.domain.ledger.posting_rules import Sums, cart_funded_entry
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.payment import State
from tests.domain.carts.carts import CART, NOON, one_bill, one_cart

SUMS = Sums(Money(105_000), ZERO, ZERO, ZERO)
PAID, BACK = BillEnd.PAID, BillEnd.GIVEN_BACK


@pytest.mark.parametrize(
    ("state", "end"),
    [
        (None, None),
        (State.CREATED, None),
        (State.DELIVERING, None),
        (State.FUNDED, None),
        (State.IN_REVIEW, None),
        (State.REFUNDING, None),
        (State.COMPLETED, PAID),
        (State.DECLINED, BACK),
        (State.EXPIRED, BACK),
        (State.REFUNDED, BACK),
    ],
)
def test_a_bill_ends_as_its_payment_does(state: State | None, end: BillEnd | None) -> None:
    assert bill_end_of(state) is end


@pytest.mark.parametrize("state", [None, *State])
def test_a_cart_without_its_money_waits_or_was_never_paid_or_people_decide(state: State | None) -> None:
    payment = None if state is None else CartPayment(CART, state, SUMS, "C", NOON)
    expected = PaidUp.WAITS
    if state in {State.DECLINED, State.EXPIRED, State.REFUNDING, State.REFUNDED}:
        expected = PaidUp.NEVER_PAID
    if state is State.IN_REVIEW:
        expected = PaidUp.IN_REVIEW
    assert paid_up(payment) is expected
    cart = replace(one_cart(None), payment=payment)
    assert cart.paid_up is expected
    assert replace(cart, is_funded=True).paid_up is PaidUp.FUNDED


def test_a_cart_costs_what_its_bills_cost_and_knows_which_are_open() -> None:
    cart = one_cart(None, PAID, None, BACK)
    assert cart.amount == Money(420_000)
    assert [stored.seq for stored in cart.open_bills] == [1, 3]


def test_a_quote_that_ends_within_two_minutes_is_not_relied_on() -> None:
    bill = one_bill(1).bill
    assert bill.is_quoted(NOON)
    assert not bill.is_quoted(bill.quote_expires_at - timedelta(minutes=2))


DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("promised", "stand_in", "later", "until"),
    [
        (None, DAY, HOUR, NOON + DAY),
        (None, DAY, DAY, None),  # the time is over
        (None, timedelta(), HOUR, None),  # its biller does not pardon it
        (NOON + HOUR * 2, timedelta(), HOUR, NOON + HOUR * 2),  # turned off since: the promise stands
        (NOON + HOUR, DAY, HOUR, None),  # a promise is never made longer
    ],
)
def test_a_promise_of_stand_in_is_made_once_and_ends(
    promised: datetime | None, stand_in: timedelta, later: timedelta, until: datetime | None
) -> None:
    assert stand_in_deadline(promised, NOON, stand_in, NOON + later) == until


def test_each_payment_of_a_bill_has_a_reference_of_its_own() -> None:
    references = [bill_reference(CART, seq, nth) for seq in (1, 2) for nth in (1, 2, 3)]
    assert len(set(references)) == 6
    assert bill_reference(CART, 1) == references[0]


def test_the_portal_has_an_account_of_what_it_is_owed_and_two_prefunds() -> None:
    assert portal_payable() == "payable:merchant:portal"
    assert portal_prefunds() == ("prefund:portal:postpaid", "prefund:portal:prepaid")


def test_what_a_cart_was_credited_moves_to_both_prefunds_and_back_by_the_reversal() -> None:
    amounts = {"prefund:portal:prepaid": Money(200), "prefund:portal:postpaid": Money(100)}
    entry = cart_funded_entry(portal_payable(), amounts)
    assert [(line.account, line.amount) for line in entry.postings] == [
        ("payable:merchant:portal", 300),
        ("prefund:portal:postpaid", -100),
        ("prefund:portal:prepaid", -200),
    ]
    assert (entry.moment, entry.reversal().moment) == ("cart_funded", "cart_funded_reversed")


@pytest.mark.parametrize("nth", [1, 2, 144])
def test_the_reference_of_a_payment_says_which_payment_of_its_bill_it_is(nth: int) -> None:
    cart_id = UUID(int=7)
    assert bill_of_reference(bill_reference(cart_id, 3, nth)) == (bill_reference(cart_id, 3), nth)


@pytest.mark.parametrize("further", ["", ":x", ":2:3", ":0"])
def test_another_reference_is_of_no_bill(further: str) -> None:
    reference = f"cart:{CART.hex}" if not further else f"{bill_reference(CART, 1)}{further}"
    with pytest.raises(ValueError, match="is not the reference of a bill's payment"):
        bill_of_reference(reference)
