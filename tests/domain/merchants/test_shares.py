from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.merchants.shares import Split, Stake, apportion
from ekpay_switch.domain.money import Money

MERCHANT = "merchant:ekshop"
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=50).filter(any)
AMOUNTS = st.lists(st.integers(1, 10**9), min_size=1, max_size=50)


def a_split(*amounts: int, refunded: tuple[int, ...] = (), room: int = 10**12, ours: int = 0) -> Split:
    """Shares of these amounts, of which the last few are charges."""
    given_back = refunded or (0,) * len(amounts)
    stakes = tuple(
        Stake(f"payable:{MERCHANT}:{place}", Money(amount), Money(back), is_ours=place >= len(amounts) - ours)
        for place, (amount, back) in enumerate(zip(amounts, given_back, strict=True))
    )
    return Split(MERCHANT, stakes, Money(room), Money(10**12))


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (0, [1, 1], (0, 0)),
        (1, [1, 1], (1, 0)),  # of equal rests the earlier one
        (1, [1, 2], (0, 1)),
        (100, [1, 1, 1], (34, 33, 33)),
        (101, [1, 1, 1], (34, 34, 33)),
        (50, [60, 0, 40], (30, 0, 20)),
        (7, [3, 3, 1], (3, 3, 1)),
        (5, [70, 20, 10], (4, 1, 0)),  # 3.5, 1.0 and 0.5: the first of two equal rests
    ],
)
def test_an_amount_is_divided_by_largest_remainders(
    amount: int, weights: list[int], parts: tuple[int, ...]
) -> None:
    assert apportion(amount, weights) == parts


def test_a_part_may_shrink_by_a_paisa_while_the_sum_grows() -> None:
    weights = [6, 6, 2]
    assert apportion(10, weights) == (4, 4, 2)
    assert apportion(11, weights) == (5, 5, 1)


@given(weights=WEIGHTS, amount=st.integers(0, 10**10))
def test_parts_sum_to_the_amount_and_are_off_their_proportion_by_less_than_one(
    weights: list[int], amount: int
) -> None:
    parts = apportion(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(amount * weight, sum(weights))) < 1


@given(weights=WEIGHTS, data=st.data())
def test_no_part_is_more_than_its_weight_and_the_whole_is_every_weight(
    weights: list[int], data: st.DataObject
) -> None:
    amount = data.draw(st.integers(0, sum(weights)))
    assert all(0 <= part <= weight for part, weight in zip(apportion(amount, weights), weights, strict=True))
    assert apportion(sum(weights), weights) == tuple(weights)


@given(amounts=AMOUNTS, data=st.data())
def test_refunds_in_any_order_of_any_size_end_with_the_same_parts(
    amounts: list[int], data: st.DataObject
) -> None:
    """What has gone back depends on how much went back in all, whether in one refund or in many."""
    refunded, moved = [0] * len(amounts), 0
    for change in data.draw(st.lists(st.integers(1, 10**9), max_size=6)):
        if moved + change > sum(amounts):
            continue
        split = a_split(*amounts, refunded=tuple(refunded))
        parts = [part.minor for part in split.stake_changes(Money(change))]
        assert sum(parts) == change
        refunded = [before + part for before, part in zip(refunded, parts, strict=True)]
        moved += change
        assert tuple(refunded) == apportion(moved, amounts)


@given(amounts=AMOUNTS, data=st.data())
def test_a_refund_that_failed_leaves_no_trace(amounts: list[int], data: st.DataObject) -> None:
    before = data.draw(st.integers(0, sum(amounts) - 1))
    change = data.draw(st.integers(1, sum(amounts) - before))
    taken = apportion(before + change, amounts)
    back = a_split(*amounts, refunded=taken).stake_changes(Money(-change))
    assert [t + b.minor for t, b in zip(taken, back, strict=True)] == [*apportion(before, amounts)]


def test_the_most_that_goes_back_is_what_was_credited_with_the_charges_that_return() -> None:
    assert a_split(600, 400).amount == Money(1_000)
    assert a_split(600, 400, 15, 5, 1, ours=3).amount == Money(1_021)


def test_only_what_payees_give_counts_against_the_debt_limit() -> None:
    split = a_split(600, 300, 100, ours=1, room=450)
    assert split.payee_reduction(Money(500)) == Money(450)
    assert split.covers(Money(500))
    assert not split.covers(Money(502))
