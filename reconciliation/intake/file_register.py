"""The register of files: when each arrived, its state and its totals.

    received ▶ loaded ▶ superseded by a correction
             ▶ refused (unreadable, or its control totals are wrong): no row of it is loaded
             ▶ duplicate (same bytes) · replayed (same key, other bytes, no mark): no effect, held

A file that was loaded never changes; a correction is a file of its own with the same logical key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from reconciliation.intake.file_names import FileName, LogicalKey


class FileState(StrEnum):
    """The state of a file."""

    LOADED = "loaded"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class Arrival:
    """The arrival of one file in one night. `settled` is what its institution owes for it, in paisa.

    `controls` are the stated and the counted totals; `refusal` is the reason why it was refused.
    """

    name: FileName
    sha256: str
    night: date
    state: FileState
    rows: int = 0
    settled: int = 0
    sequence: int | None = None
    closing: int | None = None
    rounding: int = 0
    controls: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""

    @property
    def fulfils(self) -> bool:
        """Whether an expected file has come with it: bytes that came before tell nothing of another date."""
        return self.state is not FileState.DUPLICATE


@dataclass(slots=True)
class FileRegister:
    """All arrivals so far, in the order in which they were judged."""

    arrivals: list[Arrival] = field(default_factory=list)
    _by_key: dict[LogicalKey, list[int]] = field(default_factory=dict)
    _by_bytes: dict[str, list[Arrival]] = field(default_factory=dict)

    def add(self, arrival: Arrival) -> None:
        """Add an arrival."""
        self._by_bytes.setdefault(arrival.sha256, []).append(arrival)
        self._by_key.setdefault(arrival.name.key, []).append(len(self.arrivals))
        self.arrivals.append(arrival)

    def arrivals_of(self, key: LogicalKey) -> list[Arrival]:
        """All arrivals of a key."""
        return [self.arrivals[index] for index in self._by_key.get(key, [])]

    def has_come(self, key: LogicalKey) -> bool:
        """Whether the file of a key has come, be it refused."""
        return any(arrival.fulfils for arrival in self.arrivals_of(key))

    def loaded_file_of(self, key: LogicalKey) -> Arrival | None:
        """The file of a key that counts, or none."""
        return next((arrival for arrival in self.arrivals_of(key) if arrival.state is FileState.LOADED), None)

    def knows(self, sha256: str, key: LogicalKey) -> bool:
        """Whether these bytes came before: under the same key, or with rows under any other.

        Files without rows may be alike from day to day. Bytes that were refused are read again: layouts and
        limits may be others by then.
        """
        return any(
            arrival.rows or (arrival.name.key == key and arrival.state is not FileState.REFUSED)
            for arrival in self._by_bytes.get(sha256, [])
        )

    def loaded_files(self) -> Iterator[Arrival]:
        """Every file that counts."""
        return (arrival for arrival in self.arrivals if arrival.state is FileState.LOADED)

    def loaded_file_named(self, name: str) -> Arrival:
        """The loaded file of a name."""
        return next(arrival for arrival in self.loaded_files() if arrival.name.text == name)

    def set_state(self, arrival: Arrival, state: FileState) -> None:
        """Replace the state of a file, as when a correction takes its place."""
        self._replace(arrival, replace(arrival, state=state))

    def set_rounding(self, arrival: Arrival, paisa: int) -> None:
        """Note how many paisa of a file's rows are off by one each."""
        self._replace(arrival, replace(arrival, rounding=paisa))

    def _replace(self, old: Arrival, new: Arrival) -> None:
        for index in self._by_key[old.name.key]:
            if self.arrivals[index] is old:
                self.arrivals[index] = new
