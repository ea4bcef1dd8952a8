from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.burden import UNNAMED
from ekpay_switch.domain.refunds.chargebacks import divide_chargeback, payee_remaining, refuse_chargeback
from ekpay_switch.domain.refunds.new_refund import Refundable, RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundKind
from tests.domain.refunds.test_refund import ASKED, CONSENTED, NOON, OUR_LOSS, SEEN, a_split

TAKEN = replace(ASKED, kind=RefundKind.CHARGEBACK)
WHOLE = replace(TAKEN, amount=Money(102_075))
NOT_PAID = [state for state in State if state is not State.COMPLETED]


@pytest.mark.parametrize(
    ("seen", "refusal"),
    [
        (SEEN, None),
        (replace(SEEN, parts=10, now=NOON + timedelta(days=400)), None),
        (replace(SEEN, refunded=Money(100_000)), None),
        (replace(SEEN, charged_back=Money(1)), RefundRefusal.EXCEEDS_REMAINING),
        (replace(SEEN, collected=None), RefundRefusal.NOT_REFUNDABLE),
        (replace(SEEN, collected=Money(102_075, "USD")), RefundRefusal.OTHER_CURRENCY),
        (replace(SEEN, split=a_split(0)), None),
        *((replace(SEEN, payment_state=state), None) for state in NOT_PAID),
    ],
)
def test_all_that_was_collected_may_be_charged_back_in_any_state(
    seen: Refundable, refusal: RefundRefusal | None
) -> None:
    assert refuse_chargeback(WHOLE, seen) is refusal


def test_more_than_was_collected_was_never_taken() -> None:
    too_much = replace(WHOLE, amount=Money(102_076))
    assert refuse_chargeback(too_much, SEEN) is RefundRefusal.EXCEEDS_REMAINING


def test_who_bears_it_is_said_only_where_a_payee_gives_something() -> None:
    final = replace(TAKEN, burden=UNNAMED)
    assert refuse_chargeback(final, SEEN) is RefundRefusal.FINAL
    for seen in (replace(SEEN, refunded=Money(100_000)), replace(SEEN, payment_state=State.REFUNDED)):
        assert refuse_chargeback(final, seen) is None
    assert refuse_chargeback(final, replace(SEEN, split=a_split(0))) is None
    for burden in (OUR_LOSS, CONSENTED):
        named = replace(final, burden=burden)
        assert refuse_chargeback(named, SEEN) is None
        assert divide_chargeback(named, SEEN).burden is burden
        assert divide_chargeback(named, replace(SEEN, payment_state=State.REFUNDED)).burden is UNNAMED


@pytest.mark.parametrize(
    ("seen", "from_suspense"),
    [
        (SEEN, 2_075),
        (replace(SEEN, refunded=Money(40_000)), 42_075),
        (replace(SEEN, refunded=Money(100_000)), 102_075),
        (replace(SEEN, is_funding=False), 102_075),
        *((replace(SEEN, payment_state=state), 102_075) for state in NOT_PAID),
    ],
)
def test_what_the_payee_cannot_give_comes_from_suspense(seen: Refundable, from_suspense: int) -> None:
    assert divide_chargeback(WHOLE, seen).from_suspense == Money(from_suspense)


@given(amounts=st.lists(st.integers(1, 60_000), max_size=12), refunded=st.integers(0, 100_000))
def test_chargebacks_never_exceed_what_was_collected_nor_their_payee_what_it_has(
    amounts: list[int], refunded: int
) -> None:
    seen = replace(SEEN, refunded=Money(refunded))
    for amount in amounts:
        new = replace(TAKEN, amount=Money(amount))
        if refuse_chargeback(new, seen) is None:
            new = divide_chargeback(new, seen)
            given_by_payee = new.amount - new.from_suspense
            assert ZERO <= new.from_suspense <= new.amount
            assert given_by_payee <= payee_remaining(seen)
            seen = replace(
                seen, charged_back=seen.charged_back + new.amount, refunded=seen.refunded + given_by_payee
            )
    assert seen.collected is not None
    assert seen.charged_back <= seen.collected
    assert seen.refunded <= seen.amount_max
