"""Planned stops of an institution: times in which it takes no payments, and since when that is known.

Pure. `config/sla.toml` promises how long before a stop is announced (docs/adr/0134).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """One planned stop, in UTC or with an offset; `announced_at` is None where nobody wrote it down."""

    begins_at: datetime
    ends_at: datetime
    announced_at: datetime | None = None

    def is_on(self, now: datetime) -> bool:
        """Whether nothing is sent at this instant."""
        return self.begins_at <= now < self.ends_at

    def is_known(self, now: datetime, notice: timedelta) -> bool:
        """Whether payers are told of it: from its announcement, or as promised, until it ends."""
        since = self.begins_at - notice if self.announced_at is None else self.announced_at
        return since <= now < self.ends_at

    def keeps(self, notice: timedelta) -> bool:
        """Whether it was announced as long before as is promised."""
        return self.announced_at is not None and self.begins_at - self.announced_at >= notice


def next_stop(stops: Iterable[PlannedStop], now: datetime, notice: timedelta) -> PlannedStop | None:
    """The stop that is on or comes first of those that payers are told of; None without one."""
    known = [stop for stop in stops if stop.is_known(now, notice)]
    return min(known, key=lambda stop: stop.begins_at, default=None)
