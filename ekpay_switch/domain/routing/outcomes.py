"""What a finding about a try says about its connector, for its record and its breaker (docs/adr/0038).

Good is the money alone. In doubt counts as failure, whatever comes of the doubt later. What a payer does or
leaves undone, and what the payer's own bank refuses, says nothing about the connector.
"""

from typing import assert_never

from ekpay_switch.domain.collections.connector_calls import Agreed
from ekpay_switch.domain.collections.funding import (
    CameToNothing,
    Finding,
    MoneyCame,
    PageOpened,
    StillOpen,
    TryEnd,
)
from ekpay_switch.domain.routing.breaker import RouteOutcome


def outcome_of(finding: Finding) -> RouteOutcome | None:
    """What the payment call behind a finding came to, None where no payment call is behind it."""
    match finding:
        case PageOpened():
            return RouteOutcome.PAGE
        case MoneyCame(judged=judged):
            # Money that is not what was asked for is no usable answer.
            return RouteOutcome.COLLECTED if isinstance(judged, Agreed) else RouteOutcome.IN_DOUBT
        case CameToNothing():
            return _of_nothing(finding)
        case StillOpen():
            return _of_open(finding)
        case _:
            assert_never(finding)


def may_ask_another(nothing: CameToNothing) -> bool:
    """Whether the switch itself may ask another connector for the same payment (law 4).

    Safe, since no page was opened; and useful, since another one may be reached or may take what this one
    refuses us. An answer that was lost is left to the payer's next try.
    """
    return nothing.end is TryEnd.UNREACHED or nothing.is_technical


def _of_nothing(nothing: CameToNothing) -> RouteOutcome | None:
    if nothing.is_our_own:
        return None
    match nothing.end:
        case TryEnd.DECLINED:
            return RouteOutcome.DECLINED if nothing.is_technical else RouteOutcome.REFUSED
        case TryEnd.UNREACHED:
            return RouteOutcome.UNREACHED
        case TryEnd.NO_PAGE:
            return RouteOutcome.NO_PAGE
        case _:
            return None


def _of_open(still: StillOpen) -> RouteOutcome | None:
    """Of an execute alone: questions that were asked about it are none of a payer's calls."""
    if still.is_new_doubt:
        return RouteOutcome.IN_DOUBT
    return RouteOutcome.UNREACHED if still.is_execute_undone and not still.was_asked else None
