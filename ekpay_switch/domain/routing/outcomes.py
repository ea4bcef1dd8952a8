"""What a finding about a try counts as in its connector's record and breaker (docs/adr/0038).

Only collected money is a success. In doubt is a failure, however the doubt ends. What a payer does or does
not do, and what the payer's own bank refuses, does not count.
"""

from typing import assert_never

from ekpay_switch.domain.collections.connector_calls import ConfirmedCollection
from ekpay_switch.domain.collections.funding import (
    MoneyCollected,
    NothingCollected,
    PageOpened,
    StillOpen,
    TryEnd,
    TryFinding,
)
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.routing.breaker import RouteOutcome


def outcome_of(finding: TryFinding) -> RouteOutcome | None:
    """The outcome of the payment call that led to a finding, None where no payment call did."""
    match finding:
        case PageOpened():
            return RouteOutcome.PAGE
        case MoneyCollected(judged=judged):
            # Money that differs from what was asked for is no usable answer.
            return (
                RouteOutcome.COLLECTED if isinstance(judged, ConfirmedCollection) else RouteOutcome.IN_DOUBT
            )
        case NothingCollected():
            return _outcome_of_ended_try(finding)
        case StillOpen():
            return _outcome_of_open_try(finding)
        case MoneyHeld():
            # Once it is released or refused, that is its outcome.
            return None
        case _:
            assert_never(finding)


def may_try_another_connector(finding: NothingCollected) -> bool:
    """Whether the switch itself may ask another connector for the same payment (law 4).

    It is safe, since no page was opened, and useful, since another connector may be reachable or may accept
    what this one refuses. After a lost answer only the payer begins another try.
    """
    return finding.end is TryEnd.UNREACHED or finding.is_technical


def _outcome_of_ended_try(finding: NothingCollected) -> RouteOutcome | None:
    if finding.is_our_own:
        return None
    match finding.end:
        case TryEnd.DECLINED:
            return RouteOutcome.DECLINED if finding.is_technical else RouteOutcome.REFUSED
        case TryEnd.UNREACHED:
            return RouteOutcome.UNREACHED
        case TryEnd.NO_PAGE:
            return RouteOutcome.NO_PAGE
        case _:
            return None


def _outcome_of_open_try(finding: StillOpen) -> RouteOutcome | None:
    """Only an execute counts: an inquiry about it is no payment call."""
    if finding.is_new_doubt:
        return RouteOutcome.IN_DOUBT
    return RouteOutcome.UNREACHED if finding.is_execute_undone and not finding.was_asked else None
