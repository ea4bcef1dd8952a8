"""The comparison must notice whatever a bug on either side could do to money that a provider collected."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.demo.comparison.biller_books import Comparison
from sandbox.rehearsals.demo.comparison.bkash_books import Collection, OurRefund, OurTry, ShopLine
from sandbox.rehearsals.demo.comparison.provider_books import (
    ProviderBooks,
    ProviderOrder,
    ProviderRefund,
    compare_provider,
    work_items,
)

TRY = OurTry("REF1", "approved", "SESSION1", "TRX1", 10_000, "nagad")
LEFT = OurTry("REF0", "no_page", None, None, None, "nagad")
PAID = Collection("pay_1", "completed", "B1", 10_000, [LEFT, TRY])
ORDER = ProviderOrder(
    "nagad", "REF1", is_paid=True, amount_paisa=10_000, kept_paisa=150, stated_paisa=10_000,
    names=frozenset({"TRX1", "SESSION1"}),
)  # fmt: skip
UNPAID = ProviderOrder("nagad", "REF0", is_paid=False, amount_paisa=10_000, stated_paisa=10_000)
REFUND = OurRefund("R1", "refund", "done", 4_000, "BACK1", "nagad")
BACK = ProviderRefund(4_000, names=frozenset({"BACK1"}))
TOLD = ShopLine("pay_1", "paid", 10_000, 0)


def books(
    ours: Collection = PAID,
    *theirs: ProviderOrder,
    shop: Sequence[ShopLine] | None = None,
    **changes: object,
) -> ProviderBooks:
    """Books whose receivable is what the provider's orders come to, unless it is named."""
    told = [replace(TOLD, refunded_paisa=ours.refunding_paisa)] if shop is None else shop
    there = theirs or (UNPAID, ORDER)
    made = ProviderBooks("nagad", [ours], there, told, sum(one.net_paisa for one in there), 150)
    return replace(made, **changes)  # type: ignore[arg-type]


def faults(compared: ProviderBooks) -> list[str]:
    return [one.problem for one in compare_provider(compared).unexplained]


def given_back(*refunds: OurRefund) -> Collection:
    return replace(PAID, refunds=refunds)


def with_back(*back: ProviderRefund) -> ProviderOrder:
    return replace(ORDER, refunds=back)


def test_books_that_agree_leave_nothing_unexplained() -> None:
    assert compare_provider(books()) == Comparison([], [])
    assert faults(books(given_back(REFUND), UNPAID, with_back(BACK))) == []


# ---- orders


@pytest.mark.parametrize("is_paid", [False, True])
def test_an_order_that_only_the_provider_has_is_noticed(*, is_paid: bool) -> None:
    stray = replace(ORDER, reference="REF9", is_paid=is_paid)
    assert faults(books(PAID, UNPAID, ORDER, stray)) == ["0 times in the switch's books"]


def test_an_order_that_stands_twice_is_noticed() -> None:
    assert "stands there 2 times" in faults(books(PAID, UNPAID, ORDER, ORDER))


def test_money_that_the_provider_never_took_is_noticed() -> None:
    for there in ((UNPAID,), (UNPAID, replace(ORDER, is_paid=False))):
        assert "the payer of try REF1 has paid 0 times at the provider" in faults(books(PAID, *there))


def test_money_that_came_to_nothing_here_is_noticed() -> None:
    paid_too = replace(ORDER, reference="REF0")
    assert faults(books(PAID, paid_too, ORDER)) == [
        "try REF0 brought in nothing, and its payer has paid at the provider"
    ]


def test_another_amount_is_noticed() -> None:
    assert "try REF1: 100.00 taka here, 100.01 there" in faults(
        books(PAID, UNPAID, replace(ORDER, amount_paisa=10_001))
    )


def test_a_movement_of_another_name_is_noticed() -> None:
    assert faults(books(PAID, UNPAID, replace(ORDER, names=frozenset({"TRX2"})))) == [
        "try REF1: the provider calls no movement TRX1"
    ]


def test_a_movement_may_be_named_within_its_order() -> None:
    ours = replace(PAID, tries=[replace(TRY, transaction="REF1/2")])
    assert faults(books(ours, replace(ORDER, names=frozenset({"REF1"})))) == []


def test_tries_by_others_are_for_others_to_judge() -> None:
    ours = replace(PAID, tries=[*PAID.tries, replace(TRY, connector="upay", outcome="never_paid")])
    assert faults(books(ours)) == []


# ---- refunds


def test_a_refund_that_the_provider_does_not_have_is_noticed() -> None:
    assert faults(books(given_back(REFUND))) == ["refund R1 of 40.00 taka is not in the provider's book"]


@pytest.mark.parametrize(
    "back", [replace(BACK, amount_paisa=3_999), replace(BACK, names=frozenset({"OTHER"}))]
)
def test_a_refund_that_differs_is_noticed(back: ProviderRefund) -> None:
    assert faults(books(given_back(REFUND), UNPAID, with_back(back))) == [
        "refund R1 of 40.00 taka is not in the provider's book",
        f"{lakh(back.amount_paisa)} taka went back at the provider without a refund",
    ]


def test_money_that_went_back_without_us_is_noticed() -> None:
    assert faults(books(PAID, UNPAID, with_back(BACK))) == [
        "40.00 taka went back at the provider without a refund"
    ]
    failed = given_back(replace(REFUND, state="failed"))
    assert faults(books(failed, UNPAID, with_back(BACK))) == [
        "40.00 taka went back at the provider without a refund"
    ]


def test_two_refunds_of_one_amount_are_two_movements() -> None:
    twice = given_back(REFUND, replace(REFUND, refund_id="R2"))
    assert faults(books(twice, UNPAID, with_back(BACK, BACK))) == []
    assert faults(books(twice, UNPAID, with_back(BACK))) == [
        "refund R2 of 40.00 taka is not in the provider's book"
    ]


def test_a_refund_in_work_over_there_is_none_yet() -> None:
    failed = given_back(replace(REFUND, state="failed"))
    assert faults(books(failed, UNPAID, with_back(replace(BACK, is_done=False)))) == []


@pytest.mark.parametrize("state", ["asked", "approved", "sent", "in_doubt"])
def test_a_refund_that_is_still_open_is_never_explained(state: str) -> None:
    assert faults(books(given_back(replace(REFUND, state=state)))) == [f"refund R1 is still open ({state})"]


def test_what_our_bank_has_paid_is_in_no_book_of_the_providers() -> None:
    by_hand = replace(REFUND, kind="give_back", amount_paisa=10_000, is_by_hand=True)
    ours, told = replace(given_back(by_hand), state="refunded"), replace(TOLD, status="refunded")
    assert faults(books(ours, shop=[replace(told, refunded_paisa=10_000)])) == []


# ---- what is owed and given back by nobody


OWED = OurRefund("R1", "give_back", "by_hand", 10_000, None, "nagad")
REFUNDING = [ShopLine("pay_1", "refund_pending", 10_000, 10_000)]


def test_what_finance_has_to_give_back_is_explained_and_counted() -> None:
    owed = replace(given_back(OWED), state="refunding")
    assert faults(books(owed, shop=REFUNDING)) == []
    assert work_items([owed, PAID]) == 1


@pytest.mark.parametrize("change", [{"state": "approved"}, {"amount_paisa": 9_999}, {"kind": "refund"}])
def test_a_payment_that_is_still_being_given_back_is_never_explained(change: dict[str, object]) -> None:
    open_ = replace(given_back(replace(OWED, **change)), state="refunding")  # type: ignore[arg-type]
    assert "refunding, and the demo is over" in faults(books(open_, shop=REFUNDING))


LATE = replace(PAID, state="declined", tries=[LEFT, replace(TRY, outcome="second_success")])
FAILED = [replace(TOLD, status="failed")]
UNEXPECTED = OurRefund("R1", "unexpected", "done", 10_000, "BACK1", "nagad")


def test_money_that_came_too_late_goes_back() -> None:
    back = with_back(replace(BACK, amount_paisa=10_000))
    assert faults(books(replace(LATE, refunds=[UNEXPECTED]), UNPAID, back, shop=FAILED)) == []
    owed = replace(UNEXPECTED, state="by_hand", transaction=None)
    assert faults(books(replace(LATE, refunds=[owed]), shop=FAILED)) == []


def test_money_that_came_too_late_and_is_kept_is_noticed() -> None:
    assert faults(books(LATE, shop=FAILED)) == ["100.00 taka came unexpected, and 0 go back"]
    failed = replace(UNEXPECTED, state="failed", transaction=None)
    assert faults(books(replace(LATE, refunds=[failed]), shop=FAILED)) == [
        "100.00 taka came unexpected, and 0 go back"
    ]


# ---- payments and money


@pytest.mark.parametrize("state", ["created", "collecting", "funded", "delivering"])
def test_an_open_payment_is_never_explained(state: str) -> None:
    told = [replace(TOLD, status="pending")]
    assert faults(books(replace(PAID, state=state), shop=told)) == [f"{state}, and the demo is over"]


@pytest.mark.parametrize("state", ["declined", "expired"])
def test_a_failed_payment_that_was_paid_is_noticed(state: str) -> None:
    assert faults(books(replace(PAID, state=state), shop=FAILED)) == [f"{state}, and it was paid"]


@pytest.mark.parametrize("receivable", [9_849, 9_851, 0])
def test_a_receivable_that_is_not_the_providers_own_book_is_noticed(receivable: int) -> None:
    assert faults(books(receivable_paisa=receivable)) == [
        f"{lakh(receivable)} taka stand there, 98.50 are right by the provider's book"
    ]


def test_a_fee_that_comes_back_with_the_money_is_owed_to_us() -> None:
    back = replace(BACK, returned_fee_paisa=60)
    assert with_back(back).net_paisa == 10_000 - 150 - 4_000 + 60


def test_messages_that_were_not_taken_are_noticed() -> None:
    assert faults(books(undelivered=2)) == ["2 were not taken"]


def test_a_shop_that_was_told_something_else_is_noticed() -> None:
    assert faults(books(shop=[replace(TOLD, total_paisa=1)])) == ["total 100.00 here, 0.01 there"]
    assert faults(books(tokens={"B1": "1" * 20})) == ["holds other token lines than were made"]


# ---- a provider that contradicts itself

PENDING = [replace(TOLD, status="pending")]
DISAGREED = replace(TRY, outcome="disagreed", collected_paisa=10_100)


def test_a_review_is_explained_by_a_provider_that_tells_another_amount() -> None:
    ours = replace(PAID, state="in_review", tries=[DISAGREED])
    there = replace(ORDER, stated_paisa=10_100)
    # 10,100 of which 152 are kept stand in our ledger, 10,000 of which 150 are kept moved.
    compared = compare_provider(books(ours, there, shop=PENDING, receivable_paisa=10_100 - 152))
    assert compared.unexplained == []
    assert [one.problem for one in compared.contradictions] == [
        "nagad has moved 100.00 taka and says 101.00 when it is asked"
    ]


def test_a_review_is_explained_by_a_provider_that_tells_another_currency() -> None:
    ours = replace(PAID, state="in_review", tries=[replace(DISAGREED, collected_paisa=None)])
    there = replace(ORDER, stated_currency="USD")
    compared = compare_provider(books(ours, there, shop=PENDING, receivable_paisa=0))
    assert compared.unexplained == []
    assert [one.problem for one in compared.contradictions] == [
        "nagad has moved 100.00 taka and says USD when it is asked"
    ]


@pytest.mark.parametrize(
    "there",
    [
        ORDER,
        replace(ORDER, is_paid=False, stated_paisa=10_100),
        replace(ORDER, stated_paisa=10_200),
        replace(ORDER, reference="REF9", stated_paisa=10_100),
        replace(ORDER, stated_paisa=10_100, refunds=[BACK]),
    ],
)
def test_a_review_without_that_contradiction_is_not_explained(there: ProviderOrder) -> None:
    ours = replace(PAID, state="in_review", tries=[DISAGREED])
    compared = compare_provider(books(ours, there, shop=PENDING))
    assert compared.contradictions == []
    said = [one.problem for one in compared.unexplained]
    assert "in_review".replace("_", " ") + ", and the provider's book shows no contradiction" in said


# ---- any day


@st.composite
def days(draw: st.DrawFn) -> ProviderBooks:
    """The books of a day that agree: payments of any amount, some with refunds, some that failed."""
    ours, theirs, shop = [], [], []
    for number in range(draw(st.integers(1, 4))):
        name, amount = f"REF{number}", draw(st.integers(100, 10**7))
        is_paid = draw(st.booleans())
        parts = draw(st.lists(st.integers(1, amount // 4 or 1), max_size=3)) if is_paid else []
        brought = amount if is_paid else None
        one = OurTry(name, "approved" if is_paid else "never_paid", name, f"T{name}", brought, "nagad")
        refunds = [
            OurRefund(f"{name}-{nth}", "refund", "done", part, f"B{name}-{nth}", "nagad")
            for nth, part in enumerate(parts)
        ]
        state = "completed" if is_paid else "declined"
        ours.append(Collection(f"pay_{name}", state, name, amount, [one], refunds))
        back = [ProviderRefund(one.amount_paisa, names=frozenset({one.transaction or ""})) for one in refunds]
        kept = draw(st.integers(0, 99))
        names = frozenset({f"T{name}"})
        theirs.append(ProviderOrder("nagad", name, is_paid, amount, kept, amount, names=names, refunds=back))
        told = "paid" if is_paid else "failed"
        shop.append(ShopLine(f"pay_{name}", told, amount, sum(parts)))
    return ProviderBooks("nagad", ours, theirs, shop, sum(one.net_paisa for one in theirs), 150)


@given(days())
def test_a_day_of_books_that_agree_is_explained(day: ProviderBooks) -> None:
    assert compare_provider(day) == Comparison([], [])


@given(days(), st.data())
def test_one_thing_that_is_wrong_in_the_providers_book_is_always_noticed(
    day: ProviderBooks, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(day.theirs) - 1))
    order = day.theirs[place]
    wrong = [replace(order, is_paid=not order.is_paid), replace(order, reference="STRANGER")]
    if order.is_paid:
        wrong.append(replace(order, amount_paisa=order.amount_paisa + 1))
        wrong.append(replace(order, kept_paisa=order.kept_paisa + 1))
        wrong.append(replace(order, refunds=[*order.refunds, ProviderRefund(1)]))
    if order.refunds:
        wrong.append(replace(order, refunds=order.refunds[1:]))
        one = replace(order.refunds[0], amount_paisa=order.refunds[0].amount_paisa + 1)
        wrong.append(replace(order, refunds=[one, *order.refunds[1:]]))
    changed = data.draw(st.sampled_from(wrong))
    theirs = [*day.theirs[:place], changed, *day.theirs[place + 1 :]]
    assert compare_provider(replace(day, theirs=theirs)).unexplained
