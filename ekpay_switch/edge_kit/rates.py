"""Rate limits, per caller and process: token buckets that refill evenly."""

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
        now, calls_left = self._clock.monotonic(), self._calls_left(caller)
        self._callers.pop(caller, None)
        is_allowed = calls_left >= 1
        self._callers[caller] = (calls_left - 1 if is_allowed else calls_left, now)
        if len(self._callers) > CALLERS_MAX:
            self._callers.popitem(last=False)
        return is_allowed

    def has_room(self, caller: str) -> bool:
        """Whether a call of this caller would be allowed; takes none."""
        return self._calls_left(caller) >= 1

    def _calls_left(self, caller: str) -> float:
        now = self._clock.monotonic()
        calls_left, since = self._callers.get(caller, (self._burst, now))
        return min(self._burst, calls_left + (now - since) * self._per_second)
