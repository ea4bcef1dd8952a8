"""What a chargeback row does, by what stands already; amounts in paisa."""

import pytest

from ekpay_switch.domain.disputes.chargeback_rows import (
    ChargebackRowOutcome,
    DisputedCollection,
    StandingDispute,
    chargeback_row_outcome,
    dispute_of_row,
)
from ekpay_switch.domain.disputes.dispute import AGAINST_US, OPEN, DisputeState
from ekpay_switch.domain.money import Money


def outcome_of(
    amount: int, *disputes: StandingDispute, charged_back: int = 0, currency: str = "BDT"
) -> tuple[ChargebackRowOutcome, int | None]:
    collection = DisputedCollection(Money(1_000), Money(charged_back), disputes)
    outcome, dispute = chargeback_row_outcome(Money(amount, currency), collection)
    return outcome, None if dispute is None else dispute.id


def test_a_row_of_undisputed_money_opens_a_dispute_of_no_more_than_is_left() -> None:
    assert outcome_of(1_000) == (ChargebackRowOutcome.OPENED, None)
    assert outcome_of(400, charged_back=600) == (ChargebackRowOutcome.OPENED, None)
    assert outcome_of(1_001) == (ChargebackRowOutcome.BEYOND_PAYMENT, None)
    assert outcome_of(401, charged_back=600) == (ChargebackRowOutcome.BEYOND_PAYMENT, None)
    assert outcome_of(1, currency="USD") == (ChargebackRowOutcome.OTHER_CURRENCY, None)


@pytest.mark.parametrize("state", [*OPEN, *AGAINST_US])
def test_a_row_is_the_money_that_a_dispute_of_its_amount_waits_for(state: DisputeState) -> None:
    waiting = StandingDispute(7, 600, state, has_money=False)
    assert outcome_of(600, waiting) == (ChargebackRowOutcome.IS_MONEY_OF_DISPUTE, 7)
    assert outcome_of(400, waiting) == (ChargebackRowOutcome.OPENED, None)
    assert outcome_of(500, waiting) == (ChargebackRowOutcome.BEYOND_PAYMENT, None)
    holding = StandingDispute(7, 600, state, has_money=True)
    assert outcome_of(600, holding, charged_back=600) == (ChargebackRowOutcome.BEYOND_PAYMENT, None)


def test_a_row_after_a_win_is_a_further_round_of_the_newest_one() -> None:
    won = [StandingDispute(number, 600, DisputeState.WON, has_money=False) for number in (7, 8)]
    assert outcome_of(600, *won) == (ChargebackRowOutcome.ROUND_OPENED, 8)
    assert outcome_of(500, *won) == (ChargebackRowOutcome.OPENED, None)
    assert outcome_of(600, *won, charged_back=500) == (ChargebackRowOutcome.BEYOND_PAYMENT, None)
    waiting = StandingDispute(9, 600, DisputeState.NOTIFIED, has_money=False)
    assert outcome_of(600, *won, waiting) == (ChargebackRowOutcome.IS_MONEY_OF_DISPUTE, 9)


def test_what_was_settled_in_another_way_waits_for_nothing() -> None:
    settled = StandingDispute(7, 1_000, DisputeState.SETTLED, has_money=False)
    assert outcome_of(1_000, settled) == (ChargebackRowOutcome.OPENED, None)


@pytest.mark.parametrize("has_money", [False, True])
def test_a_letter_after_a_row_is_about_the_dispute_of_the_row(has_money: bool) -> None:  # noqa: FBT001 - a parameter
    def of_row(amount: int, state: DisputeState, *, is_from_file: bool = True) -> int | None:
        standing = StandingDispute(7, 600, state, has_money, is_from_file)
        collection = DisputedCollection(Money(1_000), Money(600 if has_money else 0), [standing])
        dispute = dispute_of_row(Money(amount), collection)
        return None if dispute is None else dispute.id

    assert of_row(600, DisputeState.REPRESENTED) == of_row(600, DisputeState.LOST) == 7
    assert of_row(400, DisputeState.NOTIFIED) is None
    assert of_row(500, DisputeState.NOTIFIED) is None
    assert of_row(600, DisputeState.NOTIFIED, is_from_file=False) is None
