"""The records of runs, files, breaks and positions, as all readers of results get them.

Amounts in paisa, instants in UTC, nights and days are dates in Dhaka. Nothing here knows the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


class BreakState(StrEnum):
    """The state of a break, which its newest event gives."""

    OPEN = "open"
    PROPOSED = "proposed"  # a resolution is proposed and not yet checked
    RESOLVED = "resolved"  # a resolution stands approved
    CLOSED = "closed"  # it ended by itself: the money, the row or the file came


class BreakEventKind(StrEnum):
    """What happened to a break."""

    FOUND = "found"
    CLOSED = "closed"
    REOPENED = "reopened"
    NOTED = "noted"
    ANSWERED = "answered"  # a file's answer was given to the payment
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    REFUSED = "refused"  # an attempt that a rule or the database refused, recorded all the same
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One committed run of a night. `number` counts runs of the same night, `seq` all runs.

    `identity` holds the parts of the identity digest by name: ledger, files, rules, calendar.
    `findings_digest` proves the breaks with their first night, `outcome_digest` the verdict of every row,
    `rows_digest` the Parquet files of the run on disk. `figures` are the totals that reports print,
    `invariants` the outcome of each: `hold` or words. `last_line` is the newest frozen ledger line that the
    run has taken.
    """

    id: UUID
    seq: int
    night: date
    number: int
    identity: Mapping[str, str]
    identity_digest: str
    findings_digest: str
    outcome_digest: str
    rows_digest: str
    last_line: int
    figures: Mapping[str, int]
    invariants: Mapping[str, str]
    sql: str
    started_at: datetime
    finished_at: datetime | None = None

    @property
    def holds(self) -> bool:
        """Whether every invariant holds."""
        return all(words == "hold" for words in self.invariants.values())


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file that was judged, with its state as it stands now; `controls` are stated and counted totals."""

    name: str
    institution: str
    day: date
    cycle: int
    correction: int
    sha256: str
    source: str
    received_at: datetime
    night: date
    layout_version: str
    state: str
    rows: int
    settled: int
    sequence: int | None
    closing: int | None
    rounding: int
    controls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BreakRecord:
    """One break as it stands. `age` is in business days up to the night of the query.

    `details` (column `told`) holds what was known when it was first seen: passes, nearest, rows (hashes),
    what, action, automatic, en, bn, and `movements`: the frozen lines that it is about, as text of their
    UUIDs. `short_number` is the one that people type; 0 until the break is written.
    """

    id: UUID
    run_id: UUID
    code: str
    institution: str
    reference: str
    first_seen: date
    age: int
    state: BreakState
    amount: int
    difference: int
    exposure: int
    file: str
    day: date | None
    cycle: int
    owner: str
    deadline: date
    diagnosis: str
    details: Mapping[str, object]
    short_number: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class BreakEvent:
    """One thing that happened to a break; `hash` chains all events of the table in their order."""

    seq: int
    break_id: UUID
    at: datetime
    night: date
    actor: str
    event: BreakEventKind
    state: BreakState
    facts: Mapping[str, object]
    hash: bytes


@dataclass(frozen=True, slots=True)
class BreakFilter:
    """A filter of breaks; an empty field selects all. Table, JSON, CSV and XLSX use the same filter."""

    codes: Sequence[str] = ()
    institutions: Sequence[str] = ()
    owners: Sequence[str] = ()
    states: Sequence[BreakState] = ()
    night: date | None = None
    older_than: int = 0  # business days
    at_least: int = 0  # paisa of exposure
    reference: str = ""


@dataclass(frozen=True, slots=True)
class PositionRecord:
    """One line of a run's positions: settled = gross - fees + rounding + suspense, in paisa."""

    institution: str
    settled: int
    gross: int
    fees: int
    rounding: int
    suspense: int
