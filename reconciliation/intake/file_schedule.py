"""Which files are expected, in which night, and what number each has in its institution's sequence."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cached_property

from reconciliation.calendar import Calendar
from reconciliation.intake.file_names import LogicalKey

_ONE_DAY = timedelta(days=1)


class FileSchedule:
    """The files of all institutions whose arrival lies between two nights, both included.

    With `since`, only its institutions are expected to send files, each from its own date on, as our books
    came to name it. Files of others, and of earlier dates, are taken when they come all the same.
    """

    def __init__(
        self, calendar: Calendar, first: date, last: date, since: Mapping[str, date] | None = None
    ) -> None:
        self.calendar = calendar
        self.first = first
        self.last = last
        self.since = since

    @property
    def is_open(self) -> bool:
        """Whether files may come that nobody expects, and sequences begin anywhere."""
        return self.since is not None

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

    def takes(self, key: LogicalKey) -> bool:
        """Whether there can be a file of this institution, date and cycle."""
        if not self.is_open or key in self.ordinals:
            return key in self.ordinals
        if key.institution not in self.calendar.institutions:
            return False
        return 1 <= key.cycle <= self.cycles(key.institution) and any(self._dates(key, key.day, key.day))

    def place(self, key: LogicalKey) -> int:
        """The place of a file that is taken; below 1 where it is of a date before the first expected one."""
        known = self.ordinals.get(key)
        if known is not None:
            return known
        begin, cycles = self._begin(key.institution), self.cycles(key.institution)
        if key.day >= begin:
            return (sum(1 for _ in self._dates(key, begin, key.day)) - 1) * cycles + key.cycle
        return key.cycle - sum(1 for _ in self._dates(key, key.day, begin - _ONE_DAY)) * cycles

    def due_by(self, night: date) -> Iterator[LogicalKey]:
        """The files that are expected up to a night."""
        return (key for key, arrival in self.arrivals.items() if arrival <= night)

    def cycles(self, institution: str) -> int:
        """How many files the institution makes for a date."""
        return len(self.calendar.institutions[institution].cycle_ends)

    def payout_date(self, key: LogicalKey) -> date:
        """The day on which the institution pays for a file: the business day behind its expected arrival."""
        return self.calendar.business_day_after(self.calendar.arrival(key.institution, key.day))

    def _begin(self, institution: str) -> date:
        return self.first if self.since is None else self.since.get(institution, self.first)

    def _dates(self, key: LogicalKey, first: date, last: date) -> Iterator[date]:
        return self.calendar.dates_with_files(key.institution, first, last)

    def _keys(self) -> Iterator[LogicalKey]:
        expected = self.calendar.institutions if self.since is None else self.since
        for institution in expected:
            for day in self.calendar.dates_with_files(institution, self._begin(institution), self.last):
                for cycle in range(self.cycles(institution)):
                    yield LogicalKey(institution, day, cycle + 1)
