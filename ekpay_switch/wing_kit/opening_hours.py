"""When an institution can be called: its hours, its planned downtime and the days it is in force."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.planned_stops import PlannedStop
from ekpay_switch.wing_kit.manifest_sections import Section

Weekday = Literal["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Hours(Section):
    """The hours of each day, Dhaka time; `closes` at or before `opens` lies on the following day."""

    opens: time
    closes: time
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = _WEEKDAYS

    def admits(self, at: datetime) -> bool:
        """Whether this Dhaka time lies within the hours of its own day, or of the night before."""
        now, today = at.time(), at.weekday()
        if self.opens < self.closes:
            return self.opens <= now < self.closes and _WEEKDAYS[today] in self.days
        if now >= self.opens:
            return _WEEKDAYS[today] in self.days
        return now < self.closes and _WEEKDAYS[today - 1] in self.days


class Downtime(Section):
    """One planned stretch of time in which nothing is sent; all instants carry their offset.

    Payers are told of it from `announced_at` on, and without it as long before as config/sla.toml promises.
    """

    begins_at: datetime
    ends_at: datetime
    announced_at: datetime | None = None
    why: Annotated[str, Field(min_length=1)]

    @property
    def stop(self) -> PlannedStop:
        """What the core knows of it."""
        return PlannedStop(self.begins_at, self.ends_at, self.announced_at)

    @model_validator(mode="after")
    def _is_a_stretch(self) -> Self:
        if self.begins_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("a downtime is stated with its offset (+06:00)")
        if self.ends_at <= self.begins_at:
            raise ValueError("a downtime ends after it begins")
        if self.announced_at is not None and self.announced_at.tzinfo is None:
            raise ValueError("announced_at is stated with its offset (+06:00)")
        if self.announced_at is not None and self.announced_at > self.begins_at:
            raise ValueError("announced_at: a planned downtime is announced before it begins")
        return self


@dataclass(frozen=True, slots=True)
class Opening:
    """The whole calendar of one institution."""

    hours: Hours | None
    downtime: tuple[Downtime, ...]
    effective_from: date
    effective_until: date | None

    def closure_reason(self, now: datetime) -> str:
        """Why nothing may be sent at this instant, or empty where it is open."""
        at = in_dhaka(now)
        if at.date() < self.effective_from:
            return "not in force yet"
        if self.effective_until is not None and at.date() > self.effective_until:
            return "no longer in force"
        if any(planned.begins_at <= now < planned.ends_at for planned in self.downtime):
            return "in planned downtime"
        if self.hours is not None and not self.hours.admits(at):
            return "outside its hours"
        return ""
