"""How an institution does, as everybody may read it: what it answered of late, how fast, and what is unknown.

Declines that a business rule gives (too little money, a bill that is paid) are told apart from technical ones
(not reached, no usable answer), since only these say something about the institution.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Below this many tries, shares say nothing.
TRIES_MIN = 5
WHOLE = 10_000  # basis points


class Grade(StrEnum):
    """How an institution does now, the worst that applies."""

    STOPPED = "stopped"  # planned and announced, or nobody may ask it now
    TROUBLED = "troubled"  # much fails for technical reasons, or stays unknown
    SLOW = "slow"  # it answers, and slower than promised
    WELL = "well"
    QUIET = "quiet"  # too few tries to say


@dataclass(frozen=True, slots=True)
class Promises:
    """What config/sla.toml promises and when an institution counts as troubled; shares in basis points.

    `answered_share` of the answers come within `answer_seconds`. A planned stop is announced
    `stop_notice_hours` before. An institution is troubled where technical failures, or what is still
    unknown, are `troubled_share` or more.
    """

    answer_seconds: float
    answered_share: int
    stop_notice_hours: int
    troubled_share: int

    @property
    def stop_notice(self) -> timedelta:
        """How long before it begins a planned stop is announced."""
        return timedelta(hours=self.stop_notice_hours)


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """What one institution answered in the last 24 hours, as of `at` (UTC).

    `tries` ended as approved, declined by a business rule, failed for a technical reason, or are unknown.
    `in_time` of the `tries` that ended were answered within the promise; the percentiles are of approvals,
    in seconds, None without any. `oldest_unknown` is since when the oldest unresolved one is open.
    """

    institution: str
    at: datetime
    tries: int
    approved: int
    declined: int
    failed: int
    unknown: int
    in_time: int
    p50_seconds: float | None
    p95_seconds: float | None
    oldest_unknown: datetime | None

    @property
    def is_telling(self) -> bool:
        """Whether there were enough tries for shares to say something."""
        return self.tries >= TRIES_MIN

    @property
    def end_count(self) -> int:
        """How many of the tries have ended."""
        return self.tries - self.unknown


def share(part: int, whole: int) -> int:
    """The share in basis points, half up; 0 of nothing."""
    return (part * WHOLE * 2 + whole) // (2 * whole) if whole else 0


def grade_of(record: HealthRecord | None, promises: Promises, *, is_stopped: bool) -> Grade:
    """How an institution does, by its record and whether it is stopped now."""
    if is_stopped:
        return Grade.STOPPED
    if record is None or not record.is_telling:
        return Grade.QUIET
    if share(record.failed + record.unknown, record.tries) >= promises.troubled_share:
        return Grade.TROUBLED
    if share(record.in_time, record.end_count) < promises.answered_share:
        return Grade.SLOW
    return Grade.WELL
