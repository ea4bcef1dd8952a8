"""A report as plain values, before anything is drawn: totals and breaks, and never the rows themselves.

Amounts are whole paisa. The report of a night has its changes and what is open at its end; that of a month
has the final state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from reconciliation.breaks.explanation import Break

Period = Literal["night", "month"]
CheckResultName = Literal["held", "failed", "later"]

# From so many business days on an age is in this group, up to the next.
AGES = (0, 1, 2, 4, 6, 11)


@dataclass(frozen=True, slots=True)
class Tally:
    """So many rows, and together so many paisa net: BDT rows that did not fail."""

    rows: int = 0
    paisa: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.rows + other.rows, self.paisa + other.paisa)


@dataclass(frozen=True, slots=True)
class InstitutionLine:
    """The rows of ours and of theirs, by verdict (`reconciliation.canonical_row`)."""

    institution: str
    kind: str
    ours: Mapping[str, Tally]
    theirs: Mapping[str, Tally]


@dataclass(frozen=True, slots=True)
class CodeLine:
    """The breaks of one code in the period: found, ended, and what is open at its end."""

    code: str
    owner: str
    found_count: int
    ended: int
    open: int
    exposure: int
    overdue: int
    oldest: int


@dataclass(frozen=True, slots=True)
class AgeLine:
    """Open breaks that are `first` to `last` business days old; `last` is None without end."""

    first: int
    last: int | None
    open: int
    exposure: int


@dataclass(frozen=True, slots=True)
class BreakLine:
    """A break, explained as of the end of the period, and the night in which it ended by itself."""

    explained: Break
    ended: date | None

    @property
    def is_overdue(self) -> bool:
        """Open behind its deadline."""
        return self.ended is None and self.explained.as_of > self.explained.deadline


@dataclass(frozen=True, slots=True)
class FeeLine:
    """Of what is matched: gross, fee and VAT by our schedule, and what the institution kept in fact.

    `variances` and `variance` are the open breaks of fees, which are in none of the other figures.
    """

    institution: str
    gross: int
    scheduled: int
    charged: int
    variances: int
    variance: int


@dataclass(frozen=True, slots=True)
class FileLine:
    """A file that arrived or is missing: when it was due, its stated totals, and the verdicts of its rows.

    `stated` are the rows and what the institution owes for them, as they were read against the file's own
    control totals; `fates` are those rows as they stand.
    """

    name: str
    institution: str
    day: date
    cycle: int
    state: str
    due: date | None
    arrived_on: date | None
    late: int
    stated: Tally
    fates: Mapping[str, Tally]
    sha256: str

    @property
    def rows_by_fate(self) -> Tally:
        """The rows of all fates."""
        return sum(self.fates.values(), Tally())

    @property
    def agrees(self) -> bool:
        """Whether every row of it has one fate; a file that does not count has none."""
        return self.rows_by_fate.rows == (self.stated.rows if self.state == "loaded" else 0)


@dataclass(frozen=True, slots=True)
class BookLine:
    """A day of our own books."""

    day: date
    rows: int
    gross: int
    net: int
    sha256: str


@dataclass(frozen=True, slots=True)
class NightLine:
    """One night of many. Files count by their first arrival, rows by the night that decided them."""

    night: date
    on_time: int
    late: int
    missing: int
    matched: int
    decided: int
    found_count: int
    ended: int
    open: int
    exposure: int


@dataclass(frozen=True, slots=True)
class RateLine:
    """Of one institution's rows that one night decided, how many it matched."""

    institution: str
    night: date
    matched: int
    decided: int


@dataclass(frozen=True, slots=True)
class PositionLine:
    """What an institution owes for its files: settled = gross - fees + rounding + suspense."""

    institution: str
    settled: int
    gross: int
    fees: int
    rounding: int
    suspense: int


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """The rows of an institution's files by how it says that they were paid (`canonical_row.OutcomeCode`)."""

    institution: str
    code: str
    rows: int
    paisa: int


@dataclass(frozen=True, slots=True)
class InvariantCheck:
    """One invariant: held, failed with the reason, or proven only at the end of the month."""

    name: str
    result: CheckResultName
    words: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that finance gets of one period."""

    period: Period
    first: date
    last: date
    institutions: tuple[InstitutionLine, ...]
    codes: tuple[CodeLine, ...]
    ages: tuple[AgeLine, ...]
    breaks: tuple[BreakLine, ...]
    fees: tuple[FeeLine, ...]
    files: tuple[FileLine, ...]
    books: tuple[BookLine, ...]
    nights: tuple[NightLine, ...]
    checks: tuple[InvariantCheck, ...]
    evidence: Mapping[str, str]
    rates: tuple[RateLine, ...] = ()
    positions: tuple[PositionLine, ...] = ()
    # Institutions that our books name and that send nothing we can read.
    unwatched: tuple[str, ...] = ()
    # The trust cover by name (`nightly.trust_cover_figures`), for runs over the books.
    cover: Mapping[str, int] = field(default_factory=dict)
    # What was not paid in the normal way, of files that say so.
    outcomes: tuple[OutcomeLine, ...] = ()

    @property
    def open_breaks(self) -> tuple[BreakLine, ...]:
        """The breaks that are open at the end of the period."""
        return tuple(line for line in self.breaks if line.ended is None)

    @property
    def name(self) -> str:
        """The name of its files, without extension."""
        return f"night-{self.last}" if self.period == "night" else f"month-{self.last:%Y-%m}"


def by_age(breaks: tuple[BreakLine, ...]) -> tuple[AgeLine, ...]:
    """Open breaks in groups of business days, the empty groups too."""
    lines = []
    for place, first in enumerate(AGES):
        last = AGES[place + 1] - 1 if place + 1 < len(AGES) else None
        inside = [
            line.explained
            for line in breaks
            if line.ended is None
            and first <= line.explained.age
            and (last is None or line.explained.age <= last)
        ]
        lines.append(AgeLine(first, last, len(inside), sum(line.exposure for line in inside)))
    return tuple(lines)


def by_code(breaks: tuple[BreakLine, ...], first: date, last: date) -> tuple[CodeLine, ...]:
    """Breaks by code, the largest exposure first; codes of which there is nothing are left out."""
    lines = []
    for code in sorted({broken.explained.code for broken in breaks}):
        mine = [broken for broken in breaks if broken.explained.code == code]
        open_lines = [broken for broken in mine if broken.ended is None]
        lines.append(
            CodeLine(
                code=code,
                owner=mine[0].explained.owner,
                found_count=sum(first <= broken.explained.night <= last for broken in mine),
                ended=len(mine) - len(open_lines),
                open=len(open_lines),
                exposure=sum(broken.explained.exposure for broken in open_lines),
                overdue=sum(broken.is_overdue for broken in open_lines),
                oldest=max((broken.explained.age for broken in open_lines), default=0),
            )
        )
    return tuple(sorted(lines, key=lambda line: (-line.exposure, line.code)))
