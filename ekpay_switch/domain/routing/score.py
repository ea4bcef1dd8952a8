"""The score of a connector: p times margin, in whole numbers (docs/adr/0038).

p is the lower bound of Wilson's interval for the share of tries that succeeded, in parts per million. The
margin, in paisa, is what a success earns us plus what a failure would have cost: the expected value is
p·earned - (1 - p)·cost = p·(earned + cost) - cost, so the scores are in the order of the expected values.
Earnings are below zero where a bill is free to its payer and the connector keeps a share of it; a margin is
at least 1 paisa, so that the better record always goes first.
"""

from functools import lru_cache
from math import isqrt

from ekpay_switch.domain.routing.rules import PPM

MARGIN_MIN = 1
# z = 1.96, two-sided 95 %; its square in ten thousandths.
_Z_SQUARED = 38_416
_TEN_THOUSAND = 10_000
_FINE = 1_000_000


def wilson_lower_bound(successes: int, outcomes: int) -> int:
    """The lower bound in parts per million, rounded down; 0 where there are no outcomes.

    With s of n: (s + z²/2 - z·sqrt(s(n - s)/n + z²/4)) / (n + z²), all of it over 20,000 to stay whole.
    """
    if outcomes == 0:
        return 0
    square = 4 * _TEN_THOUSAND * _Z_SQUARED * successes * (outcomes - successes)
    root = isqrt(square * _FINE * _FINE // outcomes + (_Z_SQUARED * _FINE) ** 2)
    above = (2 * _TEN_THOUSAND * successes + _Z_SQUARED) * _FINE - root
    return above * PPM // (2 * _FINE * (_TEN_THOUSAND * outcomes + _Z_SQUARED))


@lru_cache(maxsize=65_536)
def estimate(successes: int, outcomes: int, outcomes_min: int, unknown_percent: int) -> int:
    """The p of a record, in parts per million; a short one is filled up with assumed outcomes."""
    missing = max(outcomes_min - outcomes, 0)
    assumed = missing * unknown_percent // 100
    return wilson_lower_bound(successes + assumed, outcomes + missing)
