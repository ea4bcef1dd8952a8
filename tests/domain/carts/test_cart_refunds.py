"""What comes back for bills that no biller took: exactly their amounts, and their part of the charges."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.carts.bill_cart import BillEnd, CartRefund, StoredCart
from ekpay_switch.domain.carts.cart_refunds import plan_refund, refund_of_bills
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.shares import apportion
from ekpay_switch.domain.money import Money
from tests.domain.carts.carts import ended, one_cart

SUMS = Sums(Money(315_000), Money(1_500), Money(870), Money(130))


@given(
    bills=st.lists(st.integers(1, 10**7), min_size=1, max_size=6),
    charges=st.tuples(st.integers(0, 10**6), st.integers(0, 5_000), st.integers(0, 800)),
    order=st.randoms(),
)
def test_refunds_of_bills_in_any_order_are_the_bills_to_the_paisa_and_all_of_them_everything(
    bills: list[int], charges: tuple[int, int, int], order: object
) -> None:
    sums = Sums(Money(sum(bills)), *map(Money, charges))
    weights = [sums.amount.minor, *charges]
    returned = refunded = Money(0)
    order.shuffle(bills)  # type: ignore[attr-defined]
    for minor in bills:
        part = refund_of_bills(sums, returned=returned, refunded=refunded, amount=Money(minor))
        assert part.minor >= 0
        returned, refunded = returned + Money(minor), refunded + part
        assert apportion(refunded.minor, weights)[0] == returned.minor
    assert refunded == sums.total


def test_bills_beyond_the_cart_are_refused() -> None:
    with pytest.raises(ValueError, match="no refund has a share of 315001 paisa"):
        refund_of_bills(SUMS, returned=Money(315_000), refunded=SUMS.total, amount=Money(1))


def test_nothing_is_planned_while_every_bill_is_open_or_paid() -> None:
    assert plan_refund(one_cart(None, BillEnd.PAID, None), SUMS, 10) is None
    assert plan_refund(one_cart(BillEnd.PAID, BillEnd.PAID, BillEnd.PAID), SUMS, 10) is None


def test_a_bill_that_was_given_back_is_refunded_at_once_while_others_are_open() -> None:
    cart = one_cart(BillEnd.GIVEN_BACK, None, BillEnd.PAID)
    planned = plan_refund(cart, SUMS, 10)
    assert planned is not None
    assert (planned.seqs, planned.reference) == ((1,), f"cart-refund:{cart.cart_id.hex}:1")
    assert planned.amount == Money(105_833)


def test_the_last_part_that_a_connector_takes_waits_until_every_bill_has_ended() -> None:
    waiting = one_cart(BillEnd.GIVEN_BACK, None, BillEnd.PAID)
    assert plan_refund(waiting, SUMS, 1) is None
    over = ended(waiting, 2, BillEnd.GIVEN_BACK)
    planned = plan_refund(over, SUMS, 1)
    assert planned is not None
    assert planned.seqs == (1, 2)


def test_a_bill_is_planned_once_and_the_parts_of_a_cart_come_to_everything() -> None:
    cart: StoredCart = one_cart(BillEnd.GIVEN_BACK, None, None)
    parts: list[CartRefund] = []
    for seq in (2, 3, 0):
        planned = plan_refund(cart, SUMS, 10)
        assert planned is not None
        parts.append(planned)
        assert plan_refund(replace(cart, refunds=tuple(parts)), SUMS, 10) is None
        cart = ended(replace(cart, refunds=tuple(parts)), seq, BillEnd.GIVEN_BACK)
    assert [part.seqs for part in parts] == [(1,), (2,), (3,)]
    assert sum(part.amount.minor for part in parts) == SUMS.total.minor
    assert len({part.reference for part in parts}) == 3
