"""A book that changes only through events, each in its journal before it counts.

It is rebuilt from the same events after a kill.
"""

from abc import ABC, abstractmethod
from datetime import date
from pathlib import Path

from sandbox.kit.institution.journal import Journal, JournalLine


class OtherSeedError(Exception):
    """The journal was begun with another seed, so its bills are not those of this simulator."""


class JournalledBook(ABC):
    """The journal, the seed and the first day of a book; what the events mean is the subclass's.

    A subclass creates what it keeps before it calls `__init__`, because that replays the journal.
    """

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today.

        Raises:
            BookOfAnotherWorldError: the book there was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._seed: object = None
        self._opened_on: date | None = None
        self._journal = Journal(path)
        try:
            self._replay(seed, today)
        except BaseException:
            self._journal.close()
            raise

    @property
    def opened_on(self) -> date:
        """The Dhaka day on which the book was begun; the bills hang on it."""
        if self._opened_on is None:
            raise RuntimeError("the book has no first line")
        return self._opened_on

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    @abstractmethod
    def _apply(self, kind: str, line: JournalLine) -> None:
        """Let an event count; `line` holds its values and its kind."""

    def _record(self, line: JournalLine) -> None:
        self._journal.append(line)
        self._apply(str(line["kind"]), line)

    def _replay(self, seed: int, today: date) -> None:
        for line in self._journal.lines():
            if line["kind"] == "opened":
                self._open(line)
            else:
                self._apply(str(line["kind"]), line)
        if self._opened_on is None:
            line = {"kind": "opened", "seed": seed, "opened_on": today.isoformat()}
            self._journal.append(line)
            self._open(line)
        if self._seed != seed:
            raise OtherSeedError(f"the book was begun with seed {self._seed}, not {seed}")

    def _open(self, line: JournalLine) -> None:
        self._seed, self._opened_on = line["seed"], date.fromisoformat(str(line["opened_on"]))
