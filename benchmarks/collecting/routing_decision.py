"""How long a routing decision takes: 25 connectors of one instrument, rules, windows and caps, in one thread.

Only `decide` is measured: its inputs are in memory, where the switch refreshes them once a second.
"""

import timeit
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from uuid import UUID

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.decision import Candidate, decide, draw_of
from ekpay_switch.domain.routing.rules import (
    Action,
    Condition,
    RouteRequest,
    RoutingRules,
    Rule,
    WeeklyWindow,
)

CONNECTORS = 25
_DECISIONS = 2_000
_ROUNDS = 9
_DRAWS = 100


def measure() -> float:
    """The median duration of a decision, in microseconds."""
    candidates, rules = _candidates(), _rules()
    draws = [draw_of(UUID(int=number)) for number in range(_DRAWS)]
    request = RouteRequest(
        instrument="card",
        billed=Money(105_000),
        fee=Money(870),
        vat=Money(130),
        biller_id="desco_postpaid",
        partner_id="shop1",
        at=datetime(2026, 11, 27, 6, 0, tzinfo=UTC),
    )

    def decisions() -> None:
        for number in range(_DECISIONS):
            decide(request, candidates, rules, draws[number % _DRAWS])

    decisions()  # the estimates of this second's records are made once
    return median(timeit.repeat(decisions, number=1, repeat=_ROUNDS)) / _DECISIONS * 1_000_000


def _candidates() -> Sequence[Candidate]:
    return [
        Candidate(
            connector_id=f"acquirer_{number:02}",
            instrument="card",
            is_enabled=True,
            amount_min=Money(1_000),
            amount_max=Money(50_000_000),
            charge_basis_points=150 + 50 * (number % 3),
            payer_charge_basis_points=150 + 50 * (number % 3),
            successes=199 - number,
            outcomes=200,
        )
        for number in range(CONNECTORS)
    ]


def _rules() -> RoutingRules:
    names = tuple(candidate.connector_id for candidate in _candidates())
    night = Condition(minute_from=0, minute_until=360)
    return RoutingRules(
        version="bench",
        instruments={"card": names},
        rules=(
            Rule("some first", Condition(), Action.PREFER, frozenset(names[:12])),
            Rule(
                "not for this biller",
                Condition(billers=frozenset({"x"})),
                Action.EXCLUDE,
                frozenset(names[:3]),
            ),
            Rule("by night", night, Action.SPLIT, frozenset(names[:1]), ((names[0], 100),)),
        ),
        calendar={names[3]: (WeeklyWindow(4, 0, 60),)},
        daily_caps={names[4]: Money(10**12)},
    )
