"""Which cycle a movement belongs to, when the cycle closes, and on which value date it is settled.

The rules are those of docs/protocols/reconciliation-month.md, "The calendar". Parties that send no files
(merchants, payees, partners) have one set of times together, from config/settlement.toml.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from reconciliation.calendar import Calendar, FileTimes
from reconciliation.statement.values.dates import DHAKA

_MINUTES_AN_HOUR = 60


class PartyRole(StrEnum):
    """What a party is to us."""

    CONNECTOR = "connector"
    BILLER = "biller"
    MERCHANT = "merchant"
    PAYEE = "payee"
    PARTNER = "partner"
    AGENT = "agent"  # a partner whose counters earn commission, which is owed beside its prefund
    SWEEP = "sweep"  # who gets our own money: `operator` our income, the others VAT and tax
    DEPOSIT = "deposit"  # our own deposit at a prefunded utility, named by its biller
    OURS = "ours"


_SEND_FILES = (PartyRole.CONNECTOR, PartyRole.BILLER)


@dataclass(frozen=True, slots=True, order=True)
class Party:
    """A party with a position; `name` is the institution's id, or the id of a merchant, payee or partner."""

    role: PartyRole
    name: str

    def __str__(self) -> str:
        return f"{self.role}:{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Cycle:
    """One cycle of a business date of one party; `number` counts from 1."""

    party: Party
    day: date
    number: int


@dataclass(frozen=True, slots=True)
class Cycles:
    """The cycles of every party; `own` are the times of parties that the calendar does not name."""

    calendar: Calendar
    own: FileTimes

    def times(self, party: Party) -> FileTimes:
        """When the party's cycles end and how many business days later its file is there."""
        named = self.calendar.institutions if party.role in _SEND_FILES else {}
        return named.get(party.name, self.own)

    def cycle_of(self, party: Party, at: datetime) -> Cycle:
        """The cycle of a movement at an instant.

        At or after the cut-off it is the first cycle of the next date, and on a day for which the party makes
        no file the first cycle of the next business day.

        Raises:
            ValueError: the instant has no zone.
        """
        if at.tzinfo is None:
            raise ValueError("an instant without a zone belongs to no cycle")
        times = self.times(party)
        local = at.astimezone(DHAKA)
        minute = local.hour * _MINUTES_AN_HOUR + local.minute
        is_behind = minute >= times.cut_off
        booked = local.date() + timedelta(days=is_behind)
        day = booked if times.days == "all" else self.calendar.on_or_after(booked)
        if is_behind or day != booked:
            return Cycle(party, day, 1)
        number = next(place for place, end in enumerate(times.cycle_ends, start=1) if minute < end)
        return Cycle(party, day, number)

    def arrival(self, cycle: Cycle) -> date:
        """The night in which the file of the cycle is expected."""
        return self.calendar.business_day_after(cycle.day, self.times(cycle.party).lag)

    def value_date(self, cycle: Cycle, known_on: date | None = None) -> date:
        """The business day on which the cycle is settled: the one behind the night in which it is known.

        A file that comes late, or a break that is decided later, is known on another night than the expected
        one and is settled behind that night. So days that come out of order never reach back into a value
        date that is over, and one that comes early waits for its own.
        """
        expected = self.arrival(cycle)
        return self.calendar.business_day_after(max(expected, known_on or expected))
