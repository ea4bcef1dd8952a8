"""Participants: the institutions that our books name, and the banks by which they pay.

Files are expected only of participants, so a layout may exist long before its institution is connected.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from reconciliation.calendar import Calendar
from reconciliation.statement.layout import Layout


def with_banks(named: Collection[str], layouts: Mapping[str, Layout]) -> frozenset[str]:
    """The institutions, and the banks on whose statements they pay us."""
    return frozenset(named) | {bank for name in named if (bank := bank_of(name, layouts))}


def bank_of(institution: str, layouts: Mapping[str, Layout]) -> str:
    """The bank on whose statements an institution pays us, empty where it pays by none."""
    layout = layouts.get(institution)
    return layout.payout.bank if layout is not None and layout.payout is not None else ""


def only_participants(taking_part: Collection[str], calendar: Calendar) -> Calendar:
    """The calendar with the times of these institutions alone."""
    times = {name: file_times for name, file_times in calendar.institutions.items() if name in taking_part}
    return calendar.model_copy(update={"institutions": times})


@dataclass(frozen=True, slots=True)
class Participants:
    """The date from which each participant sends files, and the unwatched institutions of our books."""

    since: Mapping[str, date]
    unwatched: frozenset[str]


def participants_of(
    since: Mapping[str, date],
    named: Mapping[str, date],
    layouts: Mapping[str, Layout],
    calendar: Calendar,
) -> Participants:
    """Earlier participants, and the institutions that the books name by now with the first date of each.

    An institution without a layout or times is unwatched, a bank by which one pays as well.
    """
    first_dates = dict(named)
    for name in sorted({*since, *named}):
        bank, first_date = bank_of(name, layouts), since.get(name, named.get(name))
        if bank and first_date is not None:
            first_dates[bank] = min(first_date, first_dates.get(bank, first_date))
    all_dates = first_dates | dict(since)
    watched = {name for name in all_dates if name in layouts and name in calendar.institutions}
    expected = {name: all_dates[name] for name in sorted(watched)}
    return Participants(expected, frozenset(all_dates.keys() - watched))
