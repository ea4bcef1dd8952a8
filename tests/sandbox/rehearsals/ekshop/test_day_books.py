"""The comparison of the two books: right ones agree, and each thing that can differ is found."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rehearsals.ekshop.day.books import (
    ShopPayment,
    SwitchPayment,
    SwitchShare,
    compare,
    largest_remainder_parts,
    repeated_ipns,
)

SHOP = ShopPayment("T1", "paid", 1_000, {"doi": 600, "": 400}, [("m1", "1020")], 0, 0, 1, 0)
SWITCH = SwitchPayment(
    trnx_id="T1",
    state="completed",
    amount_paisa=1_000,
    shares={"doi": SwitchShare(600, 0, 600), "": SwitchShare(400, 0, 400)},
    refunded_paisa=0,
    unbalanced_paisa=0,
    notices={"delivered": 1},
)
NOT_CREDITED = {"doi": SwitchShare(600, 0, 0), "": SwitchShare(400, 0, 0)}


def unpaid(standing: str, code: str, state: str) -> tuple[ShopPayment, SwitchPayment]:
    shop = replace(SHOP, standing=standing, ipns=[("m1", code)], handed_out=0)
    return shop, replace(SWITCH, state=state, shares=NOT_CREDITED)


def test_books_that_agree_have_no_difference() -> None:
    assert compare([SHOP], [SWITCH]) == []
    for standing, code, state in (
        ("failed", "1021", "declined"), ("failed", "1021", "expired"), ("cancelled", "1022", "declined"),
    ):  # fmt: skip
        shop, switch = unpaid(standing, code, state)
        assert compare([shop], [switch]) == []
    waiting = replace(SHOP, standing="waiting", ipns=[], handed_out=0)
    opened = replace(SWITCH, state="created", shares=NOT_CREDITED, notices={})
    assert compare([waiting], [opened]) == []


def test_refunds_unwind_in_the_shares_of_the_payment() -> None:
    # 333 of 1,000 paisa: 199.8 and 133.2, so the first gives one paisa more than its whole part.
    shares = {"doi": SwitchShare(600, 200, 400), "": SwitchShare(400, 133, 267)}
    assert compare([SHOP], [replace(SWITCH, shares=shares, refunded_paisa=333)]) == []
    wrong = {"doi": SwitchShare(600, 199, 401), "": SwitchShare(400, 134, 266)}
    found = compare([SHOP], [replace(SWITCH, shares=wrong, refunded_paisa=333)])
    assert [one.problem for one in found] == [
        "doi gave 199 paisa back, and its part is 200",
        "doi was credited 401 paisa, not 400",
        "the shop gave 134 paisa back, and its part is 133",
        "the shop was credited 266 paisa, not 267",
    ]


@pytest.mark.parametrize(
    ("shop", "switch", "what"),
    [
        (replace(SHOP, standing="waiting"), SWITCH, "it is waiting in the shop and completed in the switch"),
        (SHOP, replace(SWITCH, state="expired"), "it is paid in the shop and expired in the switch"),
        (
            replace(SHOP, amount_paisa=999),
            SWITCH,
            "its amount is 999 paisa in the shop and 1000 in the switch",
        ),
        (SHOP, replace(SWITCH, unbalanced_paisa=1), "its postings sum to 1 paisa"),
        (replace(SHOP, contradictions=1), SWITCH, "the shop was told otherwise 1 times"),
        (replace(SHOP, handed_out=2), SWITCH, "goods were handed out 2 times"),
        (replace(SHOP, forged=1), SWITCH, "1 IPNs were not rightly signed"),
        (replace(SHOP, unconfirmed=1), SWITCH, "1 IPNs came before a status call said the same"),
        (replace(SHOP, ipns=[]), SWITCH, "it is completed, and 0 IPNs were taken: []"),
        (
            replace(SHOP, ipns=[*SHOP.ipns, *SHOP.ipns]),
            SWITCH,
            "it is completed, and 2 IPNs were taken: ['1020', '1020']",
        ),
        (replace(SHOP, ipns=[("m1", "1022")]), SWITCH, "it is completed, and its IPN said 1022"),
        (SHOP, replace(SWITCH, notices={"waiting": 1}), "its IPNs are {'waiting': 1} in the switch"),
        (replace(SHOP, shares={"": 1_000}), SWITCH, "its shares are {'': 1000} in the shop"),
        (SHOP, replace(SWITCH, shares=NOT_CREDITED), "doi was credited 0 paisa, not 600"),
    ],
)
def test_each_difference_is_found(shop: ShopPayment, switch: SwitchPayment, what: str) -> None:
    assert any(one.subject == "T1" and what in one.problem for one in compare([shop], [switch]))


def test_a_payment_that_only_one_side_knows_is_found() -> None:
    assert [one.problem for one in compare([SHOP], [])] == ["the switch does not know it"]
    assert [one.problem for one in compare([], [SWITCH])] == ["the shop does not know it"]


def test_a_shop_that_believes_returns_may_know_nothing_of_who_never_came_back_and_nothing_wrong() -> None:
    blind = replace(SHOP, standing="waiting", handed_out=0, is_blind=True)
    assert compare([blind], [SWITCH]) == []
    for_nothing = replace(SHOP, ipns=[], is_blind=False)
    opened = replace(SWITCH, state="created", shares=NOT_CREDITED, notices={})
    assert [one.problem for one in compare([for_nothing], [opened])] == [
        "it is paid in the shop and created in the switch"
    ]


def test_a_message_that_is_taken_twice_is_found_wherever_it_went() -> None:
    other = replace(SHOP, trnx_id="T2")
    assert [(one.subject, one.problem) for one in repeated_ipns([SHOP, other])] == [("m1", "taken 2 times")]
    assert repeated_ipns([SHOP]) == []


@given(st.data(), st.lists(st.integers(1, 10**9), min_size=1, max_size=8))
def test_parts_sum_to_the_amount_and_none_is_off_by_a_whole_paisa(
    data: st.DataObject, weights: list[int]
) -> None:
    amount = data.draw(st.integers(0, sum(weights)))
    parts = largest_remainder_parts(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(amount * weight, sum(weights))) < 1
        assert 0 <= part <= weight
