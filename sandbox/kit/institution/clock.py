"""The one place where the simulator learns what time it is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

DHAKA = timezone(timedelta(hours=6), "Asia/Dhaka")
"""Bangladesh keeps UTC+6 all year, so a fixed offset is exact."""


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def dhaka_day(instant: datetime) -> date:
    """Return the calendar day in Dhaka at an aware instant."""
    return instant.astimezone(DHAKA).date()


@dataclass(frozen=True)
class Clock:
    """Time as the simulator sees it; a test hands in its own `now`."""

    now: Callable[[], datetime] = utc_now

    def today(self) -> date:
        """Return today's date in Dhaka, which decides whether a bill is late."""
        return dhaka_day(self.now())
