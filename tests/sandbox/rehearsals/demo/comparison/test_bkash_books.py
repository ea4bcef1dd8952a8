"""The comparison must notice whatever a bug on either side could do to money that came from a wallet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.demo.comparison.biller_books import Comparison
from sandbox.rehearsals.demo.comparison.bkash_books import (
    Collection,
    OurRefund,
    OurTry,
    ShopLine,
    WalletBooks,
    WalletMovement,
    compare_wallet,
)

TRY = OurTry("INV1", "approved", "TR1", "TRX1", 10_000)
LEFT = OurTry("INV0", "lapsed", "TR0")
PAID = Collection("pay_1", "completed", "B1", 10_000, [LEFT, TRY])
MOVED = WalletMovement("TRX1", "TR1", "INV1", 10_000, 150, stated_paisa=10_000)
REFUND = OurRefund("rfd_1", "refund", "done", 4_000, "RTRX1")
MOVED_BACK = WalletMovement("RTRX1", "TR1", "INV1", 4_000, refund_of="TRX1", stated_paisa=4_000)
TOLD = ShopLine("pay_1", "paid", 10_000, 0)
NO_TOKENS: Mapping[str, str] = {}


def books(
    ours: Collection = PAID,
    *theirs: WalletMovement,
    receivable: int | None = None,
    shop: Sequence[ShopLine] | None = None,
    tokens: Mapping[str, str] = NO_TOKENS,
) -> WalletBooks:
    there = theirs or (MOVED,)
    right = sum(-one.amount_paisa if one.refund_of else one.amount_paisa - one.fee_paisa for one in there)
    told = [replace(TOLD, refunded_paisa=ours.refunding_paisa)] if shop is None else shop
    return WalletBooks([ours], there, told, right if receivable is None else receivable, 150, tokens)


def faults(compared: WalletBooks) -> list[str]:
    return [one.problem for one in compare_wallet(compared).unexplained]


def with_refund(moved_back: WalletMovement = MOVED_BACK) -> WalletBooks:
    return books(replace(PAID, refunds=[REFUND]), MOVED, moved_back)


def given_back(*refunds: OurRefund) -> Collection:
    return replace(PAID, state="refunded", refunds=refunds)


def test_books_that_agree_leave_nothing_unexplained() -> None:
    assert compare_wallet(books()) == Comparison([], [])
    assert faults(with_refund()) == []


def test_money_given_back_whole_agrees() -> None:
    back = replace(REFUND, kind="give_back", amount_paisa=10_000)
    moved = replace(MOVED_BACK, amount_paisa=10_000)
    told = [ShopLine("pay_1", "refunded", 10_000, 10_000)]
    assert faults(books(given_back(back), MOVED, moved, shop=told)) == []
    part = replace(back, amount_paisa=9_850)
    told = [ShopLine("pay_1", "refunded", 10_000, 9_850)]
    assert faults(books(given_back(part), MOVED, replace(moved, amount_paisa=9_850), shop=told)) == [
        "refunded, and 98.50 of 100.00 taka are back"
    ]


def test_money_that_moved_without_us_is_noticed() -> None:
    stray = replace(MOVED, transaction="TRX9", invoice="INV9")
    assert faults(books(PAID, MOVED, stray)) == ["0 times in the switch's books"]
    back = replace(MOVED_BACK, transaction="RTRX9")
    assert faults(books(PAID, MOVED, back)) == ["0 times in the switch's books"]


def test_money_that_we_say_came_and_did_not_is_noticed() -> None:
    nothing = WalletBooks([PAID], [], [TOLD], 0, 150)
    assert faults(nothing) == ["the money of try INV1 moved 0 times at the wallet"]
    assert faults(books(replace(PAID, refunds=[REFUND]))) == ["refund rfd_1 moved 0 times at the wallet"]


def test_a_movement_that_stands_twice_is_noticed_on_either_side() -> None:
    assert "stands there 2 times" in faults(books(PAID, MOVED, MOVED))
    second = replace(PAID, payment_id="pay_2")
    twice = replace(books(), ours=[PAID, second])
    assert faults(twice) == ["2 times in the switch's books"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"amount_paisa": 10_001, "stated_paisa": 10_001}, "amount 100.00 here, 100.01 there"),
        ({"payment": "TR2"}, "payment TR1 here, TR2 there"),
        ({"invoice": "INV2"}, "invoice INV1 here, INV2 there"),
        ({"refund_of": "TRX0"}, "refund of None here, TRX0 there"),
    ],
)
def test_a_collection_that_differs_is_noticed(changes: dict[str, object], said: str) -> None:
    assert faults(books(PAID, replace(MOVED, **changes))) == [said]  # type: ignore[arg-type]


def test_a_refund_that_differs_is_noticed() -> None:
    assert faults(with_refund(replace(MOVED_BACK, amount_paisa=4_001))) == ["refund 40.00 here, 40.01 there"]
    assert faults(with_refund(replace(MOVED_BACK, refund_of="TRX2"))) == [
        "refund rfd_1 is of another payment at the wallet"
    ]


def test_a_refund_that_is_still_open_is_never_explained() -> None:
    waiting = replace(REFUND, state="in_doubt", transaction=None)
    assert faults(books(replace(PAID, refunds=[waiting]))) == ["refund rfd_1 is still open (in_doubt)"]
    by_hand = replace(REFUND, state="by_hand", transaction=None)
    assert faults(books(replace(PAID, refunds=[by_hand]))) == ["refund rfd_1 is still open (by_hand)"]
    refused = replace(REFUND, state="failed", transaction=None)
    assert faults(books(replace(PAID, refunds=[refused]))) == []


def test_a_try_that_came_to_nothing_although_the_wallet_took_money_is_noticed() -> None:
    also = WalletMovement("TRX2", "TR0", "INV0", 10_000, 150, stated_paisa=10_000)
    assert "try INV0 brought in nothing, and the wallet moved money" in faults(books(PAID, MOVED, also))


def unpaid(state: str) -> Collection:
    return replace(PAID, state=state, tries=[LEFT])


@pytest.mark.parametrize("state", ["declined", "expired"])
def test_a_failed_payment_that_was_paid_is_noticed(state: str) -> None:
    told = [replace(TOLD, status="failed")]
    nothing = WalletBooks([unpaid(state)], [], told, 0, 150)
    assert faults(nothing) == []
    assert faults(books(replace(PAID, state=state), shop=told)) == [f"{state}, and it was paid"]


def test_a_completed_payment_that_collected_another_amount_is_noticed() -> None:
    other = replace(PAID, total_paisa=10_001)
    told = [replace(TOLD, total_paisa=10_001)]
    assert faults(books(other, shop=told)) == ["completed, and collected 100.00 of 100.01 taka"]


@pytest.mark.parametrize("state", ["created", "collecting", "funded", "delivering", "refunding"])
def test_an_open_payment_is_never_explained(state: str) -> None:
    told = [replace(TOLD, status="refund_pending" if state == "refunding" else "pending")]
    assert faults(books(replace(PAID, state=state), shop=told)) == [f"{state}, and the demo is over"]


TOLD_MORE = replace(MOVED, stated_paisa=10_100)
DISAGREED = replace(
    PAID, state="in_review", tries=[replace(TRY, outcome="disagreed", collected_paisa=10_100)]
)
PENDING = [replace(TOLD, status="pending")]
# 10,100 of which 152 are kept, in place of 10,000 less 150.
AHEAD_PAISA = 9_948


def test_a_review_is_explained_only_by_a_wallet_that_contradicts_itself() -> None:
    compared = compare_wallet(books(DISAGREED, TOLD_MORE, receivable=AHEAD_PAISA, shop=PENDING))
    assert compared.unexplained == []
    assert [one.problem for one in compared.contradictions] == [
        "the wallet has moved 100.00 taka and says 101.00 when it is asked"
    ]
    plain = replace(DISAGREED, tries=[TRY])
    assert faults(books(plain, shop=PENDING)) == ["in review, and the provider's book shows no contradiction"]
    other = replace(DISAGREED, tries=[replace(DISAGREED.tries[0], collected_paisa=10_200)])
    assert len(faults(books(other, TOLD_MORE, receivable=AHEAD_PAISA, shop=PENDING))) >= 2


@pytest.mark.parametrize("receivable", [9_849, 9_851, 0])
def test_a_receivable_that_is_not_the_wallets_own_book_is_noticed(receivable: int) -> None:
    assert faults(books(receivable=receivable)) == [
        f"{lakh(receivable)} taka stand there, 98.50 are right by the wallet's book"
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "pending"}, "status paid here, pending there"),
        ({"status": "failed"}, "status paid here, failed there"),
        ({"total_paisa": 9_999}, "total 100.00 here, 99.99 there"),
        ({"refunded_paisa": 1}, "refunded 0.00 here, 0.01 there"),
        ({"token": "1" * 20}, "holds other token lines than were made"),
    ],
)
def test_a_shop_that_was_told_something_else_is_noticed(changes: dict[str, object], said: str) -> None:
    assert faults(books(shop=[replace(TOLD, **changes)])) == [said]  # type: ignore[arg-type]


def test_a_shop_holds_the_lines_that_the_biller_made() -> None:
    token = "1" * 20 + "," + "2" * 20
    assert faults(books(shop=[replace(TOLD, token=token)], tokens={"B1": token})) == []
    assert faults(books(tokens={"B1": token})) == ["holds other token lines than were made"]


def test_a_payment_that_only_the_shop_knows_is_noticed() -> None:
    assert faults(books(shop=[TOLD, replace(TOLD, payment_id="pay_9")])) == ["is not in the switch's books"]
