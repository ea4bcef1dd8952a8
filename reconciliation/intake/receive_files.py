"""The files of one night: each is loaded as a whole, or is a break of its own and changes nothing.

Files are judged in the order of institution, date, cycle and correction, whatever their order in the inbox,
so a night has one outcome.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.digests import file_digest
from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.intake.file_names import FileName, LogicalKey, expected_name, parse_file_name
from reconciliation.intake.file_register import Arrival, FileRegister, FileState
from reconciliation.intake.file_schedule import FileSchedule
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import FileReader, ReaderInHere, Reading

# The table of files counts them in 32 bits.
_SEQUENCE_DIGITS_MAX: Final = 9


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """An incoming file: its name, and where its bytes lie, which do not change any more."""

    name: str
    path: Path


@dataclass(slots=True)
class ReceivedFiles:
    """The files of one night; `withdrawn` are the names of files that a correction replaced."""

    frames: list[pl.DataFrame] = field(default_factory=list)
    findings: list[BreakFinding] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Intake:
    """Reads files: layouts and schedule define what is expected, the register holds earlier arrivals."""

    layouts: Mapping[str, Layout]
    schedule: FileSchedule
    register: FileRegister
    reader: FileReader = field(default_factory=ReaderInHere)

    def receive(self, files: Iterable[IncomingFile], night: date) -> ReceivedFiles:
        """Read every file, then add those missing by this night; files of one name stay in their order.

        Raises:
            MonthError: a name is not that of a settlement file.
        """
        received = ReceivedFiles()
        for name, file in sorted(
            ((parse_file_name(incoming.name), incoming) for incoming in files), key=lambda pair: pair[0]
        ):
            self._take(name, file.path, night, received)
        received.findings.extend(self._missing(night))
        return received

    def _take(self, name: FileName, path: Path, night: date, received: ReceivedFiles) -> None:
        sha256 = file_digest(path)
        live = self.register.loaded_file_of(name.key)
        refusal = self._has_no_effect(name, sha256, live)
        if refusal is not None:
            code, state = refusal
            self.register.add(Arrival(name, sha256, night, state))
            held_amount = live.settled if live is not None and state is FileState.REPLAYED else 0
            received.findings.append(replace(_of_file(code, name), amount=held_amount))
            return
        try:
            reading = self._read(name, path)
        except UnreadableFileError as problem:
            self.register.add(Arrival(name, sha256, night, FileState.REFUSED, refusal=str(problem)))
            received.findings.append(_of_file(BreakCode(problem.code), name, reason=str(problem)))
            return
        sequence = _sequence(reading)
        if self._leaves_a_gap(name.key, sequence):
            received.findings.append(_of_file(BreakCode.SEQUENCE_GAP, name, reason=f"number {sequence}"))
        if live is not None:
            self.register.set_state(live, FileState.SUPERSEDED)
            received.withdrawn.append(live.name.text)
            change = reading.settled - live.settled
            received.findings.append(_of_file(BreakCode.FILE_SUPERSEDED, live.name, difference=change))
        self._load(name, sha256, night, reading, received)

    def _load(
        self, name: FileName, sha256: str, night: date, reading: Reading, received: ReceivedFiles
    ) -> None:
        self.register.add(
            Arrival(
                name,
                sha256,
                night,
                FileState.LOADED,
                rows=reading.rows.height,
                settled=reading.settled,
                sequence=_sequence(reading),
                closing=reading.closing,
                controls=reading.controls,
            )
        )
        received.frames.append(reading.rows)
        received.loaded.append(name.text)
        received.findings.extend(rejected_rows(reading.rows, name))

    def _has_no_effect(
        self, name: FileName, sha256: str, live: Arrival | None
    ) -> tuple[BreakCode, FileState] | None:
        if self.register.knows(sha256, name.key):
            return BreakCode.FILE_DUPLICATE, FileState.DUPLICATE
        if live is None or name.correction > live.name.correction:
            return None
        if name.correction == live.name.correction:
            return BreakCode.FILE_REPLAYED, FileState.REPLAYED
        # The correction arrived before the file that it corrects.
        return BreakCode.FILE_SUPERSEDED, FileState.SUPERSEDED

    def _read(self, name: FileName, path: Path) -> Reading:
        layout = self.layouts.get(name.key.institution)
        if layout is None or name.text.rpartition(".")[2] != layout.extension:
            raise UnreadableFileError("no layout for a file of this name")
        if not self.schedule.takes(name.key):
            raise UnreadableFileError("no file of this date and cycle is expected")
        reading = self.reader.read(path, layout, name.text, name.key.day)
        check_header(name, reading)
        self._check_opening(name.key, reading)
        return reading

    def _check_opening(self, key: LogicalKey, reading: Reading) -> None:
        before = self._neighbour(key)
        if reading.opening is None or before is None or before.closing is None:
            return
        if reading.opening != before.closing:
            raise ControlTotalError(
                f"opening balance {reading.opening} behind a closing balance of {before.closing} paisa"
            )

    def _neighbour(self, key: LogicalKey) -> Arrival | None:
        """The live file right before this one in its institution's schedule."""
        place = self.schedule.place(key) - 1
        for arrival in self.register.loaded_files():
            neighbour_key = arrival.name.key
            if neighbour_key.institution == key.institution and self.schedule.place(neighbour_key) == place:
                return arrival
        return None

    def _leaves_a_gap(self, key: LogicalKey, sequence: int | None) -> bool:
        """Whether numbers were skipped since the nearest earlier file that was loaded."""
        place = self.schedule.place
        numbered = {
            place(arrival.name.key): arrival.sequence
            for arrival in self.register.arrivals
            if arrival.name.key.institution == key.institution and arrival.sequence is not None
        }
        if sequence is None or numbered.get(place(key)) == sequence:
            return False
        earlier = [ordinal for ordinal in numbered if ordinal < place(key)]
        if not earlier and self.schedule.is_open:
            return False
        offset = numbered[max(earlier)] - max(earlier) if earlier else 0
        return sequence - place(key) != offset

    def _missing(self, night: date) -> list[BreakFinding]:
        return [
            _of_file(
                BreakCode.FILE_MISSING, parse_file_name(expected_name(key, self.layouts[key.institution]))
            )
            for key in self.schedule.due_by(night)
            if not self.register.has_come(key)
        ]


def _of_file(code: BreakCode, name: FileName, difference: int = 0, reason: str = "") -> BreakFinding:
    return BreakFinding(
        FindingKey(code, name.key.institution, name.text),
        file=name.text,
        day=name.key.day,
        cycle=name.key.cycle,
        difference=difference,
        reason=reason,
    )


def rejected_rows(rows: pl.DataFrame, name: FileName) -> list[BreakFinding]:
    """The rows of a file that could not be read, each a finding of its own."""
    rejected = rows.filter(pl.col("rejected").is_not_null())
    return [
        BreakFinding(
            FindingKey(BreakCode.ROW_REJECTED, name.key.institution, f"{name.text}:{row['ordinal']}"),
            file=name.text,
            day=name.key.day,
            cycle=name.key.cycle,
            amount=row["gross"] if row["gross"] is not None else row["net"],
            reason=row["rejected"],
            rows=(row["raw_hash"],),
        )
        for row in rejected.iter_rows(named=True)
    ]


def _sequence(reading: Reading) -> int | None:
    number = reading.header.get("sequence", "")
    return int(number) if number.isdecimal() else None


def check_header(name: FileName, reading: Reading) -> None:
    """A header must repeat date, cycle and correction of the name.

    Raises:
        ControlTotalError: it differs.
    """
    sequence = reading.header.get("sequence", "").lstrip("0")
    if len(sequence) > _SEQUENCE_DIGITS_MAX:
        raise ControlTotalError(f"the header says sequence {sequence[:40]}, which no file has")
    mark = "C" if name.correction else "O"
    expected = {
        "date": f"{name.key.day:%Y%m%d}",
        "cycle": f"{name.key.cycle:02d}",
        "correction": mark,
    }
    for field_name, value in expected.items():
        stated = reading.header.get(field_name, value)
        if stated.zfill(2) != value.zfill(2):
            raise ControlTotalError(f"the header says {field_name} {stated}, the name {value}")
