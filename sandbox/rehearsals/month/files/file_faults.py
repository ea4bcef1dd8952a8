"""Which files have an error of the whole file, decided before the first payment.

The dates before and after each of them have no other error, so that no break has two causes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.days import LAST, business_days_after
from sandbox.rehearsals.month.model.institutions import DELIVERY, FUNDS, MonthInstitution, Trait

Place = tuple[str, int, int]
"""Institution, date and cycle."""


@dataclass(frozen=True, slots=True)
class FileFate:
    """The error of one file; `night` is that of its second or late arrival, None if there is none."""

    code: Code
    night: int | None = None


@dataclass(frozen=True, slots=True)
class _FaultQuota:
    """How many files get an error of a code, and which can get it."""

    code: Code
    count: int
    rows_min: int
    """The minimum number of expected rows; 0 where the file may be empty."""
    trait: Trait | None = None
    is_funds: bool = False


# Thirty rows where eleven are needed, twenty where three different rows or at least one are.
_FAULT_QUOTAS = (
    _FaultQuota(Code.ROUNDING, 3, 30, is_funds=True),
    _FaultQuota(Code.FILE_SUPERSEDED, 3, 20, is_funds=True),
    _FaultQuota(Code.CONTROL_TOTAL, 3, 20, Trait.TOTALS),
    _FaultQuota(Code.FILE_REPLAYED, 3, 20),
    _FaultQuota(Code.SEQUENCE_GAP, 2, 0, Trait.SEQUENCE),
    _FaultQuota(Code.FILE_MISSING, 4, 0),
    _FaultQuota(Code.FILE_DUPLICATE, 3, 0),
)


_NIGHTS_LATER = {Code.FILE_DUPLICATE: (1, 5), Code.FILE_REPLAYED: (1, 4)}
_BUSINESS_DAYS_LATER = {Code.FILE_MISSING: (1, 3), Code.FILE_SUPERSEDED: (2, 2), Code.CONTROL_TOTAL: (1, 1)}


@dataclass(slots=True)
class FilePlan:
    """The errors by file; a date with one is not clean and gets no other break."""

    fates: Mapping[Place, FileFate]
    _unclean: set[tuple[str, int]] = field(default_factory=set)
    _sequences: dict[Place, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Assign the sequence numbers of files that have one."""
        self._unclean = {(institution, date) for institution, date, _ in self.fates}
        for institution in (*FUNDS, *DELIVERY):
            number = 0
            for place in places(institution):
                fate = self.fates.get(place)
                number += 2 if fate and fate.code is Code.SEQUENCE_GAP else 1
                self._sequences[place] = number

    def is_clean(self, institution: MonthInstitution, date: int) -> bool:
        """Whether no file of a date has an error."""
        return (institution.id, date) not in self._unclean

    def sequence(self, place: Place) -> int:
        """Return the sequence number of a file that is due within the month, else 0."""
        return self._sequences.get(place, 0)


def places(institution: MonthInstitution) -> Iterator[Place]:
    """Iterate over the files of an institution that are due within the month, in order."""
    for date in institution.dates():
        for cycle in range(1, len(institution.cycle_ends) + 1):
            yield institution.id, date, cycle


def plan_files(random: Random, rows_expected: Callable[[MonthInstitution, int], float]) -> FilePlan:
    """Choose the files; `rows_expected` tells how many rows one file of a date will have."""
    fates: dict[Place, FileFate] = {}
    barred: set[tuple[str, int]] = set()
    for quota in _FAULT_QUOTAS:
        for number in range(quota.count):
            institutions = [
                institution for institution in (*FUNDS, *DELIVERY) if _can_have_fault(quota, institution)
            ]
            open_places = [
                (institution, place, night)
                for institution in institutions
                for place in places(institution)
                if (institution.id, place[1]) not in barred
                and rows_expected(institution, place[1]) >= quota.rows_min
                and (night := _second_night(quota.code, institution, place, random)) <= LAST
            ]
            institution, place, night = random.choice(open_places)
            is_never = quota.code is Code.FILE_MISSING and number == 0
            fates[place] = FileFate(quota.code, None if is_never else night)
            barred |= {(institution.id, date) for date in _dates_around(institution, place[1])}
    return FilePlan(fates)


def _can_have_fault(quota: _FaultQuota, institution: MonthInstitution) -> bool:
    if quota.is_funds and (institution in DELIVERY or institution.has(Trait.NET_ONLY)):
        return False
    return quota.trait is None or institution.has(quota.trait)


def _second_night(code: Code, institution: MonthInstitution, place: Place, random: Random) -> int:
    """Return the night of the late or repeated arrival; after the month where the error is impossible."""
    arrival = institution.arrival(place[1])
    if code is Code.SEQUENCE_GAP:
        # Sequence numbers are counted from that of the first file.
        return LAST + 1 if place[1:] == (next(institution.dates()), 1) else arrival
    if code in _NIGHTS_LATER:
        return arrival + random.randint(*_NIGHTS_LATER[code])
    return business_days_after(arrival, random.randint(*_BUSINESS_DAYS_LATER.get(code, (0, 0))))


def _dates_around(institution: MonthInstitution, date: int) -> Iterator[int]:
    """The dates of an institution from the previous to the next one, skipping days without files."""
    before = date - 1
    while before >= 0 and not institution.is_made(before):
        before -= 1
    yield from (before, date, institution.next_date(date))
