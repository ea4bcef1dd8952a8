"""Limits of a partner: what each prefund must keep, what a day's payments may take, and how much it may ask.

Those of money bind payments, which are decided under the lock of the partner's account rows (`claims`). Sums
are paisa.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class LimitKind(StrEnum):
    """A limit that two persons of finance set for a partner.

    A floor is what a payment must leave in that bucket; the daily limit holds for both buckets together.
    """

    POSTPAID_FLOOR = "postpaid_floor"
    PREPAID_FLOOR = "prepaid_floor"
    DAILY = "daily"


@dataclass(frozen=True, slots=True)
class FetchTerms:
    """How many bills a partner may fetch by its agreement: so many at the same time, so many a second."""

    in_flight: int = 128
    per_second: int = 200


USUAL_FETCHES = FetchTerms()


@dataclass(frozen=True, slots=True)
class MessageWindow:
    """How old a partner's message may be when it starts something, and how far ahead of our clock.

    Seconds; None where its time is not looked at.
    """

    age_seconds: int | None = 86_400
    ahead_seconds: int | None = 900

    def fault(self, sent_at: datetime, now: datetime) -> str:
        """What is wrong with the time of a message; empty for a fresh one."""
        age = (now - sent_at).total_seconds()
        if self.age_seconds is not None and age > self.age_seconds:
            return f"is more than {self.age_seconds} seconds ago"
        if self.ahead_seconds is not None and -age > self.ahead_seconds:
            return f"is more than {self.ahead_seconds} seconds ahead of our clock"
        return ""


USUAL_MESSAGES = MessageWindow()


@dataclass(frozen=True, slots=True)
class DayTotal:
    """What the payments from one bucket have taken on `taken_on`, and the daily limit of its partner.

    A payment counts with its fees; what is given back on the day on which it was taken counts no more.
    None: no limit; nothing was ever taken.
    """

    daily_limit: int | None
    taken: int
    taken_on: date | None

    def counts_on(self, today: date) -> date:
        """The business date on which a payment is counted that is decided today.

        A batch that began before midnight may be decided after one that began later: it counts for the later
        date then, so a total never loses what it holds.
        """
        return today if self.taken_on is None else max(self.taken_on, today)

    def taken_today(self, today: date) -> int:
        """What stands against the limit today."""
        return self.taken if self.taken_on == self.counts_on(today) else 0


def left_today(totals: Iterable[DayTotal], today: date) -> int | None:
    """What a partner may still pay today from these buckets together; None where it has no daily limit.

    Negative where the limit was lowered below what was paid already.
    """
    buckets = tuple(totals)
    limits = [bucket.daily_limit for bucket in buckets if bucket.daily_limit is not None]
    if not limits:
        return None
    return min(limits) - sum(bucket.taken_today(today) for bucket in buckets)
