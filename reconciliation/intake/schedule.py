"""Which files are expected, in which night, and what number each has in its institution's sequence."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property

from reconciliation.calendar import Calendar
from reconciliation.intake.names import LogicalKey


class Schedule:
    """The files of all institutions whose arrival lies between two nights, both included."""

    def __init__(self, calendar: Calendar, first: date, last: date) -> None:
        self.calendar = calendar
        self.first = first
        self.last = last

    @cached_property
    def arrivals(self) -> Mapping[LogicalKey, date]:
        """The night in which each file is expected."""
        return {
            key: night
            for key in self._keys()
            if (night := self.calendar.arrival(key.institution, key.day)) <= self.last
        }

    @cached_property
    def ordinals(self) -> Mapping[LogicalKey, int]:
        """The place of each file among those of its institution, counted from 1."""
        counted: dict[str, int] = {}
        ordinals = {}
        for key in sorted(self._keys()):
            counted[key.institution] = ordinals[key] = counted.get(key.institution, 0) + 1
        return ordinals

    def due_by(self, night: date) -> Iterator[LogicalKey]:
        """The files that are expected up to a night."""
        return (key for key, arrival in self.arrivals.items() if arrival <= night)

    def cycles(self, institution: str) -> int:
        """How many files the institution makes for a date."""
        return len(self.calendar.institutions[institution].cycle_ends)

    def payout_date(self, key: LogicalKey) -> date:
        """The day on which the institution pays for a file: the business day behind its expected arrival."""
        return self.calendar.after(self.calendar.arrival(key.institution, key.day))

    def _keys(self) -> Iterator[LogicalKey]:
        for institution in self.calendar.institutions:
            for day in self.calendar.dates_with_files(institution, self.first, self.last):
                for cycle in range(self.cycles(institution)):
                    yield LogicalKey(institution, day, cycle + 1)
