"""Which later answer of a connector contradicts what two persons decided about held money."""

import pytest

from ekpay_switch.domain.collections.connector_calls import Collected, MismatchedCollection
from ekpay_switch.domain.collections.funding import (
    MoneyCollected,
    NothingCollected,
    StillOpen,
    TryEnd,
    TryFinding,
)
from ekpay_switch.domain.collections.held_decisions import HeldDecision, contradicts
from ekpay_switch.domain.money import Money

FAILED = NothingCollected(TryEnd.DECLINED, "refused for its risk")
RELEASED = MoneyCollected(MismatchedCollection(Collected("R1", Money(100), "TRX1", {}), "for this test"), 150)
OPEN = StillOpen(180.0, "the payer has not agreed yet")


@pytest.mark.parametrize(
    ("decision", "contrary"),
    [
        (HeldDecision.ACCEPTED, [FAILED]),
        (HeldDecision.REFUSED, [FAILED, RELEASED]),
        (HeldDecision.LET_GO, []),
    ],
)
def test_what_contradicts_a_decision(decision: HeldDecision, contrary: list[TryFinding]) -> None:
    assert [finding for finding in (FAILED, RELEASED, OPEN) if contradicts(decision, finding)] == contrary
