from dataclasses import replace
from uuid import UUID

import pytest

from ekpay_switch.domain.collections.connector_calls import (
    Collected,
    CollectOrder,
    ConfirmedCollection,
    MismatchedCollection,
    RefundOrder,
    judge_collected,
)
from ekpay_switch.domain.money import Money

ORDER = CollectOrder(
    payment_id=UUID(int=1),
    connector_id="bank",
    reference="EK-1",
    amount=Money(50_000),
    payer_reference="0171",
    return_url="https://pay.example/return",
)
COLLECTED = Collected("EK-1", Money(50_000), "TRX1")


def test_four_equalities_make_a_collection() -> None:
    assert judge_collected(ORDER, COLLECTED) == ConfirmedCollection(COLLECTED)


@pytest.mark.parametrize(
    ("collected", "why"),
    [
        (replace(COLLECTED, reference="EK-2"), "another reference"),
        (replace(COLLECTED, reference=""), "another reference"),
        (replace(COLLECTED, amount=Money(49_999)), "another amount"),
        (replace(COLLECTED, amount=Money(50_001)), "another amount"),
        (replace(COLLECTED, amount=Money(50_000, "USD")), "another currency"),
        (replace(COLLECTED, provider_transaction=""), "no name of the movement of money"),
    ],
)
def test_whatever_differs_is_for_two_persons(collected: Collected, why: str) -> None:
    assert judge_collected(ORDER, collected) == MismatchedCollection(collected, why)


def test_a_refund_counts_as_heard_until_somebody_knows_better() -> None:
    order = RefundOrder(UUID(int=2), "bank", "R-1", "TR0011", "TRX1", Money(100), Money(50_000), "returned")
    assert order.may_have_been_heard
    assert order.known_refunds == frozenset()
    assert order.provider_refund == ""
