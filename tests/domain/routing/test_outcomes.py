import pytest

from ekpay_switch.domain.collections.connector_calls import (
    Collected,
    ConfirmedCollection,
    MismatchedCollection,
    PageCreated,
)
from ekpay_switch.domain.collections.funding import (
    MoneyCollected,
    NothingCollected,
    PageOpened,
    StillOpen,
    TryEnd,
    TryFinding,
)
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import RouteOutcome
from ekpay_switch.domain.routing.outcomes import may_try_another_connector, outcome_of

CAME = Collected("A1", Money(100), "TRX1")


@pytest.mark.parametrize(
    ("finding", "outcome"),
    [
        (PageOpened(PageCreated("P1", "https://page.example"), 180.0, 1_800.0), RouteOutcome.PAGE),
        (MoneyCollected(ConfirmedCollection(CAME), 150), RouteOutcome.COLLECTED),
        (MoneyCollected(MismatchedCollection(CAME, "another amount"), 150), RouteOutcome.IN_DOUBT),
        (MoneyHeld(CAME, 150, 3_600.0, "held for its risk"), None),
        (NothingCollected(TryEnd.DECLINED, "not_allowed", is_technical=True), RouteOutcome.DECLINED),
        (NothingCollected(TryEnd.DECLINED, "insufficient_balance"), RouteOutcome.REFUSED),
        (NothingCollected(TryEnd.UNREACHED, "connect refused"), RouteOutcome.UNREACHED),
        (NothingCollected(TryEnd.NO_PAGE, "cut off"), RouteOutcome.NO_PAGE),
        (NothingCollected(TryEnd.NO_PAGE, "no page was told", is_our_own=True), None),
        (NothingCollected(TryEnd.NEVER_PAID, "cancelled by the payer"), None),
        (NothingCollected(TryEnd.LAPSED, "the time to pay was over"), None),
        (StillOpen(90.0, "cut off", was_asked=False, is_new_doubt=True), RouteOutcome.IN_DOUBT),
        (StillOpen(90.0, "breaker", was_asked=False, is_execute_undone=True), RouteOutcome.UNREACHED),
        (StillOpen(90.0, "not executed yet", is_execute_undone=True), None),
        (StillOpen(90.0, "the payer has not agreed yet"), None),
        (StillOpen(90.0, "inquiry budget is used up", was_asked=False), None),
    ],
)
def test_what_a_finding_says_about_its_connector(finding: TryFinding, outcome: RouteOutcome | None) -> None:
    assert outcome_of(finding) is outcome


@pytest.mark.parametrize(
    ("nothing", "may"),
    [
        (NothingCollected(TryEnd.UNREACHED, "connect refused"), True),
        (NothingCollected(TryEnd.DECLINED, "not_allowed", is_technical=True), True),
        (NothingCollected(TryEnd.DECLINED, "insufficient_balance"), False),
        (NothingCollected(TryEnd.NO_PAGE, "cut off"), False),
        (NothingCollected(TryEnd.NEVER_PAID, "cancelled by the payer"), False),
    ],
)
def test_only_unreached_and_named_declines_may_be_asked_elsewhere(
    nothing: NothingCollected,
    may: bool,  # noqa: FBT001
) -> None:
    assert may_try_another_connector(nothing) is may
