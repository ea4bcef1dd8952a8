"""A breaker: stops calling a far side that has stopped answering, and finds out when it answers again.

Pure: callers pass the time and the outcomes. While it is open, requests that move money are held back
(unreached, so nothing is in doubt) and a few inquiries go out as probes.
"""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When to open and when to probe; times in seconds (architecture.md 5, "budget")."""

    failures_max: int = 5
    open_seconds: float = 30.0
    probe_seconds: float = 30.0


class Breaker:
    """Counts failures in a row; opens at the limit and closes with the first answer of any kind.

    While open, one request that moves no money goes out per `probe_seconds`. Once `open_seconds` have
    passed without a failure, one request of any kind may try, so that a far side that is only ever paid
    comes back as well; the others wait for its answer.
    """

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._opens_again_at = -inf
        self._next_probe_at = -inf

    @property
    def is_open(self) -> bool:
        """Whether requests are being held back."""
        return self._failures >= self._settings.failures_max

    def admits(self, now: float, *, moves_money: bool) -> bool:
        """Whether a request may go at this monotonic reading; True while open uses up the probe."""
        if not self.is_open:
            return True
        if now >= self._opens_again_at:
            self._hold(now)
            return True
        if moves_money or now < self._next_probe_at:
            return False
        self._next_probe_at = now + self._settings.probe_seconds
        return True

    def record_success(self) -> None:
        """The far side answered, whatever it said."""
        self._failures = 0

    def record_failure(self, now: float) -> None:
        """The far side could not be reached or gave no usable answer."""
        was_open = self.is_open
        self._failures += 1
        if not self.is_open:
            return
        self._opens_again_at = now + self._settings.open_seconds
        if not was_open:
            self._next_probe_at = now + self._settings.probe_seconds

    def _hold(self, now: float) -> None:
        self._opens_again_at = now + self._settings.open_seconds
        self._next_probe_at = now + self._settings.probe_seconds
