"""How often one caller may call, per process: a bucket that refills evenly."""

from collections import OrderedDict

from ekpay_switch.ports.world import Clock

CALLERS_MAX = 10_000


class RateLimit:
    """At most `burst` calls at once and `per_second` on average, for each caller by itself.

    Callers are remembered up to a bound, the longest silent forgotten first, so that made-up names cannot
    fill the memory.
    """

    def __init__(self, clock: Clock, per_second: float, burst: float) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, caller: str) -> bool:
        """Take one call; False when the caller has to wait."""
        now = self._clock.monotonic()
        left, since = self._callers.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        is_allowed = left >= 1
        self._callers[caller] = (left - 1 if is_allowed else left, now)
        if len(self._callers) > CALLERS_MAX:
            self._callers.popitem(last=False)
        return is_allowed
