"""The schedule of breaks: how many of each kind, and at which payments."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random

from sandbox.rehearsals.month.breaks.break_kinds import KINDS, BreakKind
from sandbox.rehearsals.month.files.file_faults import FilePlan
from sandbox.rehearsals.month.model.days import LAST
from sandbox.rehearsals.month.model.institutions import MonthInstitution

_OF_EACH_CODE_MIN = 6
_PAYMENTS_A_SEED = 4_000
# The first days have few files, and a break late in the month could not be detected within it.
_FIRST_PART, _LAST_PART = 0.03, 0.70
_MINUTES_A_DAY = 24 * 60
_WINDOW_TRIES = 10_000


@dataclass(frozen=True, slots=True)
class PlannedBreak:
    """A kind of break, and its institution if that is fixed."""

    kind: BreakKind
    institution: MonthInstitution | None = None


class BreakSchedule:
    """Hands out breaks; one that cannot be made at one payment is offered again at the next."""

    def __init__(self, random: Random, days: Sequence[int], plan: FilePlan) -> None:
        """`days` is how many payments each day has."""
        self._random = random
        self._days = days
        self._plan = plan
        self.pinned: Mapping[tuple[int, int], PlannedBreak] = {}
        kinds = _kinds_of(sum(days))
        free = [kind for kind in kinds if not kind.is_pinned]
        random.shuffle(free)
        at = sorted(int(sum(days) * random.uniform(_FIRST_PART, _LAST_PART)) for _ in free)
        self._free = deque(zip(at, free, strict=True))
        self.pinned = self._pin([kind for kind in kinds if kind.is_pinned])

    def __len__(self) -> int:
        """How many were not handed out yet, without pinned ones."""
        return len(self._free)

    def is_due(self, payment: int) -> bool:
        """Whether a break is due at a payment, by its number in the month."""
        return bool(self._free) and self._free[0][0] <= payment

    @property
    def next_kind(self) -> BreakKind:
        """The break that is due."""
        return self._free[0][1]

    def done(self) -> None:
        """Remove the break that was due."""
        self._free.popleft()

    def put_off(self) -> None:
        """Move the break that was due behind the next one."""
        self._free.rotate(-1)
        at, kind = self._free.pop()
        self._free.insert(min(1, len(self._free)), (at, kind))

    def _pin(self, kinds: Sequence[BreakKind]) -> dict[tuple[int, int], PlannedBreak]:
        pinned: dict[tuple[int, int], PlannedBreak] = {}
        for kind in kinds:
            for _ in range(_WINDOW_TRIES):
                place, institution = self._window(kind)
                if place is not None and place not in pinned:
                    pinned[place] = PlannedBreak(kind, institution)
                    break
        return pinned

    def _window(self, kind: BreakKind) -> tuple[tuple[int, int] | None, MonthInstitution]:
        """Return day and number of a payment within a late window, if there is one."""
        institution, day = self._random.choice(kind.institutions()), self._random.randrange(1, LAST)
        first, after = institution.window
        late = institution.next_date(day)
        is_open = (
            institution.is_made(day)
            and institution.arrival(late) <= LAST
            and institution.arrival(late) > institution.arrival(day)
        )
        if not is_open or not (
            self._plan.is_clean(institution, day) and self._plan.is_clean(institution, late)
        ):
            return None, institution
        count = self._days[day]
        low, high = -(-first * count // _MINUTES_A_DAY), after * count // _MINUTES_A_DAY - 1
        return ((day, self._random.randint(low, high)) if low <= high else None), institution


def _kinds_of(payments: int) -> list[BreakKind]:
    count = max(_OF_EACH_CODE_MIN, payments // _PAYMENTS_A_SEED)
    kinds: list[BreakKind] = []
    for code in dict.fromkeys(kind.code for kind in KINDS):
        kinds += islice(cycle(kind for kind in KINDS if kind.code is code), count)
    return kinds
