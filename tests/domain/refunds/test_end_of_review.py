"""What giving back money that disagreed means for its payment."""

import pytest

from ekpay_switch.domain.notifications import NOTICES
from ekpay_switch.domain.payment import FINAL, State, walk
from ekpay_switch.domain.refunds.end_of_review import ReviewEnd, end_of_review
from ekpay_switch.domain.refunds.refund import RefundKind


def test_a_payment_that_waited_for_the_money_ends_with_it() -> None:
    end = end_of_review(State.IN_REVIEW, State.COLLECTING, is_its_reason=True)
    assert end.kind is RefundKind.GIVE_BACK
    assert [step[2] for step in walk(State.IN_REVIEW, end.payment_events)] == [State.REFUNDING]
    assert end.notice == ""


@pytest.mark.parametrize("final", sorted(FINAL))
def test_a_payment_that_was_final_before_is_so_again_and_its_partner_is_told(final: State) -> None:
    end = end_of_review(State.IN_REVIEW, final, is_its_reason=True)
    assert end.kind is RefundKind.UNEXPECTED
    assert [step[2] for step in walk(State.IN_REVIEW, end.payment_events)] == [final]
    assert NOTICES[end.notice].state is final


@pytest.mark.parametrize("state", sorted(set(State) - {State.IN_REVIEW}))
def test_a_payment_that_is_not_in_review_goes_on(state: State) -> None:
    assert end_of_review(state, State.COLLECTING, is_its_reason=True) == ReviewEnd(RefundKind.UNEXPECTED)


@pytest.mark.parametrize("before", [State.COLLECTING, State.DELIVERING, *sorted(FINAL)])
def test_a_review_with_another_reason_is_not_ended(before: State) -> None:
    end = end_of_review(State.IN_REVIEW, before, is_its_reason=False)
    assert end == ReviewEnd(RefundKind.UNEXPECTED)
