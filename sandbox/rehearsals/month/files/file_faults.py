"""Which files go wrong on their way, decided before the first payment.

Around each of them the dates before and after are kept free of others, so that no two causes meet.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.days import LAST, business_days_after
from sandbox.rehearsals.month.model.institutions import DELIVERY, FUNDS, House, Trait

Place = tuple[str, int, int]
"""Institution, date and cycle."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one file; `night` is that of its second or late arrival, None if there is none."""

    code: Code
    night: int | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How many files of a code, and which can be hit."""

    code: Code
    count: int
    rows_min: int
    """So many rows must be expected; 0 where an empty file does as well."""
    trait: Trait | None = None
    is_funds: bool = False


# Thirty rows where eleven are needed, twenty where three different ones or any at all are.
_WANTED = (
    _Wanted(Code.ROUNDING, 3, 30, is_funds=True),
    _Wanted(Code.FILE_SUPERSEDED, 3, 20, is_funds=True),
    _Wanted(Code.CONTROL_TOTAL, 3, 20, Trait.TOTALS),
    _Wanted(Code.FILE_REPLAYED, 3, 20),
    _Wanted(Code.SEQUENCE_GAP, 2, 0, Trait.SEQUENCE),
    _Wanted(Code.FILE_MISSING, 4, 0),
    _Wanted(Code.FILE_DUPLICATE, 3, 0),
)


_NIGHTS_LATER = {Code.FILE_DUPLICATE: (1, 5), Code.FILE_REPLAYED: (1, 4)}
_BUSINESS_DAYS_LATER = {Code.FILE_MISSING: (1, 3), Code.FILE_SUPERSEDED: (2, 2), Code.CONTROL_TOTAL: (1, 1)}


@dataclass(slots=True)
class FilePlan:
    """The fates by place; a date with one is not clean, and bears nothing else."""

    fates: Mapping[Place, Fate]
    _unclean: set[tuple[str, int]] = field(default_factory=set)
    _sequences: dict[Place, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Number the files that carry one."""
        self._unclean = {(house, date) for house, date, _ in self.fates}
        for house in (*FUNDS, *DELIVERY):
            number = 0
            for place in places(house):
                fate = self.fates.get(place)
                number += 2 if fate and fate.code is Code.SEQUENCE_GAP else 1
                self._sequences[place] = number

    def is_clean(self, house: House, date: int) -> bool:
        """Whether nothing happens to any file of a date."""
        return (house.id, date) not in self._unclean

    def sequence(self, place: Place) -> int:
        """Return the number of a file that ought to arrive within the month, else 0."""
        return self._sequences.get(place, 0)


def places(house: House) -> Iterator[Place]:
    """Iterate over the files of a house that ought to arrive within the month, in order."""
    for date in house.dates():
        for cycle in range(1, len(house.cycle_ends) + 1):
            yield house.id, date, cycle


def plan_files(random: Random, rows_expected: Callable[[House, int], float]) -> FilePlan:
    """Choose the files; `rows_expected` tells how many rows one file of a date will have."""
    fates: dict[Place, Fate] = {}
    barred: set[tuple[str, int]] = set()
    for wanted in _WANTED:
        for number in range(wanted.count):
            houses = [house for house in (*FUNDS, *DELIVERY) if _can_be(wanted, house)]
            open_places = [
                (house, place, night)
                for house in houses
                for place in places(house)
                if (house.id, place[1]) not in barred
                and rows_expected(house, place[1]) >= wanted.rows_min
                and (night := _second_night(wanted.code, house, place, random)) <= LAST
            ]
            house, place, night = random.choice(open_places)
            is_never = wanted.code is Code.FILE_MISSING and number == 0
            fates[place] = Fate(wanted.code, None if is_never else night)
            barred |= {(house.id, date) for date in _around(house, place[1])}
    return FilePlan(fates)


def _can_be(wanted: _Wanted, house: House) -> bool:
    if wanted.is_funds and (house in DELIVERY or house.has(Trait.NET_ONLY)):
        return False
    return wanted.trait is None or house.has(wanted.trait)


def _second_night(code: Code, house: House, place: Place, random: Random) -> int:
    """Return the night in which the file comes late or again; after the month where it cannot be struck."""
    arrival = house.arrival(place[1])
    if code is Code.SEQUENCE_GAP:
        # The number of the first file is what the others are counted from.
        return LAST + 1 if place[1:] == (next(house.dates()), 1) else arrival
    if code in _NIGHTS_LATER:
        return arrival + random.randint(*_NIGHTS_LATER[code])
    return business_days_after(arrival, random.randint(*_BUSINESS_DAYS_LATER.get(code, (0, 0))))


def _around(house: House, date: int) -> Iterator[int]:
    """The dates of a house from the one before to the one after, over closed days."""
    before = date - 1
    while before >= 0 and not house.is_made(before):
        before -= 1
    yield from (before, date, house.next_date(date))
